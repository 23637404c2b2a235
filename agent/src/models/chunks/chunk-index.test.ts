import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '@ollamamax/common';
import { fingerprintOf } from '../file-digest.ts';
import { decodeChunkIndex, encodeChunkIndex, readChunkIndex } from './chunk-index.ts';
import { ChunkIndexes, type IndexedFile } from './chunk-indexes.ts';

const model = fileURLToPath(new URL('../../../../models/ollamamax-tiny-q8_0.gguf', import.meta.url));
const second = model.replace('ollamamax-tiny-', 'ollamamax-tiny-v2-');
const never = new AbortController().signal;
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ollamamax-test-chunks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the chunks of a file', () => {
  test('have the digests of their bytes, and are all of it', async () => {
    const { chunker, size, chunks } = await readChunkIndex(model, never);
    const bytes = await readFile(model);
    expect([chunker, size]).toEqual(['gguf-1', bytes.length]);
    expect(chunks.map(({ sha256 }) => sha256)).toEqual(
      chunks.map(({ offset, length }) => hash(bytes.subarray(offset, offset + length))),
    );
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBe(size);
  });

  test('stay the same where a chat template has changed the header', async () => {
    const bytes = await readFile(model);
    const template = Buffer.from('<|im_end|>');
    expect(bytes.includes(template)).toBe(true);
    const edited = Buffer.from(bytes);
    edited.write('<|im_xxx|>', bytes.indexOf(template));
    const path = join(folder, 'edited.gguf');
    await writeFile(path, edited);
    const before = await readChunkIndex(model, never);
    const after = await readChunkIndex(path, never);
    const known = new Set(before.chunks.map(({ sha256 }) => sha256));
    const moved = after.chunks.filter(({ sha256 }) => !known.has(sha256));
    expect(moved).toHaveLength(1);
    expect(moved[0]?.offset).toBe(0);
  });

  test('are others where the weights are', async () => {
    const known = new Set((await readChunkIndex(model, never)).chunks.map(({ sha256 }) => sha256));
    expect((await readChunkIndex(second, never)).chunks.filter(({ sha256 }) => known.has(sha256))).toEqual(
      [],
    );
  });

  test('of what is no model, and of nothing, are cut every 8 MiB', async () => {
    const path = join(folder, 'any');
    await writeFile(path, Buffer.alloc(9 * 1024 * 1024, 1));
    expect(await readChunkIndex(path, never)).toMatchObject({
      chunker: 'fixed-1',
      chunks: [{ length: 8 * 1024 * 1024 }, { length: 1024 * 1024 }],
    });
    await writeFile(path, '');
    expect(await readChunkIndex(path, never)).toEqual({ chunker: 'fixed-1', size: 0, chunks: [] });
  });

  test('of a file that is not there, or that nobody waits for any more, are an error', async () => {
    await expect(readChunkIndex(join(folder, 'none'), never)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readChunkIndex(model, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });
});

describe('an index as it is stored', () => {
  test('is read as it was written', async () => {
    const index = await readChunkIndex(model, never);
    expect(decodeChunkIndex(encodeChunkIndex(index))).toEqual(index);
  });

  const digest = 'a'.repeat(64);
  test.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['another chunker', `{"chunker":"cdc-1","size":1,"chunks":[[1,"${digest}"]]}`],
    ['a chunk that is none', '{"chunker":"fixed-1","size":1,"chunks":[1]}'],
    ['a chunk without bytes', `{"chunker":"fixed-1","size":0,"chunks":[[0,"${digest}"]]}`],
    ['a chunk that is too large', `{"chunker":"fixed-1","size":9000000,"chunks":[[9000000,"${digest}"]]}`],
    ['a digest that is none', '{"chunker":"fixed-1","size":1,"chunks":[[1,"A"]]}'],
    ['less than the file', `{"chunker":"fixed-1","size":2,"chunks":[[1,"${digest}"]]}`],
  ])('is refused: %s', (_what, text) => {
    expect(() => decodeChunkIndex(text)).toThrow();
  });
});

describe('the indexes of an agent', () => {
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void warnings.push(message),
    error: () => undefined,
    child: () => logger,
  };
  const openIndexes = (stopped = never): ChunkIndexes =>
    new ChunkIndexes({ dataDir: folder, logger, heavy: (_key, _signal, work) => work(), stopped });
  const fileOf = async (path: string): Promise<IndexedFile> => ({
    path,
    digest: hash(await readFile(path)),
    fingerprint: await fingerprintOf(path),
  });
  beforeEach(() => void (warnings.length = 0));

  test('are computed once, for all who ask and after a restart', async () => {
    const path = join(folder, 'model.gguf');
    await writeFile(path, await readFile(model));
    const file = await fileOf(path);
    const indexes = openIndexes();
    const [one, other] = await Promise.all([indexes.of(file, never), indexes.of(file, never)]);
    expect(one).toBe(other);
    // The file is not asked any more.
    await rm(path);
    expect(await openIndexes().of(file, never)).toEqual(one);
    expect(await readdir(join(folder, 'chunk-indexes'))).toEqual([`${file.digest}.json`]);
    expect(warnings).toEqual([]);
  });

  test('are computed again where what is stored is damaged, or of another file', async () => {
    const file = await fileOf(model);
    const indexes = openIndexes();
    const right = await indexes.of(file, never);
    const stored = join(folder, 'chunk-indexes', `${file.digest}.json`);
    for (const wrong of ['{', encodeChunkIndex({ chunker: 'fixed-1', size: 0, chunks: [] })]) {
      await writeFile(stored, wrong);
      expect(await indexes.of(file, never)).toEqual(right);
    }
    expect(warnings).toHaveLength(2);
    expect(decodeChunkIndex(await readFile(stored, 'utf8'))).toEqual(right);
  });

  test('are waited for no longer than one wants, and read for the others', async () => {
    const file = await fileOf(model);
    const indexes = openIndexes();
    const wait = new AbortController();
    const [left, stayed] = [indexes.of(file, wait.signal), indexes.of(file, never)];
    wait.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect((await stayed).chunker).toBe('gguf-1');
    await expect(indexes.of(file, wait.signal)).rejects.toThrow('left');
  });

  test('are read no further when the agent stops', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(openIndexes(stopped).of(await fileOf(model), never)).rejects.toThrow('stopped');
  });

  test('are not given where the file changes meanwhile', async () => {
    const path = join(folder, 'model.gguf');
    await writeFile(path, await readFile(model));
    const file = await fileOf(path);
    await writeFile(path, await readFile(second));
    await expect(openIndexes().of(file, never)).rejects.toThrow('has changed');
  });
});
