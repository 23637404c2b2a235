import { writeFile } from 'node:fs/promises';
import {
  arrayEntry,
  buildGguf,
  entry,
  numberEntry,
  stringEntry,
  uint8,
  type FixtureEntry,
  type FixtureTensor,
} from '../../agent/src/models/gguf.fixture.ts';

/** Sizes of the vision encoder: an image becomes (imageSize / patchSize)² tokens. */
const shape = { imageSize: 64, patchSize: 16, embedding: 32, heads: 4, feedForward: 64, layers: 2 } as const;
const alignment = 32;
const deviation = 0.2;
const float32Type = 0;

/** Tokens that an image of any size takes of the context. */
export const tokensOfImage = (shape.imageSize / shape.patchSize) ** 2;

interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** Norms are ones. */
  readonly isNorm?: boolean;
}

const linear = (name: string, from: number, to: number): readonly Tensor[] => [
  { name: `${name}.weight`, dimensions: [from, to] },
  { name: `${name}.bias`, dimensions: [to] },
];

const norm = (name: string): readonly Tensor[] => [
  { name: `${name}.weight`, dimensions: [shape.embedding], isNorm: true },
  { name: `${name}.bias`, dimensions: [shape.embedding] },
];

/** A CLIP encoder and the two layers of LLaVA 1.5 behind it. */
const tensorsOf = (textEmbedding: number): readonly Tensor[] => {
  const { embedding, feedForward, layers, patchSize } = shape;
  return [
    { name: 'v.class_embd', dimensions: [embedding] },
    { name: 'v.patch_embd.weight', dimensions: [patchSize, patchSize, 3, embedding] },
    { name: 'v.position_embd.weight', dimensions: [embedding, tokensOfImage + 1] },
    ...norm('v.pre_ln'),
    ...Array.from({ length: layers }, (_unused, layer) =>
      [
        ...['attn_q', 'attn_k', 'attn_v', 'attn_out'].map((part) => linear(part, embedding, embedding)),
        norm('ln1'),
        norm('ln2'),
        linear('ffn_up', embedding, feedForward),
        linear('ffn_down', feedForward, embedding),
      ]
        .flat()
        .map((tensor) => ({ ...tensor, name: `v.blk.${layer}.${tensor.name}` })),
    ).flat(),
    ...linear('mm.0', embedding, textEmbedding),
    ...linear('mm.2', textEmbedding, textEmbedding),
  ];
};

/** Even numbers between -1 and 1, always the same ones: the generator of Park and Miller. */
const evenNumbers = (): (() => number) => {
  let state = 20_260_427;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (2 * state) / 2_147_483_647 - 1;
  };
};

const float32 = (...values: readonly number[]): Buffer => Buffer.from(new Float32Array(values).buffer);
const flag = (key: string): FixtureEntry => entry(key, 7, uint8(1));

const entriesOf = (textEmbedding: number): FixtureEntry[] => {
  const third = float32(0.5);
  const vision = (key: string, value: number): FixtureEntry => numberEntry(`clip.vision.${key}`, value);
  return [
    stringEntry('general.architecture', 'clip'),
    stringEntry('general.type', 'mmproj'),
    numberEntry('general.file_type', 0),
    flag('clip.has_vision_encoder'),
    flag('clip.use_gelu'),
    stringEntry('clip.projector_type', 'mlp'),
    vision('image_size', shape.imageSize),
    vision('patch_size', shape.patchSize),
    vision('embedding_length', shape.embedding),
    vision('feed_forward_length', shape.feedForward),
    vision('projection_dim', textEmbedding),
    vision('block_count', shape.layers),
    vision('attention.head_count', shape.heads),
    entry('clip.vision.attention.layer_norm_epsilon', 6, float32(1e-5)),
    arrayEntry('clip.vision.image_mean', 6, [third, third, third]),
    arrayEntry('clip.vision.image_std', 6, [third, third, third]),
  ];
};

const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/**
 * Writes an image projector with weights that nobody trained: what a model sees through it depends on the image and
 * means nothing. Always the same bytes.
 * @param textEmbedding width of the embeddings of the model that it is for
 */
export const writeRandomProjector = async (path: string, textEmbedding: number): Promise<void> => {
  const next = evenNumbers();
  const tensors: FixtureTensor[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const { name, dimensions, isNorm = false } of tensorsOf(textEmbedding)) {
    const values = Float32Array.from(
      { length: dimensions.reduce((product, size) => product * size, 1) },
      () => (isNorm ? 1 : next() * deviation),
    );
    const bytes = Buffer.alloc(padded(values.byteLength));
    bytes.set(new Uint8Array(values.buffer));
    tensors.push({ name, shape: dimensions.map(BigInt), type: float32Type, offset: BigInt(offset) });
    data.push(bytes);
    offset += bytes.length;
  }
  const entries = entriesOf(textEmbedding);
  const header = buildGguf({ magic: 'GGUF', version: 3, alignment, dataBytes: 0, tensors, entries });
  await writeFile(path, Buffer.concat([header, ...data]));
};
