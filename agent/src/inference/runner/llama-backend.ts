import type { NativeContextMethods, NativeSamplerOptions } from './native-addon.ts';
import type {
  BatchPart,
  Choice,
  SampledLogprobs,
  SampledToken,
  StepBackend,
  TokenSampler,
  TokenSampling,
} from './step-backend.ts';

/*
 * The private surface of node-llama-cpp that this agent stands on, in one place: its library is pinned to the exact
 * version, and `checkRawContext` tries all of it before it is used.
 */

/** Names the likelihoods behind one token of the batch that was computed last. */
type LogitIndex = number;
type TopLogits = [tokens: readonly number[], max: boolean, min: boolean, selected: boolean, top: number];
/** Token, probabilities, confidence, logits as token and value in turn, and the sum of exp(logit - highest). */
type SampledRaw = [number, unknown, unknown, readonly number[] | undefined, number | undefined];

export interface RawSampler {
  applyConfig(config: Readonly<Record<string, unknown>>): void;
  dispose(): void;
}

/** The native context of node-llama-cpp. */
export interface RawContext {
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(at: LogitIndex, sampler: RawSampler): Promise<number>;
  sampleToken(
    at: LogitIndex,
    sampler: RawSampler,
    probabilities: boolean,
    confidence: boolean,
    logits: TopLogits,
    totalWeight: boolean,
  ): Promise<SampledRaw>;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  shiftSequenceTokenCells(sequence: number, from: number, to: number, by: number): void;
  getSequenceKvCacheMinPosition(sequence: number): number;
  copySequenceStateFromOtherSequence(target: number, source: number): Promise<number>;
}

export type OwnContext = NativeContextMethods<RawSampler>;

export interface LlamaBackendOptions {
  readonly raw: RawContext;
  /** The same context where it is of our own build. */
  readonly own: OwnContext | undefined;
  readonly sequences: number;
  readonly contextSize: number;
  readonly batchSize: number;
  /** Whether the model keeps a state of each token, so that some can be taken out and the rest moved. */
  readonly canShift: boolean;
  readonly newSampler: () => RawSampler;
  /** Native state of a grammar for one answer. */
  readonly grammarState: (grammar: NonNullable<TokenSampling['grammar']>) => unknown;
  readonly isEnd: (token: number) => boolean;
}

interface LlamaSampler {
  readonly native: RawSampler;
  /** How many of the likeliest tokens are told beside the chosen one; undefined: not even its own likelihood. */
  readonly topLogprobs: number | undefined;
  /**
   * Shows likelihoods as the model has them, where they are asked for and our own build is not there. Tokens of several
   * sequences are chosen at the same time, so none can be shared.
   */
  readonly plain: RawSampler | undefined;
}

/** Tokens to choose one after the other: for which part of the batch, and by whom. */
interface Wanted {
  readonly part: number;
  readonly by: LlamaSampler;
  /** Where their likelihoods are. */
  readonly at: readonly LogitIndex[];
  /** What each of them was guessed to be, but for the last: only if it is that, the next one is chosen. */
  readonly guesses: readonly number[];
}

const failedChoice = (error: unknown): Choice => ({
  error: error instanceof Error ? error : new Error(String(error)),
});

const noToken = -1;
const notChosen = -2;
/** No token is ever this one. */
const noGuess = -2;
/** OpenAI's lowest bias, which is to mean never. */
const neverBias = -100;

/** The context of node-llama-cpp as the scheduler wants it. */
export const createLlamaBackend = (options: LlamaBackendOptions): StepBackend => {
  const { raw, own, sequences, contextSize, batchSize, newSampler } = options;
  const samplers = new WeakMap<TokenSampler, LlamaSampler>();

  const sampledToken = (token: number): SampledToken | undefined =>
    token === noToken ? undefined : { token, isEnd: options.isEnd(token) };

  const logprobsOf = async (
    at: LogitIndex,
    token: number,
    count: number,
    plain: RawSampler,
  ): Promise<SampledLogprobs> => {
    const [, , , logits = [], weight = 1] = await raw.sampleToken(
      at,
      plain,
      false,
      false,
      [[token], true, false, false, count],
      true,
    );
    const byToken = new Map<number, number>();
    for (let index = 0; index + 1 < logits.length; index += 2)
      byToken.set(logits[index] ?? 0, logits[index + 1] ?? 0);
    const normaliser = Math.max(...byToken.values()) + Math.log(weight);
    const top = [...byToken]
      .map(([id, logit]) => ({ token: id, logprob: logit - normaliser }))
      .sort((a, b) => b.logprob - a.logprob);
    return { chosen: (byToken.get(token) ?? -Infinity) - normaliser, top: top.slice(0, count) };
  };

  const createSampler = ({ settings, grammar, prompt }: TokenSampling): TokenSampler => {
    const native = newSampler();
    const { repeatLastN, repeatPenalty, presencePenalty, frequencyPenalty, topLogprobs } = settings;
    const lookBack = repeatLastN < 0 ? contextSize : repeatLastN;
    const isPenalised =
      lookBack > 0 && (repeatPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0);
    const bias = Object.entries(settings.logitBias);
    // Only our own build knows these.
    const { typicalP, mirostat, mirostatTau, mirostatEta } = settings;
    const added: NativeSamplerOptions = {
      ...(typicalP === 1 ? {} : { typicalP }),
      ...(mirostat === 0 ? {} : { mirostat, mirostatTau, mirostatEta }),
    };
    native.applyConfig({
      ...added,
      temperature: settings.temperature,
      topK: settings.topK,
      topP: settings.topP,
      minP: settings.minP,
      seed: settings.seed,
      ...(grammar === undefined ? {} : { grammarEvaluationState: options.grammarState(grammar) }),
      ...(isPenalised
        ? {
            repeatPenaltyTokens: Uint32Array.from(prompt.slice(-lookBack)),
            repeatPenaltyMaxTokens: lookBack,
            repeatPenalty,
            repeatPenaltyPresencePenalty: presencePenalty,
            repeatPenaltyFrequencyPenalty: frequencyPenalty,
          }
        : {}),
      ...(bias.length === 0
        ? {}
        : {
            tokenBiasKeys: Uint32Array.from(bias, ([token]) => Number(token)),
            tokenBiasValues: Float32Array.from(bias, ([, value]) => (value <= neverBias ? -Infinity : value)),
          }),
    });
    const plain = topLogprobs !== undefined && own === undefined ? newSampler() : undefined;
    plain?.applyConfig({ temperature: 0 });
    const sampler: TokenSampler = {
      dispose: () => {
        native.dispose();
        plain?.dispose();
      },
    };
    samplers.set(sampler, { native, topLogprobs, plain });
    return sampler;
  };

  /** Chooses a token of the batch that was computed last. */
  const sample = async (
    at: LogitIndex,
    { native, topLogprobs, plain }: LlamaSampler,
  ): Promise<SampledToken | undefined> => {
    if (topLogprobs !== undefined && own !== undefined) {
      const [chosen, , , , , ids, values] = await own.sampleToken(
        at,
        native,
        false,
        false,
        false,
        false,
        topLogprobs,
      );
      const found = sampledToken(chosen);
      if (found === undefined || found.isEnd || ids === undefined || values === undefined) return found;
      return { ...found, logprobs: toLogprobs(ids, values) };
    }
    const found = sampledToken(await raw.sampleToken(at, native));
    return topLogprobs === undefined || plain === undefined || found === undefined || found.isEnd
      ? found
      : { ...found, logprobs: await logprobsOf(at, found.token, topLogprobs, plain) };
  };

  /** Computes what has been added, and chooses tokens on the way where that is possible. */
  const computeAndChoose = async (
    native: OwnContext,
    wanted: readonly Wanted[],
  ): Promise<readonly (readonly Choice[])[]> => {
    const all = wanted.flatMap(({ by, at, guesses }) =>
      at.map((index, place) => ({ index, by, guess: guesses[place - 1] ?? noToken })),
    );
    const [tokens, errors] = await native.decodeBatchAndSample(
      Uint32Array.from(all, ({ index }) => index),
      all.map(({ by }) => by.native),
      Int32Array.from(all, ({ guess }) => guess),
    );
    let next = 0;
    return wanted.map(({ at }) => {
      const begin = next;
      next += at.length;
      return at.flatMap((_index, place): readonly Choice[] => {
        const token = tokens[begin + place] ?? noToken;
        const error = errors[begin + place];
        if (token === notChosen) return [];
        return [error === undefined ? { next: sampledToken(token) } : { error: new Error(error) }];
      });
    });
  };

  /** Chooses tokens of the batch that was computed last. */
  const choose = async ({ by, at, guesses }: Wanted): Promise<readonly Choice[]> => {
    const choices: Choice[] = [];
    for (const [place, index] of at.entries()) {
      const choice = await sample(index, by).then((next) => ({ next }), failedChoice);
      choices.push(choice);
      if (!('next' in choice) || choice.next === undefined || choice.next.token !== guesses[place]) break;
    }
    return choices;
  };

  /** Computes what has been added and chooses tokens. @returns them by their part of the batch */
  const compute = async (wanted: readonly Wanted[]): Promise<ReadonlyMap<number, readonly Choice[]>> => {
    const chosen = new Map<number, readonly Choice[]>();
    const onTheWay = own === undefined ? [] : wanted.filter(({ by }) => by.topLogprobs === undefined);
    if (own === undefined || onTheWay.length === 0) await raw.decodeBatch();
    else {
      const choices = await computeAndChoose(own, onTheWay);
      for (const [index, { part }] of onTheWay.entries()) chosen.set(part, choices[index] ?? []);
    }
    const others = wanted.filter(({ part }) => !chosen.has(part));
    await Promise.all(others.map(async (one) => chosen.set(one.part, await choose(one))));
    return chosen;
  };

  /** Whether the kind of memory allows it, as far as is known: some models keep one state for all they have read. */
  let cuts = options.canShift;
  // A state whose beginning is gone (a sliding window) cannot be cut back: what the window needs is not there.
  const canCut = (sequence: number): boolean => cuts && raw.getSequenceKvCacheMinPosition(sequence) <= 0;

  const truncate = (sequence: number, length: number): number => {
    const isTried = length > 0 && canCut(sequence);
    const isCut = isTried && raw.removeTokenCellsFromSequence(sequence, length, -1);
    if (isTried && !isCut) cuts = false;
    if (!isCut) raw.disposeSequence(sequence);
    return isCut ? length : 0;
  };

  return {
    sequences,
    contextSize,
    batchSize,
    // Each sequence has a buffer of its own, also in our build, where one for all is possible: what follows then
    // depends in its last digits on who else is there, and the same seed gives another answer.
    needsAdjacent: true,
    decode: async (parts, samplerOf) => {
      raw.initBatch(parts.reduce((sum, { tokens }) => sum + tokens.length, 0));
      const wanted: Wanted[] = [];
      for (const [part, given] of parts.entries()) {
        const at = addPart(raw, given);
        if (at.length === 0) continue;
        const by = samplers.get(samplerOf(given.sequence));
        if (by === undefined) throw new Error('The sampler is of another context.');
        const guesses = given.tokens.slice(given.tokens.length - given.guessed);
        // Behind the end of an answer nothing is to be chosen.
        wanted.push({
          part,
          by,
          at,
          guesses: guesses.map((token) => (options.isEnd(token) ? noGuess : token)),
        });
      }
      const chosen = await compute(wanted);
      return parts.map((_part, index) => chosen.get(index) ?? []);
    },
    canCut,
    truncate,
    cutOut: (sequence, from, count) => {
      if (!options.canShift) return false;
      if (!raw.removeTokenCellsFromSequence(sequence, from, from + count)) return false;
      raw.shiftSequenceTokenCells(sequence, from + count, contextSize, -count);
      return true;
    },
    copyPrefix: async (source, target, length) => {
      if (own !== undefined) return own.copySequencePrefix(source, target, length) ? length : 0;
      await raw.copySequenceStateFromOtherSequence(target, source);
      return truncate(target, length);
    },
    states:
      own === undefined
        ? undefined
        : {
            save: (sequence) => own.getSequenceState(sequence),
            restore: (sequence, state) => own.setSequenceState(sequence, state),
          },
    createSampler,
  };
};

/** The chosen token comes first, then the likeliest. */
const toLogprobs = (ids: Uint32Array, values: Float32Array): SampledLogprobs => ({
  chosen: values[0] ?? -Infinity,
  top: Array.from(ids.subarray(1), (token, index) => ({ token, logprob: values[index + 1] ?? -Infinity })),
});

/** @returns where the likelihoods will be of what is to be chosen */
const addPart = (raw: RawContext, part: BatchPart): readonly LogitIndex[] => {
  const { sequence, position, tokens, wantsNext, guessed } = part;
  const first = tokens.length - 1 - guessed;
  const wanted = wantsNext ? Array.from({ length: 1 + guessed }, (_, place) => first + place) : [];
  return Array.from(raw.addToBatch(sequence, position, Uint32Array.from(tokens), Uint32Array.from(wanted)));
};

/** @throws the error of the choice */
const tokenOf = ([choice]: readonly Choice[]): number | undefined => {
  if (choice !== undefined && 'error' in choice) throw choice.error;
  return choice?.next?.token;
};

const rawMethods = [
  'initBatch',
  'addToBatch',
  'decodeBatch',
  'sampleToken',
  'disposeSequence',
  'removeTokenCellsFromSequence',
  'shiftSequenceTokenCells',
  'getSequenceKvCacheMinPosition',
  'copySequenceStateFromOtherSequence',
] as const satisfies readonly (keyof RawContext)[];

/**
 * Tries what this module stands on: two sequences in one batch, the choice of a token, a copied state.
 * @param token any token of the vocabulary
 * @throws Error naming what is not as expected
 */
export const checkRawContext = async (
  raw: RawContext,
  backend: StepBackend,
  sampling: TokenSampling,
  token: number,
): Promise<void> => {
  const missing = rawMethods.filter((name) => typeof raw[name] !== 'function');
  if (missing.length > 0) throw new Error(`the native context has no ${missing.join(', ')}`);
  const all = Array.from({ length: Math.min(2, backend.sequences) }, (_, sequence) => sequence);
  const sampler = backend.createSampler(sampling);
  try {
    const parts = all.map((sequence) => ({
      sequence,
      position: 0,
      tokens: [token, token],
      wantsNext: true,
      guessed: 0,
    }));
    const chosen = (await backend.decode(parts, () => sampler)).map(tokenOf);
    if (new Set(chosen).size !== 1 || chosen[0] === undefined)
      throw new Error(`equal sequences were answered by different tokens: ${chosen.join(', ')}`);
    if (backend.sequences > 1) {
      if ((await backend.copyPrefix(0, 1, 1)) === 1) {
        const next = { sequence: 1, position: 1, tokens: [token], wantsNext: true, guessed: 0 };
        const [answer] = await backend.decode([next], () => sampler);
        if (tokenOf(answer ?? []) === undefined) throw new Error('a copied state was answered by no token');
      }
    }
  } finally {
    sampler.dispose();
    for (const sequence of all) backend.truncate(sequence, 0);
  }
};
