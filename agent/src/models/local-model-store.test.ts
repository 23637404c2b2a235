import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
} from './model-store.fixture.ts';

const never = new AbortController().signal;
const harness = new StoreHarness();
beforeEach(() => harness.setUp());
afterEach(() => harness.tearDown());

describe('a model from a file', () => {
  test('is verified, listed with its facts, and given to the engine', async () => {
    const { store } = await harness.open([{ name: 'Tiny', source: { file: tiny }, sha256: tinyDigest }]);
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
      speculation: true,
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
    const { chunks, ...file } = await store.chunks('tiny:latest', never);
    expect(file).toMatchObject({ name: 'tiny:latest', digest: tinyDigest, chunker: 'gguf-1' });
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(tinyBytes);
  });

  test('that is replaced or removed is verified anew or reported', async () => {
    const path = join(harness.directory, 'model.gguf');
    await copyFile(tiny, path);
    const { store } = await harness.open([{ name: 'tiny', source: { file: path } }]);
    await until(store, 'tiny:latest', (model) => model.digest === tinyDigest && model.state === 'ready');
    await copyFile(bundled('ollamamax-tiny-q4_0.gguf'), path);
    const other = await until(
      store,
      'tiny:latest',
      (model) => model.state === 'ready' && model.digest !== tinyDigest,
    );
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
    const { store } = await harness.open([{ name: 'tiny', source: { file: tiny }, sha256: 'a'.repeat(64) }]);
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
    const { store } = await harness.open([{ name: 'odd', source: { file } }]);
    const status = await until(store, 'odd:latest', (model) => model.state === 'failed');
    expect(status.error?.code).toBe(code);
    expect(status.error?.message).toContain(message);
  });

  test('is not read again after a restart when it has not changed', async () => {
    const path = join(harness.directory, 'model.gguf');
    await copyFile(tiny, path);
    const spec: ModelSpec = { name: 'tiny', source: { file: path } };
    const first = await harness.open([spec]);
    await until(first.store, 'tiny:latest', (model) => model.state === 'ready');
    await first.store.stop?.(AbortSignal.timeout(10_000));
    const cachePath = join(harness.directory, 'data', 'model-digests.json');
    const cache = await readFile(cachePath, 'utf8');
    expect(cache).toContain(tinyDigest);
    // A digest that only the cache can give shows that the file was not hashed.
    const marked = 'b'.repeat(64);
    await writeFile(cachePath, cache.replace(tinyDigest, marked));
    const second = await harness.open([spec]);
    expect((await until(second.store, 'tiny:latest', (model) => model.state === 'ready')).digest).toBe(
      marked,
    );
    // Another time of modification is another file.
    await utimes(path, new Date(), new Date(Date.now() - 60_000));
    await until(
      second.store,
      'tiny:latest',
      (model) => model.state === 'ready' && model.digest === tinyDigest,
    );
  });

  test('a damaged cache of digests costs only computing them', async () => {
    await mkdir(join(harness.directory, 'data'));
    await writeFile(join(harness.directory, 'data', 'model-digests.json'), '{"digests": {"x"');
    const { store } = await harness.open([{ name: 'tiny', source: { file: tiny } }]);
    const status = await until(store, 'tiny:latest', (model) => model.state === 'ready');
    expect(status.digest).toBe(tinyDigest);
  });
});

describe('settings', () => {
  test('of the cluster and of the model reach the engine', async () => {
    const settings = { contextSize: 512, parallel: 2, maxQueue: 9, keepAliveSeconds: -1, speculation: false };
    const spec: ModelSpec = {
      name: 'ns/tiny:v1',
      source: { file: tiny },
      system: 'Be brief.',
      template: '{{ messages[0].content }}',
      parameters: { temperature: 0.1, stop: ['x'] },
    };
    const { store, place } = await harness.open([spec], { settings: () => settings });
    await until(store, 'ns/tiny:v1', (model) => model.state === 'ready');
    expect(store.get('ns/tiny:v1')).toMatchObject({
      contextSize: 512,
      parallel: 2,
      maxQueue: 9,
      keepAliveSeconds: -1,
      speculation: false,
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

  test.each<[string, number | undefined, number | undefined, number]>([
    ['nobody', undefined, undefined, 300],
    ['the cluster', undefined, 60, 60],
    ['the model', 600, undefined, 600],
    ['the model, before the cluster', 600, 60, 600],
    ['the model, for ever', -1, 60, -1],
    ['the model, not at all', 0, 60, 0],
    ['the cluster, for ever', undefined, -1, -1],
  ])('how long a model stays loaded is said by %s', async (_whom, ofModel, ofCluster, seconds) => {
    const spec: ModelSpec = {
      name: 'tiny',
      source: { file: tiny },
      ...(ofModel === undefined ? {} : { keepAliveSeconds: ofModel }),
    };
    const settings = ofCluster === undefined ? {} : { keepAliveSeconds: ofCluster };
    const { store, place } = await harness.open([spec], { settings: () => settings });
    await until(store, 'tiny:latest', (model) => model.state === 'ready');
    expect(store.get('tiny:latest')?.keepAliveSeconds).toBe(seconds);
    expect((await store.show('tiny:latest', false)).keepAliveSeconds).toBe(ofModel);
    // Another one needs neither its file verified anew nor its runner another one.
    place([{ ...spec, keepAliveSeconds: 7 }]);
    expect(store.get('tiny:latest')?.keepAliveSeconds).toBe(7);
  });

  test('a model that is not placed here is unknown', async () => {
    const { store } = await harness.open([]);
    expect(store.get('tiny:latest')).toBeUndefined();
    await expect(store.show('tiny:latest', false)).rejects.toMatchObject({ code: 'model_not_found' });
    await expect(store.chunks('tiny:latest', never)).rejects.toMatchObject({ code: 'model_not_found' });
  });
});

describe('a model from http', () => {
  test('is fetched again when its file is removed or damaged', async () => {
    const url = await harness.serve(giveTiny);
    const { store } = await harness.open([{ name: 'a', source: { http: url }, sha256: tinyDigest }]);
    const { path } = await until(store, 'a:latest', (model) => model.state === 'ready').then(
      () => store.get('a:latest') ?? { path: '' },
    );
    await rm(path);
    await eventually('a new file', async () => (await harness.blobs()).includes(`sha256-${tinyDigest}`));
    await until(store, 'a:latest', (model) => model.state === 'ready');
    await writeFile(path, 'damaged');
    await eventually('a whole file', async () => (await readFile(path).catch(() => '')).length === tinyBytes);
    await until(store, 'a:latest', (model) => model.state === 'ready');
  });

  test('shows what is in the way, and is ready once the source gives it', async () => {
    let status = 404;
    const url = await harness.serve((request, response) => {
      if (status === 200) giveTiny(request, response);
      else response.writeHead(status).end();
    });
    const { store } = await harness.open([{ name: 'a', source: { http: url }, sha256: tinyDigest }]);
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
    const url = await harness.serve((_request, response) => {
      requests += 1;
      response.end(page);
    });
    const sha256 = createHash('sha256').update(page).digest('hex');
    const { store } = await harness.open([{ name: 'a', source: { http: url }, sha256 }]);
    const status = await until(store, 'a:latest', (model) => model.state === 'failed');
    expect(status.error).toMatchObject({ code: 'model_file_invalid' });
    expect(status.error?.message).toContain('web page');
    await sleep(300);
    expect(requests).toBe(1);
  });

  test('no more than the given number are downloaded at a time', async () => {
    let running = 0;
    let most = 0;
    const url = await harness.serve((_request, response) => {
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
    const { store } = await harness.open(specs, { limits: { slowRetryMs: 60_000 } });
    await eventually('all failures', () => store.list().every(({ state }) => state === 'failed'));
    expect(most).toBe(2);
  });
});
