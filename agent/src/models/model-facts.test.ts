import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  arrayEntry,
  buildGguf,
  entry,
  numberEntry,
  stringEntry,
  uint8,
  validFixture,
  withEntry,
  withTensor,
  type Fixture,
} from './gguf.fixture.ts';
import { readGguf } from './gguf.ts';
import { humanCount, modelDetails, modelInfo, readModelFacts } from './model-facts.ts';

const bundled = (name: string): string =>
  fileURLToPath(new URL(`../../../models/ollamamax-tiny-${name}.gguf`, import.meta.url));

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-facts-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const factsOf = async (fixture: Fixture, verbose = false) => {
  const path = join(directory, 'model.gguf');
  await writeFile(path, buildGguf(fixture));
  return readModelFacts(path, { verbose });
};

describe('the bundled models', () => {
  const chat = ['completion', 'tools'];
  test.each([
    ['f16', 'F16', 2754816, '2.75M', chat],
    ['q8_0', 'Q8_0', 2754816, '2.75M', chat],
    ['q4_0', 'Q4_0', 2754816, '2.75M', chat],
    ['q4_k_m', 'Q4_K_M', 2754816, '2.75M', chat],
    ['v2-f16', 'F16', 2754816, '2.75M', chat],
    ['v2-q8_0', 'Q8_0', 2754816, '2.75M', chat],
    ['embed-f16', 'F16', 1639680, '1.64M', ['embedding']],
  ])('%s', async (name, quantization, parameterCount, parameterSize, capabilities) => {
    const facts = await readModelFacts(bundled(name));
    expect(modelDetails(facts, facts.template)).toEqual({
      format: 'gguf',
      family: 'llama',
      parameterCount,
      parameterSize,
      quantization,
      contextLength: 2048,
      embeddingLength: 256,
      capabilities,
    });
    const { tensors, dataOffset, fileBytes } = facts.header;
    expect(tensors[0]).toMatchObject({ name: 'token_embd.weight', shape: [256, 2048], offset: dataOffset });
    expect(Math.max(...tensors.map(({ offset, bytes }) => offset + bytes))).toBeLessThanOrEqual(fileBytes);
    expect(facts.license).toBe('Apache-2.0');
  });

  test('the adapter is readable as a file but refused as a model', async () => {
    const path = bundled('pirate-lora-f16');
    await expect(readModelFacts(path)).rejects.toMatchObject({ code: 'model_file_invalid' });
    const handle = await open(path);
    try {
      const { metadata, tensors } = await readGguf(handle);
      expect(metadata.get('adapter.type')?.value).toBe('lora');
      expect(tensors).toHaveLength(56);
    } finally {
      await handle.close();
    }
  });

  test('long arrays are null unless asked for', async () => {
    const brief = modelInfo(await readModelFacts(bundled('q8_0')));
    expect(brief).toMatchObject({
      'tokenizer.ggml.tokens': null,
      'tokenizer.ggml.merges': null,
      'general.tags': ['text-generation', 'chat'],
      'general.parameter_count': 2754816,
      'llama.attention.layer_norm_rms_epsilon': 0.00001,
    });
    expect(brief).not.toHaveProperty('tokenizer.chat_template');
    const verbose = modelInfo(await readModelFacts(bundled('q8_0'), { verbose: true }));
    expect(verbose['tokenizer.ggml.tokens']).toHaveLength(2048);
    expect(verbose['tokenizer.ggml.token_type']).toHaveLength(2048);
    expect((verbose['tokenizer.ggml.merges'] as string[])[1]).toBe('i s');
  });
});

describe('metadata', () => {
  test('of every type are read as they are', async () => {
    expect(modelInfo(await factsOf(validFixture, true))).toMatchObject({
      'llama.rope.freq_base': 10000.5,
      'tokenizer.ggml.add_bos_token': true,
      'fixture.int64': -5,
      'fixture.uint64': '9223372036854775808',
      'fixture.double': 0.1,
      'fixture.nan': null,
      'fixture.short': [7, 8],
      'fixture.flags': Array.from({ length: 100 }, () => true),
    });
  });

  test('of version 2 are read too', async () => {
    expect((await factsOf({ ...validFixture, version: 2 })).header.version).toBe(2);
  });

  test('a string longer than one read is whole', async () => {
    const long = 'x'.repeat(700_000);
    expect(modelInfo(await factsOf(withEntry(stringEntry('fixture.long', long))))['fixture.long']).toBe(long);
  });

  test('the alignment decides where tensor data start', async () => {
    const aligned = await factsOf(withEntry(numberEntry('general.alignment', 64)));
    expect(aligned.header.dataOffset % 64).toBe(0);
    expect(aligned.header.tensors.map(({ bytes }) => bytes)).toEqual([6400, 128]);
  });
});

describe('quantization', () => {
  const without = (key: string): Fixture => ({
    ...validFixture,
    entries: validFixture.entries.filter((other) => !other.key.includes(key)),
  });

  test('is the type of most parameters when the file does not say', async () => {
    const facts = await factsOf(without('general.file_type'));
    expect(modelDetails(facts, '').quantization).toBe('F16');
  });

  test('is the type of most parameters when the file says a number nobody knows', async () => {
    const facts = await factsOf(withEntry(numberEntry('general.file_type', 999)));
    expect(modelDetails(facts, '').quantization).toBe('F16');
  });

  test('counts the bytes of blocks', async () => {
    const facts = await factsOf(withTensor({ type: 2 }));
    expect(facts.header.tensors[0]).toMatchObject({ type: 'Q4_0', bytes: (3200 / 32) * 18 });
  });
});

describe('capabilities', () => {
  const capabilities = async (fixture: Fixture, template: string): Promise<string[]> =>
    modelDetails(await factsOf(fixture), template).capabilities;

  test('come from the template the model is served with', async () => {
    expect(await capabilities(validFixture, '')).toEqual(['completion']);
    const hermes = '{% if tools %}<tool_call>…</tool_call>{% endif %}';
    expect(await capabilities(validFixture, hermes)).toEqual(['completion', 'tools']);
    expect(await capabilities(validFixture, '{% if tools %}of a form nobody knows{% endif %}')).toEqual([
      'completion',
    ]);
    expect(await capabilities(validFixture, 'toolset')).toEqual(['completion']);
  });

  test('embedding models do nothing else, rerankers none of it', async () => {
    expect(await capabilities(withEntry(numberEntry('llama.pooling_type', 1)), 'tools')).toEqual([
      'embedding',
    ]);
    expect(await capabilities(withEntry(numberEntry('llama.pooling_type', 0)), '')).toEqual(['completion']);
    expect(await capabilities(withEntry(numberEntry('llama.pooling_type', 4)), '')).toEqual([]);
    expect(await capabilities(withEntry(entry('llama.attention.causal', 7, uint8(0))), '')).toEqual([
      'embedding',
    ]);
  });

  test('an array under the name of a scalar is not taken for one', async () => {
    await expect(factsOf(withEntry(arrayEntry('llama.pooling_type', 4, [])))).rejects.toMatchObject({
      code: 'model_file_invalid',
    });
  });
});

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1K'],
  [137_500, '138K'],
  [1_000_000, '1M'],
  [2_754_816, '2.75M'],
  [334_094_338, '334.09M'],
  [1_000_000_000, '1B'],
  [7_241_732_096, '7.2B'],
  [70_553_706_496, '70.6B'],
])('%i parameters are shown as %s', (count, shown) => {
  expect(humanCount(count)).toBe(shown);
});
