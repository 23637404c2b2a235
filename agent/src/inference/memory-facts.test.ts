import { describe, expect, test } from '@jest/globals';
import type { GgufEntry } from '../models/gguf-metadata.ts';
import type { GgufTensor } from '../models/gguf.ts';
import { memoryFacts } from './memory-facts.ts';
import { copiedTypes } from './processor-copies.ts';

type Value = number | string | readonly (number | boolean)[];

const header = (
  family: string,
  values: Readonly<Record<string, Value>>,
  tensors: readonly GgufTensor[] = [],
) => ({
  metadata: new Map<string, GgufEntry>([
    ['general.architecture', { type: 'string', value: family }],
    ['tokenizer.ggml.tokens', { type: 'array', value: null, length: 1000 }],
    ...Object.entries(values).map(([key, value]) => [`${family}.${key}`, { type: 'any', value }] as const),
  ]),
  tensors,
});

const tensor = (name: string, bytes: number, type = 'Q8_0'): GgufTensor => ({
  name,
  type,
  shape: name.endsWith('norm.weight') ? [64] : [64, 64],
  offset: 0,
  bytes,
  elements: 4096,
});

const attention = {
  block_count: 4,
  embedding_length: 64,
  feed_forward_length: 128,
  'attention.head_count': 8,
  'attention.head_count_kv': 2,
};

describe('what the header of a model tells of memory', () => {
  test('weights are those of blocks, of the input and of the output', () => {
    const facts = memoryFacts(
      header('llama', attention, [
        tensor('token_embd.weight', 1000),
        tensor('blk.0.attn_q.weight', 10),
        tensor('blk.0.attn_norm.weight', 1, 'F32'),
        tensor('blk.3.ffn_up.weight', 30, 'Q4_K'),
        tensor('output_norm.weight', 2, 'F32'),
        tensor('output.weight', 500),
      ]),
    );
    expect(facts.layers.map(({ weightBytes }) => weightBytes)).toEqual([11, 0, 0, 30]);
    expect(facts).toMatchObject({ inputBytes: 1000, outputBytes: 502, embedding: 64, feedForward: 128 });
    expect(facts.vocabulary).toBe(1000);
    expect([...facts.matrixBytes]).toEqual([
      ['Q8_0', 510],
      ['Q4_K', 30],
    ]);
  });

  test('embeddings that make the output too are a matrix like others', () => {
    const facts = memoryFacts(header('llama', attention, [tensor('token_embd.weight', 1000)]));
    expect(facts.matrixBytes.get('Q8_0')).toBe(1000);
  });

  test('keys and values follow from the heads, of all layers or of each', () => {
    const kv = (values: Readonly<Record<string, Value>>): readonly number[] =>
      memoryFacts(header('llama', { ...attention, ...values })).layers.map(
        ({ kvBytesPerToken }) => kvBytesPerToken,
      );
    expect(kv({})).toEqual([64, 64, 64, 64]);
    expect(kv({ 'attention.key_length': 16, 'attention.value_length': 4 })).toEqual([80, 80, 80, 80]);
    expect(kv({ 'attention.head_count_kv': [8, 0, 4, 2] })).toEqual([256, 0, 128, 64]);
  });

  test('a window counts in the layers that the file names, and in no others', () => {
    const windows = (values: Readonly<Record<string, Value>>): readonly (number | undefined)[] =>
      memoryFacts(header('gemma3', { ...attention, ...values })).layers.map(({ window }) => window);
    expect(windows({ 'attention.sliding_window': 512 })).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const pattern = { 'attention.sliding_window_pattern': [true, true, false, true] };
    expect(windows({ 'attention.sliding_window': 512, ...pattern })).toEqual([512, 512, undefined, 512]);
  });

  test('layers without attention have a state that does not grow', () => {
    const ssm = { 'ssm.conv_kernel': 4, 'ssm.inner_size': 128, 'ssm.state_size': 16, 'ssm.group_count': 1 };
    const mamba = memoryFacts(header('mamba2', { block_count: 2, embedding_length: 64, ...ssm }));
    const state = 4 * (3 * (128 + 2 * 16) + 16 * 128);
    expect(mamba.layers).toMatchObject([
      { kvBytesPerToken: 0, stateBytes: state },
      { kvBytesPerToken: 0, stateBytes: state },
    ]);
    const hybrid = header('jamba', { ...attention, ...ssm, 'attention.head_count_kv': [0, 2, 0, 0] });
    expect(memoryFacts(hybrid).layers.map(({ stateBytes }) => stateBytes > 0)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('a header with nothing of all that is no reason to fail', () => {
    expect(memoryFacts(header('strange', {}))).toMatchObject({ layers: [], inputBytes: 0, embedding: 0 });
  });
});

test('which matrices a processor keeps twice depends on what it can do', () => {
  expect(copiedTypes(new Set(['sse4_2']))).toEqual(new Set());
  expect(copiedTypes(new Set(['avx2', 'avx512f'])).has('Q8_0')).toBe(false);
  expect(copiedTypes(new Set(['avx2', 'amx_int8'])).has('Q8_0')).toBe(true);
  expect(copiedTypes(new Set(['asimd', 'asimddp'])).has('Q4_0')).toBe(true);
});
