import { readModelFacts } from '../models/model-facts.ts';
import type { GgufHeader } from '../models/gguf.ts';

/** What one block of a model takes. */
export interface LayerFacts {
  readonly weightBytes: number;
  /** 16-bit keys and values of one token. */
  readonly kvBytesPerToken: number;
  /** Tokens that a layer with a sliding window looks back at; undefined: all. */
  readonly window: number | undefined;
  /** State of a recurrent layer, for each request. */
  readonly stateBytes: number;
}

/** What the memory of a model follows from, as its header tells. */
export interface MemoryFacts {
  readonly layers: readonly LayerFacts[];
  /** Token embeddings: they stay in the memory of the machine also when layers are on a GPU. */
  readonly inputBytes: number;
  /** Output matrix and norms. */
  readonly outputBytes: number;
  /** Matrices by the type they are stored in, which a processor may keep a second time in its own order. */
  readonly matrixBytes: ReadonlyMap<string, number>;
  readonly embedding: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Longest context the model was trained for. */
  readonly trainedContext: number | undefined;
}

type Numbers = (key: string) => number | undefined;

/** @throws ApiError model_file_invalid; the error of the file system when it cannot be read */
export const readMemoryFacts = async (path: string): Promise<MemoryFacts> =>
  memoryFacts((await readModelFacts(path)).header);

/** Exported for headers that no file on this machine has. */
export const memoryFacts = (header: Pick<GgufHeader, 'metadata' | 'tensors'>): MemoryFacts => {
  const { metadata, tensors } = header;
  const family = String(metadata.get('general.architecture')?.value ?? '');
  const number: Numbers = (key) => {
    const value = metadata.get(`${family}.${key}`)?.value;
    return typeof value === 'number' && value > 0 ? value : undefined;
  };
  const layerCount = number('block_count') ?? 0;
  const weights = new Array<number>(layerCount).fill(0);
  const matrixBytes = new Map<string, number>();
  let inputBytes = 0;
  let outputBytes = 0;
  const isTied = !tensors.some(({ name }) => name === 'output.weight');
  for (const { name, bytes, type, shape } of tensors) {
    const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
    const isInput = name.includes('token_embd');
    if (weights[layer] !== undefined) weights[layer] += bytes;
    else if (isInput) inputBytes += bytes;
    else outputBytes += bytes;
    // Rows of the embeddings are looked up one by one, unless the same matrix makes the output.
    if (shape.length > 1 && (!isInput || isTied)) matrixBytes.set(type, (matrixBytes.get(type) ?? 0) + bytes);
  }
  const layerNumber = (key: string, layer: number): number | undefined => {
    const value = metadata.get(`${family}.${key}`)?.value;
    if (!Array.isArray(value)) return number(key);
    const own: unknown = value[layer];
    return typeof own === 'number' ? own : undefined;
  };
  const embedding = number('embedding_length') ?? 0;
  const layers = weights.map((weightBytes, layer): LayerFacts => {
    const heads = layerNumber('attention.head_count', layer) ?? 0;
    const kvHeads = layerNumber('attention.head_count_kv', layer) ?? heads;
    const headSize = heads === 0 ? 0 : embedding / heads;
    const perHead =
      (number('attention.key_length') ?? headSize) + (number('attention.value_length') ?? headSize);
    return {
      weightBytes,
      kvBytesPerToken: Math.ceil(kvHeads * perHead * 2),
      window: hasWindow(metadata.get(`${family}.attention.sliding_window_pattern`)?.value, layer)
        ? number('attention.sliding_window')
        : undefined,
      stateBytes: kvHeads === 0 || number('attention.head_count') === undefined ? stateBytes(number) : 0,
    };
  });
  return {
    layers,
    inputBytes,
    outputBytes,
    matrixBytes,
    embedding,
    feedForward: feedForward(metadata.get(`${family}.feed_forward_length`)?.value),
    vocabulary: metadata.get('tokenizer.ggml.tokens')?.length ?? 0,
    trainedContext: number('context_length'),
  };
};

/** Only where the file says so for each layer: what llama.cpp knows of an architecture alone counts as no window. */
const hasWindow = (pattern: unknown, layer: number): boolean =>
  Array.isArray(pattern) && pattern[layer] === true;

/** The longest of the layers. */
const feedForward = (value: unknown): number => {
  const lengths: readonly unknown[] = Array.isArray(value) ? value : [value];
  return lengths.reduce<number>(
    (longest, length) => (typeof length === 'number' ? Math.max(longest, length) : longest),
    0,
  );
};

/** State of Mamba's layers in 32-bit numbers: what is left of the convolution, and what goes on from token to token. */
const stateBytes = (number: Numbers): number => {
  const inner = number('ssm.inner_size') ?? 0;
  const state = number('ssm.state_size') ?? 0;
  const groups = number('ssm.group_count') ?? 0;
  const history = Math.max(0, (number('ssm.conv_kernel') ?? 1) - 1);
  return 4 * (history * (inner + 2 * groups * state) + state * inner);
};
