import { RunnerFailure } from './failure.ts';
import type { JobContext } from './job-context.ts';
import { known, renderChat } from './prompt.ts';
import type { Job } from './protocol.ts';

/**
 * Does what needs no token after token: embeddings, ranking, and what is asked about texts and tokens.
 * @returns the tokens it read; undefined when the request is none of these
 * @throws RunnerFailure
 */
export const answerAtOnce = async (context: JobContext): Promise<number | undefined> => {
  const { id, job, model, emit } = context;
  const { input } = job;
  switch (input.kind) {
    case 'embed':
      return embed(context, input);
    case 'rerank':
      return rerank(context, input);
    case 'tokenize': {
      const { text, addSpecial, parseSpecial } = input;
      const tokens = model.tokenize([text], { addSpecial, parseSpecial });
      emit({ kind: 'tokens', id, tokens });
      return tokens.length;
    }
    case 'detokenize': {
      const text = model.detokenize(known(model, input.tokens), [], true);
      context.credit.spend(text.length);
      emit({ kind: 'text', id, text, tokens: 0 });
      return input.tokens.length;
    }
    case 'render': {
      const { pieces } = await renderChat(context, input);
      const text = pieces.join('');
      const tokens = model.tokenize(pieces);
      context.credit.spend(text.length);
      emit({ kind: 'text', id, text, tokens: 0 });
      emit({ kind: 'tokens', id, tokens });
      return tokens.length;
    }
    default:
      return undefined;
  }
};

type Input<Kind> = Extract<Job['input'], { kind: Kind }>;

const embed = async (
  { id, model, signal, emit, progress }: JobContext,
  { inputs, truncate, normalize, dimensions }: Input<'embed'>,
): Promise<number> => {
  const all = inputs.map((input, index) => {
    const tokens = typeof input === 'string' ? model.tokenize([input]) : known(model, input);
    if (tokens.length === 0)
      throw new RunnerFailure('invalid_request', `Input ${index} is empty: there is nothing to embed.`);
    if (tokens.length > model.contextSize && !truncate)
      throw new RunnerFailure(
        'context_exceeded',
        `Input ${index} has ${tokens.length} tokens and the context holds ${model.contextSize}.`,
      );
    return tokens.slice(0, model.contextSize);
  });
  const embeddings: (readonly number[])[] = [];
  for (let at = 0; at < all.length; at += inputsAtOnce) {
    const some = all.slice(at, at + inputsAtOnce);
    const vectors = await model.embed(some, signal);
    signal.throwIfAborted();
    progress(some.reduce((sum, tokens) => sum + tokens.length, 0));
    embeddings.push(...vectors.map((vector) => shaped(vector, dimensions, normalize)));
  }
  emit({ kind: 'embeddings', id, embeddings });
  return all.reduce((sum, tokens) => sum + tokens.length, 0);
};

/** A cancellation is seen between them. */
const inputsAtOnce = 64;

const shaped = (
  vector: readonly number[],
  dimensions: number | undefined,
  normalize: boolean,
): readonly number[] => {
  if (dimensions !== undefined && dimensions > vector.length)
    throw new RunnerFailure(
      'invalid_request',
      `dimensions is ${dimensions}, and the model's embeddings have ${vector.length} numbers.`,
    );
  const cut = dimensions === undefined ? vector : vector.slice(0, dimensions);
  return normalize ? toUnitLength(cut) : cut;
};

const toUnitLength = (vector: readonly number[]): readonly number[] => {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
};

const rerank = async (
  { id, model, signal, emit, progress }: JobContext,
  { query, documents }: Input<'rerank'>,
): Promise<number> => {
  const scores: number[] = [];
  let promptTokens = 0;
  for (const document of documents) {
    scores.push(await model.rank(query, document));
    signal.throwIfAborted();
    promptTokens += model.tokenize([query, document]).length;
    progress(1);
  }
  emit({ kind: 'scores', id, scores });
  return promptTokens;
};
