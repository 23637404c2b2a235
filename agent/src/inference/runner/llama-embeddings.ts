import type {
  LlamaContext,
  LlamaContextOptions,
  LlamaEmbeddingContext,
  LlamaModel,
  Token,
} from 'node-llama-cpp';
import { RunnerFailure } from './failure.ts';
import type { OwnContext, RawContext } from './llama-backend.ts';
import type { LoadedModel } from './loaded-model.ts';

/** Inputs of one batch at most. */
const sequences = 16;
/** Tokens of one batch, where an input does not need more by itself. */
const batchTokens = 2048;

export interface EmbedderOptions {
  readonly model: LlamaModel;
  readonly contextSize: number;
  readonly threads: number;
  readonly isOwnBuild: boolean;
  /** Adapters, where there are any. */
  readonly contextOptions: Pick<LlamaContextOptions, 'lora'>;
}

/** Computes embeddings in a context of its own, which is made when the first request asks for one. */
export const createEmbedder = (options: EmbedderOptions): LoadedModel['embed'] => {
  let made: Promise<LoadedModel['embed']> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return (inputs, signal) => {
    made ??= options.isOwnBuild ? batched(options) : oneByOne(options);
    const work = Promise.all([made, last.catch(() => undefined)]).then(([embed]) => {
      signal.throwIfAborted();
      return embed(inputs, signal);
    });
    last = work;
    return work;
  };
};

const oneByOne = async ({
  model,
  contextSize,
  threads,
  contextOptions,
}: EmbedderOptions): Promise<LoadedModel['embed']> => {
  // node-llama-cpp makes this context itself and takes no adapters for it: vectors without them would be wrong.
  if (contextOptions.lora !== undefined)
    throw new RunnerFailure(
      'capability_missing',
      'A model with adapters has no embeddings on this machine; use one without, or merge them into its file.',
    );
  const context: LlamaEmbeddingContext = await model.createEmbeddingContext({
    contextSize,
    batchSize: contextSize,
    threads,
  });
  return async (inputs, signal) => {
    const vectors: (readonly number[])[] = [];
    for (const input of inputs) {
      signal.throwIfAborted();
      vectors.push((await context.getEmbeddingFor(input as Token[])).vector);
    }
    return vectors;
  };
};

/** Many inputs in one pass: each is a sequence of a context whose sequences share one buffer. */
const batched = async ({
  model,
  contextSize,
  threads,
  contextOptions,
}: EmbedderOptions): Promise<LoadedModel['embed']> => {
  const size = Math.max(contextSize, batchTokens);
  const options = {
    // The sequences share what is made for all of them, and one may take it all.
    contextSize: Math.ceil(size / sequences),
    sequences,
    batchSize: size,
    threads,
    ...contextOptions,
    // Of node-llama-cpp's own embedding context; its type does not show it.
    _embeddings: true,
  };
  const context: LlamaContext = await model.createContext(options);
  const raw = (context as unknown as { readonly _ctx: RawContext & OwnContext })._ctx;
  const isPooled = raw.getPoolingType() !== 'none';

  const compute = async (inputs: readonly (readonly number[])[]): Promise<readonly (readonly number[])[]> => {
    raw.initBatch(inputs.reduce((sum, { length }) => sum + length, 0));
    const ends = inputs.map((tokens, sequence) => {
      const indexes = Uint32Array.from(isPooled ? tokens.keys() : [tokens.length - 1]);
      return raw.addToBatch(sequence, 0, Uint32Array.from(tokens), indexes).at(-1) ?? 0;
    });
    try {
      await raw.decodeBatch();
      return ends.map((end, sequence) =>
        Array.from(isPooled ? raw.getSequenceEmbedding(sequence) : raw.getTokenEmbedding(end)),
      );
    } finally {
      for (const sequence of inputs.keys()) raw.disposeSequence(sequence);
    }
  };

  return async (inputs, signal) => {
    const vectors: (readonly number[])[] = [];
    for (let at = 0; at < inputs.length;) {
      signal.throwIfAborted();
      const group = fitting(inputs, at, size);
      vectors.push(...(await compute(group)));
      at += group.length;
    }
    return vectors;
  };
};

/** As many inputs from `at` on as one batch holds, at least one. */
const fitting = (
  inputs: readonly (readonly number[])[],
  at: number,
  size: number,
): readonly (readonly number[])[] => {
  let end = at + 1;
  let tokens = inputs[at]?.length ?? 0;
  for (; end < inputs.length && end - at < sequences; end += 1) {
    tokens += inputs[end]?.length ?? 0;
    if (tokens > size) break;
  }
  return inputs.slice(at, end);
};
