import { createHash } from 'node:crypto';
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AdapterSpec, ModelSpec } from '@ollamamax/api';
import {
  bundled,
  eventually,
  StoreHarness,
  tiny,
  tinyBytes,
  tinyDigest,
  until,
  type OpenStore,
} from './model-store.fixture.ts';

const pirate = bundled('ollamamax-tiny-pirate-lora-f16.gguf');
let bytes: Buffer;
let digest: string;
beforeAll(async () => {
  bytes = await readFile(pirate);
  digest = createHash('sha256').update(bytes).digest('hex');
});

const harness = new StoreHarness();
beforeEach(() => harness.setUp());
afterEach(() => harness.tearDown());

const adapted = (...adapters: AdapterSpec[]): ModelSpec => ({
  name: 'a',
  source: { file: tiny },
  sha256: tinyDigest,
  adapters,
});
const ready = (open: OpenStore) => until(open.store, 'a:latest', ({ state }) => state === 'ready');
const failed = (open: OpenStore) => until(open.store, 'a:latest', ({ state }) => state === 'failed');

const serveAdapter = (): Promise<string> =>
  harness.serve((_request, response) =>
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
  );

describe('a model with adapters', () => {
  test('is ready once they are verified, too, and tells of them', async () => {
    const open = await harness.open([adapted({ source: { file: pirate }, scale: 0.5 })]);
    expect(await ready(open)).toMatchObject({
      digest: tinyDigest,
      adapters: [digest],
      sizeBytes: tinyBytes + bytes.length,
    });
    expect(open.store.get('a:latest')).toMatchObject({
      digest: tinyDigest,
      sizeBytes: tinyBytes,
      adapters: [{ path: pirate, digest, sizeBytes: bytes.length, scale: 0.5 }],
    });
    expect((await open.store.show('a:latest', false)).adapters).toEqual([{ digest, scale: 0.5 }]);
    const retired: string[] = [];
    open.store.onChange(() => retired.push(open.store.list()[0]?.state ?? 'gone'));
    open.place([adapted({ source: { file: pirate } })]);
    expect(open.store.get('a:latest')?.adapters?.[0]?.scale).toBe(1);
    expect(retired).toEqual(['ready']);
    open.place([{ ...adapted(), adapters: [] }]);
    expect(await ready(open)).not.toHaveProperty('adapters');
  });

  test('has them downloaded and verified as its own file, and they go with it', async () => {
    const http = await serveAdapter();
    const open = await harness.open([adapted({ source: { http }, sha256: digest })], {
      limits: { goneBlobMs: 0 },
    });
    await ready(open);
    expect(await harness.blobs()).toEqual([`sha256-${digest}`]);
    expect(open.store.get('a:latest')?.adapters?.[0]).toMatchObject({ digest, scale: 1 });
    open.place([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });

  test('keeps a download that a request still needs', async () => {
    const http = await serveAdapter();
    let isUsed = true;
    let looks = 0;
    const open = await harness.open([adapted({ source: { http }, sha256: digest })], {
      limits: { goneBlobMs: 0 },
      inUse: (used) => {
        looks += 1;
        return isUsed && used === digest;
      },
    });
    await ready(open);
    open.place([]);
    looks = 0;
    await eventually('some looks for unused files', () => looks > 3);
    expect(await harness.blobs()).toEqual([`sha256-${digest}`]);
    isUsed = false;
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });

  test.each<[string, () => Promise<AdapterSpec> | AdapterSpec, string]>([
    [
      'with other bytes than expected',
      () => ({ source: { file: pirate }, sha256: 'a'.repeat(64) }),
      'digest_mismatch',
    ],
    [
      'downloaded with other bytes than expected',
      async () => ({ source: { http: await serveAdapter() }, sha256: 'a'.repeat(64) }),
      'digest_mismatch',
    ],
    ['that is a model', () => ({ source: { file: tiny } }), 'model_file_invalid'],
    ['that is not there', () => ({ source: { file: '/nowhere/a.gguf' } }), 'source_file_missing'],
  ])('is not served with one %s', async (_what, adapter, code) => {
    const open = await harness.open([adapted(await adapter())]);
    expect((await failed(open)).error?.code).toBe(code);
    expect(open.store.get('a:latest')).toBeUndefined();
  });

  test('is not served with one for another model, and is as soon as the file is another', async () => {
    const file = join(harness.directory, 'adapter.gguf');
    await writeFile(file, bytes);
    const embed: ModelSpec = {
      name: 'a',
      source: { file: bundled('ollamamax-tiny-embed-f16.gguf') },
      adapters: [{ source: { file } }],
    };
    const open = await harness.open([embed]);
    expect((await failed(open)).error).toEqual({
      code: 'model_file_invalid',
      message: expect.stringContaining('it is for another one'),
    });
    open.place([adapted({ source: { file } })]);
    await ready(open);
    const copy = `${file}.new`;
    await copyFile(tiny, copy);
    await rename(copy, file);
    expect((await failed(open)).error?.code).toBe('model_file_invalid');
    await writeFile(copy, bytes);
    await rename(copy, file);
    expect((await ready(open)).adapters).toEqual([digest]);
  });
});
