import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readGguf, type GgufHeader } from '../../agent/src/models/gguf.ts';
import { tinyModel } from '../harness/local-cluster.ts';
import { randomModel, type RandomModelShape } from '../harness/random-model.ts';

const shape: RandomModelShape = {
  layers: 2,
  embedding: 64,
  heads: 4,
  kvHeads: 2,
  feedForward: 96,
  context: 256,
  vocabulary: 2500,
  type: 'F16',
  seed: 1,
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-random-model-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const read = async (path: string): Promise<GgufHeader> => {
  await using file = await open(path);
  return await readGguf(file, { verbose: true });
};

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('a model with random weights', () => {
  test.each(['F16', 'Q8_0'] as const)('is a whole GGUF file with the asked sizes (%s)', async (type) => {
    const { metadata, tensors, fileBytes } = await read(await randomModel({ ...shape, type }, folder));
    expect(metadata.get('llama.block_count')?.value).toBe(2);
    expect(metadata.get('llama.context_length')?.value).toBe(256);
    expect(tensors).toHaveLength(3 + 9 * 2);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    expect(byName.get('output.weight')).toMatchObject({ type, shape: [64, 2500] });
    expect(byName.get('blk.1.attn_k.weight')).toMatchObject({ type, shape: [64, 32] });
    expect(byName.get('blk.1.ffn_down.weight')).toMatchObject({ type, shape: [96, 64] });
    expect(byName.get('output_norm.weight')).toMatchObject({ type: 'F32', shape: [64] });
    const end = Math.max(...tensors.map(({ offset, bytes }) => offset + bytes));
    expect(fileBytes).toBe(Math.ceil(end / 32) * 32);
  });

  test('has the tokenizer of the bundled model, and more tokens behind it', async () => {
    const { metadata } = await read(await randomModel(shape, folder));
    const bundled = (await read(tinyModel)).metadata;
    for (const [key, entry] of bundled) {
      if (!key.startsWith('tokenizer.')) continue;
      const { value } = metadata.get(key) ?? { value: null };
      const isPadded = key === 'tokenizer.ggml.tokens' || key === 'tokenizer.ggml.token_type';
      expect(isPadded && Array.isArray(value) ? value.slice(0, entry.length) : value).toEqual(entry.value);
    }
    const tokens = metadata.get('tokenizer.ggml.tokens')?.value;
    expect(new Set(Array.isArray(tokens) ? tokens : []).size).toBe(2500);
  });

  test('is the same for the same seed and another one for another', async () => {
    const [first, again, other] = await Promise.all([
      randomModel(shape, join(folder, 'first')),
      randomModel(shape, join(folder, 'again')),
      randomModel({ ...shape, seed: 2 }, folder),
    ]);
    expect(digest(again)).toBe(digest(first));
    expect(digest(other)).not.toBe(digest(first));
  });

  test('never ends an answer: control tokens have no weight in the output', async () => {
    const path = await randomModel(shape, folder);
    const output = (await read(path)).tensors.find(({ name }) => name === 'output.weight');
    const rowBytes = shape.embedding * 2;
    const row = (token: number): Buffer =>
      readFileSync(path).subarray(
        (output?.offset ?? 0) + token * rowBytes,
        (output?.offset ?? 0) + (token + 1) * rowBytes,
      );
    expect(row(2).every((byte) => byte === 0)).toBe(true);
    const weights = new Float16Array(new Uint8Array(row(300)).buffer);
    expect(weights.every((weight) => Number.isFinite(weight) && Math.abs(weight) < 0.1)).toBe(true);
    expect(weights.some((weight) => weight !== 0)).toBe(true);
  });
});
