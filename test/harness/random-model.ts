import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import {
  arrayEntry,
  buildGguf,
  entry,
  numberEntry,
  stringEntry,
  text,
  uint32,
  uint8,
  type Fixture,
  type FixtureEntry,
} from '../../agent/src/models/gguf.fixture.ts';
import { readGguf, type GgufMetadata } from '../../agent/src/models/gguf.ts';
import { cachedModel } from './bench-models.ts';
import { tinyModel } from './local-cluster.ts';

/** Sizes of a model of the `llama` architecture. */
export interface RandomModelShape {
  readonly layers: number;
  readonly embedding: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  /** Most tokens of a context. */
  readonly context: number;
  /** Tokens in all; those beyond the tokenizer's own are words that no text contains. */
  readonly vocabulary: number;
  /** How matrices are stored; norms are F32. */
  readonly type: 'F16' | 'Q8_0';
  readonly seed: number;
}

const common = { context: 8192, vocabulary: 32_000, seed: 1 } as const;

/** Models by how long a step takes. */
export const randomModels = {
  /** 19 million parameters: a step is so short that what surrounds it decides. */
  small: { ...common, layers: 4, embedding: 256, heads: 8, kvHeads: 2, feedForward: 704, type: 'F16' },
  /** 98 million parameters. */
  medium: { ...common, layers: 22, embedding: 512, heads: 8, kvHeads: 2, feedForward: 1536, type: 'Q8_0' },
  /** 405 million parameters: the computation decides. */
  base: { ...common, layers: 28, embedding: 1024, heads: 16, kvHeads: 4, feedForward: 3072, type: 'Q8_0' },
} as const satisfies Readonly<Record<string, RandomModelShape>>;

/** Changes whenever the same parameters give another file. */
const formatVersion = 1;
/** Standard deviation of the weights: logits stay finite. */
const deviation = 0.02;
/**
 * Of the elements of queries and keys. Attention that prefers some tokens keeps greedy answers from repeating a few
 * words for ever.
 */
const queryDeviation = 1.5;
const alignment = 32;
const normalToken = 1;
const controlToken = 3;
/** Rows held in memory at a time. */
const rowsPerWrite = 512;

const ggmlTypes = { F32: 0, F16: 1, Q8_0: 8 } as const;
const fileTypes = { F16: 1, Q8_0: 7 } as const;

/** 32 random bits a call: sfc32 by Chris Doty-Humphrey, seeded as he says, with twelve rounds thrown away. */
const randomBits = (seed: number): (() => number) => {
  let a = 0;
  let b = seed | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    c |= 0;
    return result;
  };
  for (let round = 0; round < 12; round += 1) next();
  return next;
};

/**
 * Values of the standard normal distribution at 65,536 equally likely places, the smallest first. The distribution is
 * added up from its density, which is exact enough for weights that nobody trained.
 */
const normalValues = (): Float64Array => {
  const count = 65_536;
  const values = new Float64Array(count);
  const step = 1 / 4096;
  let x = -5;
  let below = 0;
  for (let at = 0; at < count; at += 1) {
    const wanted = (at + 0.5) / count;
    while (below < wanted && x < 5) {
      const middle = x + step / 2;
      below += (Math.exp((-middle * middle) / 2) / Math.sqrt(2 * Math.PI)) * step;
      x += step;
    }
    values[at] = x;
  }
  return values;
};

/** The half-precision bits of a number that is neither tiny nor huge. */
const halfBits = (value: number): number => new Uint16Array(new Float16Array([value]).buffer)[0] ?? 0;

/** Writes a row of random weights. */
type RowWriter = (target: Buffer, elements: number, bits: () => number) => void;

const block = { elements: 32, bytes: 34 } as const;

/** Bytes of so many elements. */
const bytesOf = {
  F16: (elements: number) => elements * 2,
  Q8_0: (elements: number) => (elements / block.elements) * block.bytes,
} as const;

const halfWriter = (deviation: number): RowWriter => {
  const table = Uint16Array.from(normalValues(), (value) => halfBits(value * deviation));
  return (target, elements, bits) => {
    for (let at = 0; at < elements; at += 2) {
      const random = bits();
      target.writeUInt16LE(table[random & 0xffff] ?? 0, at * 2);
      target.writeUInt16LE(table[random >>> 16] ?? 0, at * 2 + 2);
    }
  };
};

/** Blocks of 32 weights: a half-precision scale, here the same for all, and a signed byte each. */
const byteWriter = (deviation: number): RowWriter => {
  const widest = 4;
  const scale = halfBits((deviation * widest) / 127);
  const table = Int8Array.from(normalValues(), (value) =>
    Math.round((Math.max(-widest, Math.min(widest, value)) / widest) * 127),
  );
  return (target, elements, bits) => {
    for (let start = 0; start < elements / block.elements; start += 1) {
      const at = start * block.bytes;
      target.writeUInt16LE(scale, at);
      for (let weight = 0; weight < block.elements; weight += 2) {
        const random = bits();
        target[at + 2 + weight] = table[random & 0xffff] ?? 0;
        target[at + 3 + weight] = table[random >>> 16] ?? 0;
      }
    }
  };
};

interface Tensor {
  readonly name: string;
  /** Rows of so many elements; a vector has one. */
  readonly columns: number;
  readonly rows: number;
  /** Norms are ones, everything else is random; of those, queries and keys have other deviations. */
  readonly kind: 'norm' | 'query' | 'matrix';
}

const tensorsOf = (shape: RandomModelShape): readonly Tensor[] => {
  const { embedding, feedForward, vocabulary } = shape;
  const kv = (embedding / shape.heads) * shape.kvHeads;
  const matrix = (name: string, columns: number, rows: number, kind: Tensor['kind'] = 'matrix'): Tensor => ({
    name: `${name}.weight`,
    columns,
    rows,
    kind,
  });
  const norm = (name: string): Tensor => matrix(name, embedding, 1, 'norm');
  return [
    matrix('token_embd', embedding, vocabulary),
    ...Array.from({ length: shape.layers }, (_unused, layer) => [
      norm(`blk.${layer}.attn_norm`),
      matrix(`blk.${layer}.attn_q`, embedding, embedding, 'query'),
      matrix(`blk.${layer}.attn_k`, embedding, kv, 'query'),
      matrix(`blk.${layer}.attn_v`, embedding, kv),
      matrix(`blk.${layer}.attn_output`, embedding, embedding),
      norm(`blk.${layer}.ffn_norm`),
      matrix(`blk.${layer}.ffn_gate`, embedding, feedForward),
      matrix(`blk.${layer}.ffn_up`, embedding, feedForward),
      matrix(`blk.${layer}.ffn_down`, feedForward, embedding),
    ]).flat(),
    norm('output_norm'),
    matrix('output', embedding, vocabulary),
  ];
};

const strings = (metadata: GgufMetadata, key: string): readonly string[] => {
  const value = metadata.get(key)?.value;
  if (!Array.isArray(value)) throw new Error(`The bundled model has no ${key}; is ${tinyModel} damaged?`);
  return value.map(String);
};

/** Entries of the bundled model's tokenizer, with words that no text contains up to the wanted number. */
const tokenizerEntries = (metadata: GgufMetadata, vocabulary: number): readonly FixtureEntry[] => {
  const tokens = strings(metadata, 'tokenizer.ggml.tokens');
  const types = strings(metadata, 'tokenizer.ggml.token_type').map(Number);
  if (vocabulary < tokens.length)
    throw new RangeError(`The tokenizer alone has ${tokens.length} tokens; ask for a vocabulary as large.`);
  const more = vocabulary - tokens.length;
  const all = [...tokens, ...Array.from({ length: more }, (_unused, index) => `Ġw${index}`)];
  const allTypes = [...types, ...Array.from({ length: more }, () => normalToken)];
  return [...metadata]
    .filter(([key]) => key.startsWith('tokenizer.'))
    .map(([key, { type, value }]) => {
      if (key === 'tokenizer.ggml.tokens') return arrayEntry(key, 8, all.map(text));
      if (key === 'tokenizer.ggml.token_type') return arrayEntry(key, 5, allTypes.map(uint32));
      if (type === 'array') return arrayEntry(key, 8, strings(metadata, key).map(text));
      if (typeof value === 'string') return stringEntry(key, value);
      return typeof value === 'boolean'
        ? entry(key, 7, uint8(Number(value)))
        : numberEntry(key, Number(value));
    });
};

const float32 = (key: string, value: number): FixtureEntry =>
  entry(key, 6, Buffer.from(new Float32Array([value]).buffer));

const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

const headerOf = (shape: RandomModelShape, tokenizer: readonly FixtureEntry[]): Buffer => {
  let offset = 0;
  const tensors = tensorsOf(shape).map(({ name, columns, rows, kind }): Fixture['tensors'][number] => {
    const at = BigInt(offset);
    offset += padded(kind === 'norm' ? columns * 4 : bytesOf[shape.type](columns) * rows);
    return {
      name,
      shape: kind === 'norm' ? [BigInt(columns)] : [BigInt(columns), BigInt(rows)],
      type: ggmlTypes[kind === 'norm' ? 'F32' : shape.type],
      offset: at,
    };
  });
  return buildGguf({
    magic: 'GGUF',
    version: 3,
    alignment,
    dataBytes: 0,
    tensors,
    entries: [
      stringEntry('general.architecture', 'llama'),
      stringEntry('general.name', 'random weights'),
      numberEntry('general.file_type', fileTypes[shape.type]),
      numberEntry('general.quantization_version', 2),
      numberEntry('llama.vocab_size', shape.vocabulary),
      numberEntry('llama.context_length', shape.context),
      numberEntry('llama.embedding_length', shape.embedding),
      numberEntry('llama.block_count', shape.layers),
      numberEntry('llama.feed_forward_length', shape.feedForward),
      numberEntry('llama.attention.head_count', shape.heads),
      numberEntry('llama.attention.head_count_kv', shape.kvHeads),
      float32('llama.attention.layer_norm_rms_epsilon', 1e-5),
      numberEntry('llama.rope.dimension_count', shape.embedding / shape.heads),
      float32('llama.rope.freq_base', 10_000),
      ...tokenizer,
    ],
  });
};

/** Ids of tokens that end an answer or belong to the chat template. */
const controlTokens = (metadata: GgufMetadata): ReadonlySet<number> =>
  new Set(
    strings(metadata, 'tokenizer.ggml.token_type').flatMap((type, id) =>
      Number(type) === controlToken ? [id] : [],
    ),
  );

/** Writes rows of random weights, and rows of zeros where they are silent. */
const writeMatrix = async (
  file: FileHandle,
  { rows }: Tensor,
  rowBytes: number,
  fill: (target: Buffer) => void,
  silent: ReadonlySet<number>,
): Promise<void> => {
  for (let start = 0; start < rows; start += rowsPerWrite) {
    const count = Math.min(rowsPerWrite, rows - start);
    const end = (start + count) * rowBytes;
    const gap = start + count === rows ? padded(end) - end : 0;
    const chunk = Buffer.alloc(count * rowBytes + gap);
    for (let row = 0; row < count; row += 1) {
      const target = chunk.subarray(row * rowBytes, (row + 1) * rowBytes);
      fill(target);
      if (silent.has(start + row)) target.fill(0);
    }
    await file.write(chunk);
  }
};

/**
 * Writes a GGUF file of the `llama` architecture with random weights and the tokenizer of the bundled model. A control
 * token always has the logit 0, far below the best of thousands: greedy answers never end by themselves. The same
 * shape gives the same bytes. Memory stays at a few megabytes whatever the size of the model.
 */
const writeRandomModel = async (path: string, shape: RandomModelShape): Promise<void> => {
  await using tiny = await open(tinyModel);
  const { metadata } = await readGguf(tiny, { verbose: true });
  const writerFor = shape.type === 'F16' ? halfWriter : byteWriter;
  const writers = {
    matrix: writerFor(deviation),
    query: writerFor(queryDeviation / Math.sqrt(shape.embedding)),
  };
  const bits = randomBits(shape.seed);
  const control = controlTokens(metadata);
  await using file = await open(path, 'w');
  await file.write(headerOf(shape, tokenizerEntries(metadata, shape.vocabulary)));
  for (const tensor of tensorsOf(shape)) {
    const { columns, kind, name } = tensor;
    if (kind === 'norm') {
      const ones = Buffer.from(new Float32Array(columns).fill(1).buffer);
      await file.write(Buffer.concat([ones], padded(ones.length)));
      continue;
    }
    const fill = (target: Buffer): void => writers[kind](target, columns, bits);
    const silent = name === 'output.weight' ? control : new Set<number>();
    await writeMatrix(file, tensor, bytesOf[shape.type](columns), fill, silent);
  }
};

/** The path of such a file below the user's cache folder; it is written when it is not there yet. */
export const randomModel = (shape: RandomModelShape, folder?: string): Promise<string> => {
  const parameters = JSON.stringify([formatVersion, Object.entries(shape).sort()]);
  const hash = createHash('sha256').update(parameters).digest('hex').slice(0, 16);
  return cachedModel(`random-${hash}.gguf`, (path) => writeRandomModel(path, shape), folder);
};
