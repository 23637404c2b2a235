import { createHash } from 'node:crypto';
import { copyFile, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DraftSpec, ModelSpec } from '@ollamamax/api';
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

const small = bundled('ollamamax-tiny-q4_0.gguf');
const embed = bundled('ollamamax-tiny-embed-f16.gguf');
const pirate = bundled('ollamamax-tiny-pirate-lora-f16.gguf');
let bytes: Buffer;
let digest: string;
beforeAll(async () => {
  bytes = await readFile(small);
  digest = createHash('sha256').update(bytes).digest('hex');
});

const harness = new StoreHarness();
beforeEach(() => harness.setUp());
afterEach(() => harness.tearDown());

const plain: ModelSpec = { name: 'a', source: { file: tiny }, sha256: tinyDigest };
const drafted = (draft: DraftSpec): ModelSpec => ({ ...plain, draft });
const ready = (open: OpenStore) => until(open.store, 'a:latest', ({ state }) => state === 'ready');
const failed = (open: OpenStore) => until(open.store, 'a:latest', ({ state }) => state === 'failed');

const serveDraft = (): Promise<string> =>
  harness.serve((_request, response) =>
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
  );

describe('a model with a draft model', () => {
  test('is ready once that is verified, too, and is given to the engine with it', async () => {
    const open = await harness.open([drafted({ source: { file: small } })]);
    expect(await ready(open)).toMatchObject({ digest: tinyDigest, sizeBytes: tinyBytes + bytes.length });
    const draft = { path: small, digest, sizeBytes: bytes.length };
    expect(open.store.get('a:latest')).toMatchObject({ digest: tinyDigest, sizeBytes: tinyBytes, draft });
    open.place([{ ...drafted({ source: { file: small } }), system: 'Be brief.' }]);
    expect(open.store.get('a:latest')).toMatchObject({ system: 'Be brief.', draft });
    open.place([plain]);
    expect(await ready(open)).toMatchObject({ sizeBytes: tinyBytes });
    expect(open.store.get('a:latest')).not.toHaveProperty('draft');
  });

  test('has it downloaded beside its adapters, and it goes with the model', async () => {
    const http = await serveDraft();
    const adapters = [{ source: { file: pirate } }];
    const open = await harness.open([{ ...drafted({ source: { http }, sha256: digest }), adapters }], {
      limits: { goneBlobMs: 0 },
    });
    await ready(open);
    expect(await harness.blobs()).toEqual([`sha256-${digest}`]);
    expect(open.store.get('a:latest')).toMatchObject({ adapters: [{ path: pirate }], draft: { digest } });
    open.place([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });

  test.each<[string, () => Promise<DraftSpec> | DraftSpec, string]>([
    [
      'with other bytes than expected',
      () => ({ source: { file: small }, sha256: 'a'.repeat(64) }),
      'digest_mismatch',
    ],
    [
      'downloaded with other bytes than expected',
      async () => ({ source: { http: await serveDraft() }, sha256: 'a'.repeat(64) }),
      'digest_mismatch',
    ],
    ['that only embeds', () => ({ source: { file: embed } }), 'model_file_invalid'],
    ['that is an adapter', () => ({ source: { file: pirate } }), 'model_file_invalid'],
    ['that is not there', () => ({ source: { file: '/nowhere/d.gguf' } }), 'source_file_missing'],
  ])('is not served with one %s', async (_what, draft, code) => {
    const open = await harness.open([drafted(await draft())]);
    expect((await failed(open)).error?.code).toBe(code);
    expect(open.store.get('a:latest')).toBeUndefined();
  });

  test('is not ready when the same file is to be its adapter instead', async () => {
    const open = await harness.open([drafted({ source: { file: small } })]);
    await ready(open);
    open.place([{ ...plain, adapters: [{ source: { file: small } }] }]);
    expect((await failed(open)).error?.message).toContain('The file is a model, not an adapter');
  });

  test('is verified anew when the file of the draft model is another', async () => {
    const file = join(harness.directory, 'draft.gguf');
    await copyFile(small, file);
    const open = await harness.open([drafted({ source: { file } })]);
    await ready(open);
    await copyFile(embed, `${file}.new`);
    await rename(`${file}.new`, file);
    expect((await failed(open)).error?.code).toBe('model_file_invalid');
    await copyFile(small, `${file}.new`);
    await rename(`${file}.new`, file);
    await ready(open);
    expect(open.store.get('a:latest')?.draft).toMatchObject({ path: file, digest });
  });
});
