import type { SampledToken, TokenSampling } from './step-backend.ts';

/** One request, from its prompt on. */
export interface StepTask {
  /** At least one token, and fewer than the context holds. */
  readonly prompt: readonly number[];
  /** Whose request it is; what it leaves in memory serves only the same. */
  readonly tenant: string;
  readonly sampling: TokenSampling;
  /** What the answer will probably be. */
  readonly prediction?: readonly number[];
  readonly signal: AbortSignal;
  /** Tokens of the beginning that stay when the context is full and its oldest part makes room; undefined: it ends then. */
  readonly keepOnShift: number | undefined;
  /** Whether its client has read enough for it to go on. Whoever makes it true calls `wake`. */
  readonly isReady: () => boolean;
  /** Takes the next token of the answer at once. @returns false when the answer is complete with it */
  readonly take: (token: SampledToken) => boolean;
  /** Tokens have been computed, of prompt or answer. */
  readonly onProgress: (tokens: number) => void;
  /** Tokens that were guessed have come true, or have not. */
  readonly onGuesses?: (right: number, wrong: number) => void;
}

/** `ended`: the model ended its answer; `taken`: `take` did; `full`: the context is. */
export type StepEnd = 'ended' | 'taken' | 'full';

export interface StepOutcome {
  readonly end: StepEnd;
  /** Tokens of the prompt that were in memory already. */
  readonly cachedTokens: number;
}

/** Runs requests on a loaded model. */
export interface TokenScheduler {
  /**
   * Computes a request to its end. It waits when all sequences are busy.
   * @throws what aborted the signal; whatever llama.cpp fails with
   */
  run(task: StepTask): Promise<StepOutcome>;
  /**
   * A request is being prepared. A step that nobody's answer waits for is worth a moment if it then serves both.
   * @returns to be called when it has come or will not come
   */
  expect(): () => void;
  /** Something has changed from outside: a client has read. */
  wake(): void;
  /** Bytes of memory that hold states of conversations outside of the context. */
  readonly stateBytes: number;
}
