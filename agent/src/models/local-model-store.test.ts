import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ClusterSettings, ModelSpec, ModelStatus } from '@ollamamax/api';
import { silentLogger, sleep, type Component } from '@ollamamax/common';
import { createModelStore, type LocalModelStoreLimits } from './local-model-store.ts';
import type { ModelStore } from './model-store.ts';

const bundled = (name: string): string => fileURLToPath(new URL(`../../../models/${name}`, import.meta.url));
const tiny = bundled('ollamamax-tiny-q8_0.gguf');
const tinyDigest = '831d48e79f054325e92f44caa5de275a621379b03159bc173b50fc509ffeeaa4';
const tinyBytes = 2998560;

let directory: string;
let stores: (ModelStore & Component)[];
let servers: Server[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-store-'));
  stores = [];
  servers = [];
});

afterEach(async () => {
  for (const store of stores) await store.stop?.(AbortSignal.timeout(10_000));
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(directory, { recursive: true, force: true });
});

const quick: Partial<LocalModelStoreLimits> = { checkMs: 50, slowRetryMs: 50, retry: { minMs: 10, maxMs: 50 } };

const open = async (
  initial: readonly ModelSpec[],
  options: { readonly settings?: ClusterSettings; readonly limits?: Partial<LocalModelStoreLimits> } = {},
) => {
  let placed = initial;
  let listener = (): void => undefined;
  const store = createModelStore({
    dataDir: join(directory, 'data'),
    modelDir: join(directory, 'models'),
    placed: () => placed,
    onPlacedChange: (next) => {
      listener = next;
      return () => undefined;
    },
    settings: () => options.settings ?? {},
    logger: silentLogger,
    limits: { ...quick, ...options.limits },
  });
  stores.push(store);
  await store.start?.(AbortSignal.timeout(10_000));
  return {
    store,
    place: (next: readonly ModelSpec[]): void => {
      placed = next;
      listener();
    },
  };
};

const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
};

const blobs = async (): Promise<string[]> => (await readdir(join(directory, 'models', 'blobs'))).sort();

const eventually = async (what: string, accept: () => Promise<boolean> | boolean): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!(await accept())) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await sleep(10);
  }
};

const until = async (store: ModelStore, name: string, accept: (status: ModelStatus) => boolean): Promise<ModelStatus> => {
  const end = Date.now() + 30_000;
  for (;;) {
    const status = store.list().find((model) => model.name === name);
    if (status !== undefined && accept(status)) return status;
    if (Date.now() > end) throw new Error(`${name} is still ${JSON.stringify(status)}`);
    await sleep(10);
  }
};

describe('a model from a file', () => {
  test('is verified, listed with its facts, and given to the engine', async () => {
    const { store } = await open([{ name: 'Tiny', source: { file: tiny }, sha256: tinyDigest }]);
    const status = await until(store, 'tiny:latest', (model) => model.state === 'ready');
    expect(status).toMatchObject({
      digest: tinyDigest,
      sizeBytes: tinyBytes,
      completedBytes: tinyBytes,
      details: { family: 'llama', parameterSize: '2.75M', quantization: 'Q8_0', contextLength: 2048 },
    });
    expect(store.get('tiny:latest')).toEqual({
      name: 'tiny:latest',
      digest: tinyDigest,
      path: tiny,
      sizeBytes: tinyBytes,
      contextSize: 2048,
      maxContextSize: 2048,
      // 4 layers, 2 key/value heads of 32, keys and values of 2 bytes
      kvBytesPerToken: 1024,
      parallel: 4,
      maxQueue: 512,
      keepAliveSeconds: 300,
      parameters: {},
    });
    const show = await store.show('tiny:latest', false);
    expect(show.license).toBe('Apache-2.0');
    expect(show.template).toContain('<|im_start|>');
    expect(show.modelInfo['general.architecture']).toBe('llama');
    expect(show.modelInfo['tokenizer.ggml.tokens']).toBeNull();
    expect(show.tensors).toHaveLength(38);
    const verbose = await store.show('tiny:latest', true);
    expect(verbose.modelInfo['tokenizer.ggml.tokens']).toHaveLength(2048);
  });

  test('that is replaced or removed is verified anew or reported', async () => {
    const path = join(directory, 'model.gguf');
    await copyFile(tiny, path);
    const { store } = await open([{ name: 'tiny', source: { file: path } }]);
    await until(store, 'tiny:latest', (model) => model.digest === tinyDigest && model.state === 'ready');
    await copyFile(bundled('ollamamax-tiny-q4_0.gguf'), path);
    const other = await until(store, 'tiny:latest', (model) => model.state === 'ready' && model.digest !== tinyDigest);
    expect(other.details?.quantization).toBe('Q4_0');
    await rm(path);
    const gone = await until(store, 'tiny:latest', (model) => model.state === 'failed');
    expect(gone.error?.code).toBe('source_file_missing');
    expect(gone.error?.message).toContain('does not exist');
    expect(store.get('tiny:latest')).toBeUndefined();
    await expect(store.show('tiny:latest', false)).rejects.toMatchObject({ code: 'model_not_ready' });
    await copyFile(tiny, path);
    await until(store, 'tiny:latest', (model) => model.state === 'ready' && model.digest === tinyDigest);
  });

  test('with another digest than expected is not served', async () => {
    const { store } = await open([{ name: 'tiny', source: { file: tiny }, sha256: 'a'.repeat(64) }]);
    const status = await until(store, 'tiny:latest', (model) => model.state === 'failed');
    expect(status.error?.code).toBe('digest_mismatch');
    expect(status.error?.message).toContain(tinyDigest);
    expect(store.get('tiny:latest')).toBeUndefined();
  });

  test.each([
    ['an adapter', bundled('ollamamax-tiny-pirate-lora-f16.gguf'), 'model_file_invalid', 'LoRA adapter'],
    ['a directory', tmpdir(), 'source_file_missing', 'not a regular file'],
    ['nothing', join(tmpdir(), 'there-is-no-such-file.gguf'), 'source_file_missing', 'does not exist'],
  ])('that is %s says so', async (_what, file, code, message) => {
    const { store } = await open([{ name: 'odd', source: { file } }]);
    const status = await until(store, 'odd:latest', (model) => model.state === 'failed');
    expect(status.error?.code).toBe(code);
    expect(status.error?.message).toContain(message);
  });

  test('is not read again after a restart when it has not changed', async () => {
    const path = join(directory, 'model.gguf');
    await copyFile(tiny, path);
    const spec: ModelSpec = { name: 'tiny', source: { file: path } };
    const first = await open([spec]);
    await until(first.store, 'tiny:latest', (model) => model.state === 'ready');
    await first.store.stop?.(AbortSignal.timeout(10_000));
    const cachePath = join(directory, 'data', 'model-digests.json');
    const cache = await readFile(cachePath, 'utf8');
    expect(cache).toContain(tinyDigest);
    // A digest that only the cache can give shows that the file was not hashed.
    const marked = 'b'.repeat(64);
    await writeFile(cachePath, cache.replace(tinyDigest, marked));
    const second = await open([spec]);
    expect((await until(second.store, 'tiny:latest', (model) => model.state === 'ready')).digest).toBe(marked);
    // Another time of modification is another file.
    await utimes(path, new Date(), new Date(Date.now() - 60_000));
    await until(second.store, 'tiny:latest', (model) => model.state === 'ready' && model.digest === tinyDigest);
  });

  test('a damaged cache of digests costs only computing them', async () => {
    await mkdir(join(directory, 'data'));
    await writeFile(join(directory, 'data', 'model-digests.json'), '{"digests": {"x"');
    const { store } = await open([{ name: 'tiny', source: { file: tiny } }]);
    const status = await until(store, 'tiny:latest', (model) => model.state === 'ready');
    expect(status.digest).toBe(tinyDigest);
  });
});

describe('settings', () => {
  test('of the cluster and of the model reach the engine', async () => {
    const settings = { contextSize: 512, parallel: 2, maxQueue: 9, keepAliveSeconds: -1 };
    const spec: ModelSpec = {
      name: 'ns/tiny:v1',
      source: { file: tiny },
      system: 'Be brief.',
      template: '{{ messages[0].content }}',
      parameters: { temperature: 0.1, stop: ['x'] },
    };
    const { store, place } = await open([spec], { settings });
    await until(store, 'ns/tiny:v1', (model) => model.state === 'ready');
    expect(store.get('ns/tiny:v1')).toMatchObject({
      contextSize: 512,
      parallel: 2,
      maxQueue: 9,
      keepAliveSeconds: -1,
      system: 'Be brief.',
      template: '{{ messages[0].content }}',
      parameters: { temperature: 0.1, stop: ['x'] },
    });
    expect(store.list()[0]?.details?.capabilities).toEqual(['completion']);
    const { parameters, system, template } = await store.show('ns/tiny:v1', false);
    expect({ parameters, system, template }).toEqual({
      parameters: spec.parameters,
      system: 'Be brief.',
      template: '{{ messages[0].content }}',
    });
    let changes = 0;
    store.onChange(() => (changes += 1));
    place([spec]);
    expect(changes).toBe(0);
    // The same bytes with other settings stay ready all the time.
    place([{ name: 'ns/tiny:v1', source: { file: tiny }, parameters: { num_ctx: 64 } }]);
    expect(store.get('ns/tiny:v1')).toMatchObject({ contextSize: 64, parameters: { num_ctx: 64 } });
    expect(store.list()[0]?.details?.capabilities).toEqual(['completion', 'tools']);
  });

  test('a model that is not placed here is unknown', async () => {
    const { store } = await open([]);
    expect(store.get('tiny:latest')).toBeUndefined();
    await expect(store.show('tiny:latest', false)).rejects.toMatchObject({ code: 'model_not_found' });
  });
});

describe('a model from http', () => {
  const giveTiny: RequestListener = (_request, response) => {
    void readFile(tiny).then((content) => response.writeHead(200, { 'content-length': content.length }).end(content));
  };

  test('is downloaded once for two names, and removed when no name is left', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      giveTiny(request, response);
    });
    const specs: ModelSpec[] = ['a', 'b'].map((name) => ({ name, source: { http: url }, sha256: tinyDigest }));
    const { store, place } = await open(specs, { limits: { unusedBlobMs: 0 } });
    let changes = 0;
    store.onChange(() => (changes += 1));
    await until(store, 'a:latest', (model) => model.state === 'ready');
    const status = await until(store, 'b:latest', (model) => model.state === 'ready');
    expect(status).toMatchObject({ digest: tinyDigest, sizeBytes: tinyBytes, completedBytes: tinyBytes });
    expect(requests).toBe(1);
    expect(changes).toBeGreaterThanOrEqual(4);
    expect(await blobs()).toEqual([`sha256-${tinyDigest}`]);
    expect(store.get('b:latest')?.path).toBe(join(directory, 'models', 'blobs', `sha256-${tinyDigest}`));
    place(specs.slice(1));
    expect(store.list().map(({ name }) => name)).toEqual(['b:latest']);
    await sleep(200);
    expect(await blobs()).toEqual([`sha256-${tinyDigest}`]);
    place([]);
    expect(store.list()).toEqual([]);
    await eventually('removal', async () => (await blobs()).length === 0);
  });

  test('comes back without a download when it was away only for a moment', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      giveTiny(request, response);
    });
    const specs: ModelSpec[] = [{ name: 'a', source: { http: url }, sha256: tinyDigest }];
    const { store, place } = await open(specs);
    await until(store, 'a:latest', (model) => model.state === 'ready');
    place([]);
    await sleep(200);
    place(specs);
    await until(store, 'a:latest', (model) => model.state === 'ready');
    expect(requests).toBe(1);
  });

  test('is fetched again when its file is removed or damaged', async () => {
    const url = await serve(giveTiny);
    const { store } = await open([{ name: 'a', source: { http: url }, sha256: tinyDigest }]);
    const { path } = await until(store, 'a:latest', (model) => model.state === 'ready').then(
      () => store.get('a:latest') ?? { path: '' },
    );
    await rm(path);
    await eventually('a new file', async () => (await blobs()).includes(`sha256-${tinyDigest}`));
    await until(store, 'a:latest', (model) => model.state === 'ready');
    await writeFile(path, 'damaged');
    await eventually('a whole file', async () => (await readFile(path).catch(() => '')).length === tinyBytes);
    await until(store, 'a:latest', (model) => model.state === 'ready');
  });

  test('shows what is in the way, and is ready once the source gives it', async () => {
    let status = 404;
    const url = await serve((request, response) => {
      if (status === 200) giveTiny(request, response);
      else response.writeHead(status).end();
    });
    const { store } = await open([{ name: 'a', source: { http: url }, sha256: tinyDigest }]);
    const refused = await until(store, 'a:latest', (model) => model.error?.code === 'source_refused');
    expect(refused.state).toBe('failed');
    status = 503;
    await until(store, 'a:latest', (model) => model.error?.code === 'source_unreachable');
    status = 200;
    const ready = await until(store, 'a:latest', (model) => model.state === 'ready');
    expect(ready.error).toBeUndefined();
  });

  test('that is no model is reported and not downloaded again', async () => {
    let requests = 0;
    const page = '<html>Not a model</html>';
    const url = await serve((_request, response) => {
      requests += 1;
      response.end(page);
    });
    const sha256 = createHash('sha256').update(page).digest('hex');
    const { store } = await open([{ name: 'a', source: { http: url }, sha256 }]);
    const status = await until(store, 'a:latest', (model) => model.state === 'failed');
    expect(status.error).toMatchObject({ code: 'model_file_invalid' });
    expect(status.error?.message).toContain('web page');
    await sleep(300);
    expect(requests).toBe(1);
  });

  test('no more than the given number are downloaded at a time', async () => {
    let running = 0;
    let most = 0;
    const url = await serve((_request, response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        response.writeHead(404).end();
      }, 50);
    });
    const specs = Array.from({ length: 8 }, (_, index): ModelSpec => ({
      name: `m${index}`,
      source: { http: url },
      sha256: String(index).repeat(64),
    }));
    const { store } = await open(specs, { limits: { slowRetryMs: 60_000 } });
    await eventually('all failures', () => store.list().every(({ state }) => state === 'failed'));
    expect(most).toBe(2);
  });
});

describe('what is left in the directory', () => {
  test('old rests of downloads nobody wants are removed at start, others stay', async () => {
    const path = join(directory, 'models', 'blobs');
    await mkdir(path, { recursive: true });
    const old = new Date(Date.now() - 8 * 24 * 60 * 60 * 1000);
    const file = async (name: string, at: Date): Promise<void> => {
      await writeFile(join(path, name), 'x');
      await utimes(join(path, name), at, at);
    };
    const [unwanted, wanted, young] = ['1', '2', '3'].map((digit) => `sha256-${digit.repeat(64)}.partial`);
    await file(unwanted ?? '', old);
    await file(`${unwanted}.json`, old);
    await file(wanted ?? '', old);
    await file(young ?? '', new Date());
    await file('notes.txt', old);
    const url = await serve((_request, response) => response.writeHead(404).end());
    await open([{ name: 'a', source: { http: url }, sha256: '2'.repeat(64) }]);
    expect(await blobs()).toEqual(['notes.txt', wanted, young].sort());
  });
});
