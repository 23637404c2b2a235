import type { ResolvedSampling } from './protocol.ts';

/** What one sequence has computed in a step. */
export interface BatchPart {
  readonly sequence: number;
  /** Where the first of the tokens stands in the sequence. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** Whether the token that follows the last one is asked for. */
  readonly wantsNext: boolean;
  /**
   * So many of the last tokens are guesses of what will be chosen; the token that follows each of them is asked for as
   * long as they come true. None where nothing is asked for.
   */
  readonly guessed: number;
}

/** What came of the choice of a token. What fails for one request does not concern the others of its batch. */
export type Choice =
  /** Undefined: no token is allowed to follow. */
  { readonly next: SampledToken | undefined } | { readonly error: Error };

/** Copies the state of one sequence out of the context and back. */
export interface StateCopies {
  /** All that a sequence holds, but for its tokens: valid for this context only. */
  save(sequence: number): Promise<Uint8Array>;
  /** Makes a sequence hold what was saved, and nothing else. @throws Error where it does not fit; it is empty then */
  restore(sequence: number, state: Uint8Array): Promise<void>;
}

/**
 * The context of a model as the scheduler sees it: sequences of tokens whose attention state is held, and batches over
 * them. Nothing but `decode` and the copies of states takes time, and none of it may run while another does.
 */
export interface StepBackend {
  readonly sequences: number;
  /** Tokens a sequence holds at most. */
  readonly contextSize: number;
  /** Tokens of a batch at most. */
  readonly batchSize: number;
  /**
   * Whether sequences of a batch must have ids without a gap to be computed together: llama.cpp reads all weights once
   * more for each gap, unless the sequences share one buffer.
   */
  readonly needsAdjacent: boolean;
  /**
   * Computes one batch and chooses the tokens that follow.
   * @param parts in ascending order of their sequences, each once, together not more than `batchSize` tokens
   * @param samplerOf whose sampler chooses for a sequence that wants its next token
   * @returns for each part what was chosen, in order: nothing where nothing was asked for, and one more than guesses
   *   came true
   */
  decode(
    parts: readonly BatchPart[],
    samplerOf: (sequence: number) => TokenSampler,
  ): Promise<readonly (readonly Choice[])[]>;
  /** Whether what a sequence holds can be cut back, so that only its last tokens are lost. */
  canCut(sequence: number): boolean;
  /**
   * Keeps the first `length` tokens.
   * @returns how many are kept: none where the model's state cannot be cut there
   */
  truncate(sequence: number, length: number): number;
  /**
   * Takes `count` tokens out from position `from` on, and moves what is behind them there.
   * @returns false where the model's state cannot be moved; nothing has changed then
   */
  cutOut(sequence: number, from: number, count: number): boolean;
  /**
   * Makes `target` hold the first `length` tokens of `source` and nothing else.
   * @returns how many it holds: none where the model's state cannot be cut there
   */
  copyPrefix(source: number, target: number, length: number): Promise<number>;
  /** Undefined where states cannot leave the context. */
  readonly states: StateCopies | undefined;
  createSampler(sampling: TokenSampling): TokenSampler;
}

declare const grammarBrand: unique symbol;
/** A grammar that llama.cpp has parsed; only the module that made it looks inside. */
export interface Grammar {
  readonly [grammarBrand]: true;
}

/** How the tokens of one request are chosen. */
export interface TokenSampling {
  readonly settings: ResolvedSampling;
  /** As `LoadedModel.createGrammar` made it. */
  readonly grammar: Grammar | undefined;
  /** Penalties look back at its end. */
  readonly prompt: readonly number[];
}

/** Chooses the tokens of one request for the backend that made it. Its own settings, its own chance. */
export interface TokenSampler {
  dispose(): void;
}

export interface SampledToken {
  readonly token: number;
  /** Whether the model ends its answer with it. */
  readonly isEnd: boolean;
  readonly logprobs?: SampledLogprobs;
}

/** Natural logarithms of probabilities before sampling settings changed them. */
export interface SampledLogprobs {
  readonly chosen: number;
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}
