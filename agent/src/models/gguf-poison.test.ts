import { execFile } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isApiError } from '@ollamamax/api';
import {
  arrayEntry,
  buildGguf,
  entry,
  numberEntry,
  stringEntry,
  text,
  uint32,
  uint64,
  uint8,
  validFixture,
  withEntry,
  withTensor,
  type Fixture,
} from './gguf.fixture.ts';
import { modelDetails, readModelFacts } from './model-facts.ts';

const huge = 2n ** 63n;
const largest = 2n ** 64n - 1n;
const valid = buildGguf(validFixture);

const without = (key: string): Fixture => ({
  ...validFixture,
  entries: validFixture.entries.filter((other) => !other.key.equals(text(key))),
});

const many = (count: number, make: (index: number) => Buffer): Buffer[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** Each with what the reason must mention. */
const poisoned: readonly (readonly [string, Fixture | Buffer, string])[] = [
  ['version 0', { ...validFixture, version: 0 }, 'GGUF version is 0'],
  ['version 1', { ...validFixture, version: 1 }, 'GGUF version 1'],
  ['version 4', { ...validFixture, version: 4 }, 'GGUF version is 4'],
  ['big-endian version', { ...validFixture, version: 0x03000000 }, 'big-endian'],
  ['tensor count 2^63', { ...validFixture, tensorCount: huge }, 'number of tensors'],
  ['tensor count 2^64-1', { ...validFixture, tensorCount: largest }, 'number of tensors'],
  ['one tensor too many', { ...validFixture, tensorCount: 3n }, 'tensor 2'],
  ['tensor count at the maximum', { ...validFixture, tensorCount: 65536n }, 'tensor 2'],
  ['no tensors', { ...validFixture, tensors: [] }, 'no tensors'],
  ['metadata count 2^63', { ...validFixture, metadataCount: huge }, 'number of metadata entries'],
  ['metadata count 2^32', { ...validFixture, metadataCount: 2n ** 32n }, 'number of metadata entries'],
  ['one metadata entry too many', { ...validFixture, metadataCount: 19n }, 'name of tensor 0'],
  ['no metadata', { ...validFixture, metadataCount: 0n, entries: [] }, 'general.architecture'],
  [
    'key length 2^63',
    { ...validFixture, entries: [{ key: uint64(huge), type: 4, payload: uint32(1) }] },
    'metadata key 0',
  ],
  [
    'key length beyond the file',
    { ...validFixture, entries: [{ key: uint64(60000n), type: 4, payload: uint32(1) }] },
    'metadata key 0',
  ],
  ['empty key', withEntry(numberEntry('', 1)), 'key 18 is empty'],
  ['key with a line feed', withEntry(numberEntry('a\nb', 1)), 'printable ASCII'],
  ['key with a zero byte', withEntry(numberEntry('a\0b', 1)), 'printable ASCII'],
  [
    'key twice',
    { ...validFixture, entries: [...validFixture.entries, numberEntry('llama.block_count', 2)] },
    'llama.block_count is there twice',
  ],
  ['value type 13', withEntry(entry('fixture.x', 13, uint32(0))), 'unknown type 13'],
  ['value type 2^32-1', withEntry(entry('fixture.x', 2 ** 32 - 1, uint32(0))), 'unknown type 4294967295'],
  ['bool 2', withEntry(entry('fixture.x', 7, uint8(2))), 'bool with the value 2'],
  [
    'bool 2 in a long array',
    withEntry(
      arrayEntry(
        'fixture.x',
        7,
        many(100, () => uint8(2)),
      ),
    ),
    'bool with the value 2',
  ],
  ['string length 2^63', withEntry(entry('fixture.x', 8, uint64(huge))), 'fixture.x'],
  ['string length 2^64-1', withEntry(entry('fixture.x', 8, uint64(largest))), 'fixture.x'],
  ['string length beyond the file', withEntry(entry('fixture.x', 8, uint64(1_000_000n))), 'fixture.x'],
  ['array of arrays', withEntry(arrayEntry('fixture.x', 9, [uint32(4), uint64(0n)], 1n)), 'array of arrays'],
  ['array of unknown type', withEntry(arrayEntry('fixture.x', 99, [])), 'unknown type 99'],
  ['array length 2^63', withEntry(arrayEntry('fixture.x', 4, [], huge)), 'number of elements of fixture.x'],
  [
    'array length 2^64-1',
    withEntry(arrayEntry('fixture.x', 0, [], largest)),
    'number of elements of fixture.x',
  ],
  [
    'array length beyond the file',
    withEntry(arrayEntry('fixture.x', 10, [], 1_000_000n)),
    '1000000 elements',
  ],
  [
    'array of strings beyond the file',
    withEntry(arrayEntry('fixture.x', 8, [], 1_000_000n)),
    '1000000 elements',
  ],
  [
    'array with a string length of 2^63',
    withEntry(
      arrayEntry(
        'fixture.x',
        8,
        many(100, () => uint64(huge)),
      ),
    ),
    'fixture.x',
  ],
  [
    'array with a string beyond the file',
    withEntry(
      arrayEntry(
        'fixture.x',
        8,
        many(100, () => uint64(900_000n)),
      ),
    ),
    'fixture.x',
  ],
  ['alignment 0', withEntry(numberEntry('general.alignment', 0)), 'general.alignment is 0'],
  ['alignment 1', withEntry(numberEntry('general.alignment', 1)), 'general.alignment is 1'],
  ['alignment 3', withEntry(numberEntry('general.alignment', 3)), 'general.alignment is 3'],
  ['alignment 2^31', withEntry(numberEntry('general.alignment', 2 ** 31)), 'general.alignment is 2147483648'],
  [
    'alignment 2^63',
    withEntry(entry('general.alignment', 10, uint64(huge))),
    'general.alignment is 9223372036854775808',
  ],
  [
    'alignment as a string',
    withEntry(stringEntry('general.alignment', '32')),
    'general.alignment is 32 (string)',
  ],
  [
    'alignment as a signed number',
    withEntry(entry('general.alignment', 5, uint32(64))),
    'general.alignment is 64 (int32)',
  ],
  ['no architecture', without('general.architecture'), 'no general.architecture'],
  [
    'architecture as a number',
    withEntry(numberEntry('general.architecture', 1)),
    'general.architecture is a uint32',
  ],
  ['no context length', without('llama.context_length'), 'no llama.context_length'],
  ['context length 0', withEntry(numberEntry('llama.context_length', 0)), 'llama.context_length is 0'],
  [
    'context length 2^32-1',
    withEntry(numberEntry('llama.context_length', 2 ** 32 - 1)),
    'llama.context_length is 4294967295',
  ],
  [
    'context length -1',
    withEntry(entry('llama.context_length', 5, uint32(-1))),
    'llama.context_length is -1',
  ],
  ['context length 2^63', withEntry(entry('llama.context_length', 10, uint64(huge))), 'llama.context_length'],
  [
    'context length as a string',
    withEntry(stringEntry('llama.context_length', '128')),
    'llama.context_length is a string',
  ],
  [
    'context length as an array',
    withEntry(arrayEntry('llama.context_length', 4, [uint32(1)])),
    'llama.context_length is a array',
  ],
  ['no embedding length', without('llama.embedding_length'), 'no llama.embedding_length'],
  ['no block count', without('llama.block_count'), 'no llama.block_count'],
  ['no vocabulary', without('tokenizer.ggml.tokens'), 'no vocabulary'],
  ['vocabulary as a string', withEntry(stringEntry('tokenizer.ggml.tokens', 'a')), 'no vocabulary'],
  ['empty vocabulary', withEntry(arrayEntry('tokenizer.ggml.tokens', 8, [])), 'no vocabulary'],
  [
    'chat template as a number',
    withEntry(numberEntry('tokenizer.chat_template', 1)),
    'tokenizer.chat_template is a uint32',
  ],
  ['license as a bool', withEntry(entry('general.license', 7, uint8(1))), 'general.license is a bool'],
  [
    'file type as a string',
    withEntry(stringEntry('general.file_type', 'F16')),
    'general.file_type is a string',
  ],
  ['one part of three', withEntry(entry('split.count', 2, Buffer.from([3, 0]))), 'one of 3 parts'],
  ['adapter', withEntry(stringEntry('general.type', 'adapter')), 'LoRA adapter'],
  ['image projector', withEntry(stringEntry('general.type', 'mmproj')), 'image projector'],
  ['tensor without a name', withTensor({ name: '' }), 'Tensor 0 has no name'],
  ['tensor name too long', withTensor({ name: 'x'.repeat(64) }), 'name of tensor 0'],
  ['tensor name with a control character', withTensor({ name: 'a\u0007' }), 'printable ASCII'],
  ['tensor listed twice', withTensor({ name: 'output_norm.weight' }), 'output_norm.weight is listed twice'],
  ['0 dimensions', withTensor({ shape: [] }), '0 dimensions'],
  ['5 dimensions', withTensor({ shape: [32n, 1n, 1n, 1n, 1n] }), '5 dimensions'],
  ['2^32-1 dimensions', withTensor({ dimensions: 2 ** 32 - 1 }), '4294967295 dimensions'],
  ['dimension 0', withTensor({ shape: [32n, 0n] }), 'impossible (32 × 0)'],
  ['dimension 2^63', withTensor({ shape: [32n, huge] }), 'dimension 1 of tensor token_embd.weight'],
  ['dimension -1', withTensor({ shape: [32n, -1n] }), 'dimension 1 of tensor token_embd.weight'],
  ['dimensions whose product overflows 64 bits', withTensor({ shape: [2n ** 32n, 2n ** 32n] }), 'impossible'],
  [
    'dimensions whose product wraps to a small number',
    withTensor({ shape: [2n ** 52n, 2n ** 11n, 2n, 1n] }),
    'impossible',
  ],
  ['dimension beyond the file', withTensor({ shape: [32n, 1_000_000n] }), 'not complete'],
  ['tensor type 4, long gone', withTensor({ type: 4 }), 'unknown type 4'],
  ['tensor type 2^32-1', withTensor({ type: 2 ** 32 - 1 }), 'unknown type 4294967295'],
  [
    'row that is no multiple of the block',
    withTensor({ shape: [32n, 100n], type: 12 }),
    'multiple of the 256 of Q4_K',
  ],
  ['offset not aligned', withTensor({ offset: 1n }), 'multiple of the alignment'],
  ['offset 2^63', withTensor({ offset: huge }), 'offset of tensor token_embd.weight'],
  ['offset 2^64-64', withTensor({ offset: 2n ** 64n - 64n }), 'offset of tensor token_embd.weight'],
  ['offset at the end of the file', withTensor({ offset: 6528n }), 'not complete'],
  ['tensors that overlap', withTensor({ offset: 64n }), 'overlap'],
  ['tensors at the same place', withTensor({ offset: 6400n, shape: [32n] }), 'overlap'],
  ['one byte short of its data', valid.subarray(0, -1), 'not complete'],
  ['no data at all', { ...validFixture, dataBytes: 0 }, 'not complete'],
  ['empty file', Buffer.alloc(0), 'empty'],
  ['only the magic number', Buffer.from('GGUF'), 'ends inside the header'],
  ['zeros', Buffer.alloc(4096), 'zeros'],
  ['old GGML', Buffer.concat([Buffer.from('tjgg'), Buffer.alloc(100)]), 'old GGML format'],
  ['older GGML', Buffer.concat([Buffer.from('lmgg'), Buffer.alloc(100)]), 'old GGML format'],
  ['swapped magic number', Buffer.concat([Buffer.from('FUGG'), Buffer.alloc(100)]), 'big-endian'],
  ['ZIP', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(100)]), 'ZIP archive'],
  ['pickle', Buffer.from([0x80, 0x02, 0x8a, 0x0a]), 'pickle'],
  ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip'],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'zstd'],
  ['web page', Buffer.from('\n<!DOCTYPE html><html><body>Log in</body></html>'), 'web page'],
  ['safetensors', Buffer.concat([uint64(40n), Buffer.from('{"__metadata__":{}}')]), 'safetensors'],
  ['Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), 'git lfs pull'],
  ['JSON', Buffer.from('{"error":"not found"}'), 'JSON'],
  ['anything', Buffer.from('hello'), 'magic number'],
];

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gguf-poison-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const write = async (name: string, content: Buffer): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
};

const bytesOf = (content: Fixture | Buffer): Buffer =>
  Buffer.isBuffer(content) ? content : buildGguf(content);

/** The code and message of the refusal, or undefined when the file is taken. Anything else is a bug. */
const refusal = async (path: string): Promise<string | undefined> => {
  try {
    const facts = await readModelFacts(path);
    modelDetails(facts, facts.template);
    return undefined;
  } catch (error) {
    if (!isApiError(error) || error.code !== 'model_file_invalid') throw error;
    return error.message;
  }
};

describe('poisoned files', () => {
  test('the file that they are made of is a good one', async () => {
    await expect(refusal(await write('valid.gguf', valid))).resolves.toBeUndefined();
  });

  test.each(poisoned)('%s is refused by its name', async (_what, content, reason) => {
    await expect(refusal(await write('poisoned.gguf', bytesOf(content)))).resolves.toContain(reason);
  });

  test('a file cut off anywhere is refused', async () => {
    const path = await write('cut.gguf', valid);
    const file = await open(path, 'r+');
    try {
      for (let length = valid.length - 1; length >= 0; length -= length > 3600 ? 97 : 5) {
        await file.truncate(length);
        expect(await refusal(path)).toBeDefined();
      }
    } finally {
      await file.close();
    }
  });

  test('take little memory and no time to refuse, also when they say they are huge', async () => {
    const paths = await Promise.all(
      poisoned.map(([, content], index) => write(`poisoned-${index}.gguf`, bytesOf(content))),
    );
    // Sparse files, so that the numbers in them could be true.
    const sparse: Fixture[] = [
      withEntry(arrayEntry('fixture.x', 10, [], 2n ** 24n)),
      withEntry(arrayEntry('fixture.x', 8, [], 2n ** 24n)),
      withEntry(entry('fixture.x', 8, uint64(2n ** 30n))),
      withTensor({ shape: [2n ** 20n, 2n ** 30n] }),
    ];
    for (const [index, fixture] of sparse.entries()) {
      const path = await write(`sparse-${index}.gguf`, buildGguf(fixture));
      const file = await open(path, 'r+');
      await file.truncate(8 * 2 ** 30);
      await file.close();
      paths.push(path);
    }
    const reader = new URL('./model-facts.ts', import.meta.url).href;
    const program = `
      import { readModelFacts } from ${JSON.stringify(reader)};
      const paths = ${JSON.stringify(paths)};
      await readModelFacts(paths[0]).catch(() => {});
      const before = process.resourceUsage().maxRSS;
      let slowest = 0, taken = 0;
      for (const path of paths) {
        const start = performance.now();
        await readModelFacts(path).then(() => { taken += 1; }, () => {});
        slowest = Math.max(slowest, performance.now() - start);
      }
      console.log(JSON.stringify({ growthKiB: process.resourceUsage().maxRSS - before, slowest, taken }));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 50_000,
    });
    const result = JSON.parse(stdout) as { growthKiB: number; slowest: number; taken: number };
    expect(result.taken).toBe(0);
    expect(result.growthKiB).toBeLessThan(64 * 1024);
    // Generous for busy machines; a few milliseconds when idle.
    expect(result.slowest).toBeLessThan(5000);
  });
});

describe('mutants', () => {
  /** The same numbers in every run (a linear congruential generator). */
  const generator = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  };

  const interesting = [0, 1, 0x7f, 0x80, 0xff];

  const mutate = async (source: Buffer, headerBytes: number, count: number): Promise<number> => {
    const next = generator(source.length);
    const path = await write(`mutant-${source.length}.gguf`, source);
    const file = await open(path, 'r+');
    let refused = 0;
    try {
      for (let mutant = 0; mutant < count; mutant += 1) {
        const changed = Array.from({ length: 1 + next(4) }, () => next(headerBytes));
        for (const at of changed)
          await file.write(uint8(next(2) === 0 ? next(256) : (interesting[next(5)] ?? 0)), 0, 1, at);
        if ((await refusal(path)) !== undefined) refused += 1;
        for (const at of changed) await file.write(source, at, 1, at);
      }
    } finally {
      await file.close();
    }
    return refused;
  };

  test('of a small header are read or refused, never anything else', async () => {
    const refused = await mutate(valid, valid.length - validFixture.dataBytes, 4000);
    expect(refused).toBeGreaterThan(400);
  });

  test('of a real model are read or refused, never anything else', async () => {
    const real = await readFile(
      fileURLToPath(new URL('../../../models/ollamamax-tiny-q8_0.gguf', import.meta.url)),
    );
    const refused = await mutate(real, 2000, 500);
    expect(refused).toBeGreaterThan(50);
  });
});
