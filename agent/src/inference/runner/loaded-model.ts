import type { Grammar } from './step-backend.ts';
import type { TokenScheduler } from './token-scheduler.ts';

/** Control tokens around the parts of a gap that the model fills. */
export interface InfillTokens {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
}

/** A model in memory. */
export interface LoadedModel {
  /** Tokens of prompt and answer together, per request. */
  readonly contextSize: number;
  readonly chatTemplate: string | undefined;
  readonly bosText: string;
  readonly eosText: string;
  /** Texts of the control tokens. */
  readonly controlTexts: readonly string[];
  /** UTF-16 units of the longest text one token stands for; no prompt has fewer tokens than its length by this. */
  readonly longestToken: number;
  readonly infill: InfillTokens | undefined;
  readonly vocabularySize: number;
  readonly scheduler: TokenScheduler;
  /** Tokens of the pieces, one after the other, with the beginning-of-sequence token where the model wants one. */
  tokenize(pieces: readonly string[], options?: TokenizeOptions): readonly number[];
  /** @param special whether control tokens show as text. */
  detokenize(tokens: readonly number[], before: readonly number[], special: boolean): string;
  /** The bytes that one token stands for; none for a control token. */
  bytesOf(token: number): readonly number[];
  /** @throws Error when llama.cpp cannot parse it */
  createGrammar(gbnf: string): Promise<Grammar>;
  /**
   * One vector per input, as the model pools it; its last token's where it does not.
   * @throws RunnerFailure capability_missing; what aborted the signal
   */
  embed(inputs: readonly (readonly number[])[], signal: AbortSignal): Promise<readonly (readonly number[])[]>;
  /** How well a document answers a query. @throws RunnerFailure capability_missing */
  rank(query: string, document: string): Promise<number>;
}

export interface TokenizeOptions {
  /** With the beginning-of-sequence token; true when left out. */
  readonly addSpecial?: boolean;
  /** Texts of control tokens become these tokens; true when left out. */
  readonly parseSpecial?: boolean;
}
