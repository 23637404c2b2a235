import { copyFile, mkdtemp, rm } from 'node:fs/promises';
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

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-store-'));
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.stop?.(AbortSignal.timeout(10_000));
  await rm(directory, { recursive: true, force: true });
});

const quick: Partial<LocalModelStoreLimits> = { checkMs: 50, slowRetryMs: 50, retry: { minMs: 10, maxMs: 50 } };

const open = async (initial: readonly ModelSpec[], settings: ClusterSettings = {}) => {
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
    settings: () => settings,
    logger: silentLogger,
    limits: quick,
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
});
