import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { sleep } from '@ollamamax/common';
import {
  StoreHarness,
  bundled,
  eventually,
  giveTiny,
  tiny,
  tinyBytes,
  tinyDigest,
  until,
  type OpenStore,
} from './model-store.fixture.ts';

const harness = new StoreHarness();
beforeEach(() => harness.setUp());
afterEach(() => harness.tearDown());

const blob = (digest = tinyDigest): string => `sha256-${digest}`;
const pathOf = (name: string): string => join(harness.directory, 'models', 'blobs', name);
/** Several looks of the store at its files. */
const someTime = (): Promise<void> => sleep(300);
const atOnce = { goneBlobMs: 0, unusedBlobMs: 0 } as const;

let requests = 0;
const serveTiny = async (): Promise<string> => {
  requests = 0;
  return harness.serve((request, response) => {
    requests += 1;
    giveTiny(request, response);
  });
};

const ready = (open: OpenStore, name = 'a:latest') =>
  until(open.store, name, (model) => model.state === 'ready');

describe('a download', () => {
  test('is there once for two names, and goes with the last of them', async () => {
    const url = await serveTiny();
    const specs: ModelSpec[] = ['a', 'b'].map((name) => ({
      name,
      source: { http: url },
      sha256: tinyDigest,
    }));
    const open = await harness.open(specs, { limits: atOnce });
    let changes = 0;
    open.store.onChange(() => (changes += 1));
    await ready(open);
    const status = await ready(open, 'b:latest');
    expect(status).toMatchObject({ digest: tinyDigest, sizeBytes: tinyBytes, completedBytes: tinyBytes });
    expect(requests).toBe(1);
    expect(changes).toBeGreaterThanOrEqual(4);
    expect(await harness.blobs()).toEqual([blob()]);
    expect(open.store.get('b:latest')?.path).toBe(pathOf(blob()));
    open.place(specs.slice(1));
    expect(open.store.list().map(({ name }) => name)).toEqual(['b:latest']);
    await someTime();
    expect(await harness.blobs()).toEqual([blob()]);
    open.place([]);
    expect(open.store.list()).toEqual([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
    const digests = join(harness.directory, 'data', 'model-digests.json');
    await eventually('forgetting', async () => !(await readFile(digests, 'utf8')).includes(tinyDigest));
  });

  test('goes when its model is made from other bytes', async () => {
    const url = await serveTiny();
    const other = bundled('ollamamax-tiny-q4_0.gguf');
    const retired: string[] = [];
    const open = await harness.open([{ name: 'a', source: { http: url }, sha256: tinyDigest }], {
      limits: atOnce,
      onRetired: (name) => retired.push(name),
    });
    await ready(open);
    const next = await harness.serve((_request, response) => {
      void readFile(other).then((content) => response.end(content));
    });
    const sha256 = createHash('sha256')
      .update(await readFile(other))
      .digest('hex');
    open.place([{ name: 'a', source: { http: next }, sha256 }]);
    await ready(open);
    expect(retired).toEqual(['a:latest']);
    await eventually('removal', async () => (await harness.blobs()).join() === blob(sha256));
  });

  test('stays for a while when other agents hold its model, and comes back without a new one', async () => {
    const specs: ModelSpec[] = [{ name: 'a', source: { http: await serveTiny() }, sha256: tinyDigest }];
    const open = await harness.open(specs, { limits: { goneBlobMs: 0 } });
    await ready(open);
    open.place([], specs);
    await someTime();
    open.place(specs);
    await ready(open);
    expect(requests).toBe(1);
  });

  test('is removed once its time without use is over, though its model keeps files', async () => {
    const specs: ModelSpec[] = [
      { name: 'a', source: { http: await serveTiny() }, sha256: tinyDigest, keepFiles: true },
    ];
    const open = await harness.open(specs, { limits: { unusedBlobMs: 0 } });
    await ready(open);
    open.place([], specs);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });

  test('that has not come to its end goes, too', async () => {
    const url = await harness.serve((_request, response) => {
      response.writeHead(200, { 'content-length': tinyBytes });
      response.write('GGUF');
    });
    const open = await harness.open(
      [{ name: 'a', source: { http: url }, sha256: tinyDigest, keepFiles: true }],
      {
        limits: atOnce,
      },
    );
    await eventually('a part', async () => (await harness.blobs()).includes(`${blob()}.partial`));
    open.place([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });

  test('stays as long as a request needs it, and readable for who has it open', async () => {
    const inUse = new Set([tinyDigest]);
    const open_ = await harness.open(
      [{ name: 'a', source: { http: await serveTiny() }, sha256: tinyDigest }],
      {
        limits: atOnce,
        inUse: (digest) => inUse.has(digest),
      },
    );
    await ready(open_);
    const reader = await open(pathOf(blob()), 'r');
    try {
      open_.place([]);
      await someTime();
      expect(await harness.blobs()).toEqual([blob()]);
      inUse.clear();
      await eventually('removal', async () => (await harness.blobs()).length === 0);
      expect((await reader.readFile()).length).toBe(tinyBytes);
    } finally {
      await reader.close();
    }
  });
});

describe('files to keep', () => {
  const specs = (url: string, keepFiles: boolean): ModelSpec[] => [
    { name: 'a', source: { http: url }, sha256: tinyDigest, keepFiles },
  ];

  test('stay without their model, over a restart, and spare a download', async () => {
    const url = await serveTiny();
    const first = await harness.open(specs(url, true), { limits: atOnce });
    await ready(first);
    first.place([]);
    await someTime();
    expect(await harness.blobs()).toEqual([blob(), `${blob()}.keep`]);
    await first.store.stop?.(AbortSignal.timeout(10_000));
    const second = await harness.open([], { limits: atOnce });
    await someTime();
    expect(await harness.blobs()).toEqual([blob(), `${blob()}.keep`]);
    second.place(specs(url, true));
    await ready(second);
    expect(requests).toBe(1);
  });

  test('go with a later model that does not keep them, and when the wish is taken back', async () => {
    const url = await serveTiny();
    const open = await harness.open(specs(url, true), { limits: atOnce });
    await ready(open);
    open.place([]);
    await someTime();
    open.place(specs(url, false));
    await ready(open);
    expect(requests).toBe(1);
    open.place([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
    open.place(specs(url, true));
    await ready(open);
    open.place(specs(url, false));
    open.place([]);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });
});

describe('what an agent finds at its start', () => {
  const leave = async (...names: string[]): Promise<void> => {
    await mkdir(pathOf('.'), { recursive: true });
    for (const name of names) await writeFile(pathOf(name), name);
  };
  const [gone, wanted, kept] = ['1', '2', '3'].map((digit) => blob(digit.repeat(64)));

  test('goes when nobody asks for it, and stays when it is asked for, kept or not its own', async () => {
    await leave(`${gone}`, `${gone}.partial`, `${gone}.partial.json`, `${wanted}.partial`, 'notes.txt');
    await leave(`${kept}`, `${kept}.keep`, `${kept}.partial`, `${blob('4'.repeat(64))}.keep`);
    const url = await harness.serve((_request, response) => response.writeHead(404).end());
    await harness.open([{ name: 'a', source: { http: url }, sha256: '2'.repeat(64) }], {
      limits: { goneBlobMs: 100 },
    });
    expect(await harness.blobs()).toHaveLength(9);
    const left = ['notes.txt', `${wanted}.partial`, `${kept}`, `${kept}.keep`].sort().join();
    await eventually('removal', async () => (await harness.blobs()).join() === left);
    await someTime();
    expect((await harness.blobs()).join()).toBe(left);
  });

  test('stays until it is known what is asked for', async () => {
    await leave(`${gone}`);
    const open = await harness.open([], { limits: atOnce });
    open.place([], undefined);
    await someTime();
    expect(await harness.blobs()).toEqual([gone]);
    open.place([], []);
    await eventually('removal', async () => (await harness.blobs()).length === 0);
  });
});

test('a file used in place is never removed, wherever it is', async () => {
  await mkdir(pathOf('.'), { recursive: true });
  const outside = join(harness.directory, 'models', 'own.gguf');
  const inside = pathOf(blob('5'.repeat(64)));
  await copyFile(tiny, outside);
  await copyFile(tiny, inside);
  const specs: ModelSpec[] = [outside, inside].map((file, index) => ({
    name: `m${index}`,
    source: { file },
  }));
  const open = await harness.open(specs, { limits: atOnce });
  await ready(open, 'm0:latest');
  await ready(open, 'm1:latest');
  await someTime();
  open.place([], specs);
  await someTime();
  expect((await stat(inside)).size).toBe(tinyBytes);
  open.place([]);
  await someTime();
  expect((await stat(outside)).size).toBe(tinyBytes);
});
