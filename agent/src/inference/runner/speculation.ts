import { AnswerGuesses } from './answer-guesses.ts';
import type { Turn } from './batch-plan.ts';
import { GuessLength } from './guess-length.ts';

/** Guesses how one answer goes on. */
export type Guesses = Pick<AnswerGuesses, 'chance' | 'next' | 'follow'>;

/** An answer that goes on with the next step. */
export interface Guessed {
  /** Undefined: nothing may be guessed for it. */
  readonly guesses: Guesses | undefined;
  /** Tokens that its sequence can still take, behind the next one. */
  readonly room: number;
}

/**
 * Speculative decoding: what probably follows is computed in the same step as the token before it. Each guess that turns
 * out to be what would have been chosen anyway saves a step, and the others are taken back: the answer stays the same.
 */
export class Speculation {
  readonly #contextSize: number;
  readonly #length = new GuessLength();

  constructor(contextSize: number) {
    this.#contextSize = contextSize;
  }

  /** An answer begins. @param prediction what it will probably be */
  begin(prompt: readonly number[], prediction: readonly number[]): Guesses {
    return new AnswerGuesses(prompt, prediction, this.#contextSize);
  }

  /**
   * What to compute in advance for the answers of the next step, which computes nothing else: the same number of tokens
   * for each, filled up with any where fewer are guessed.
   * @param batchSize tokens of a step at most
   */
  choose(
    answers: readonly Guessed[],
    batchSize: number,
    promptMs: number | undefined,
  ): readonly (readonly number[])[] {
    const outlooks = answers.map(({ guesses }) => ({
      chance: guesses?.chance ?? 0,
      length: guesses?.next.length ?? 0,
    }));
    const most = Math.min(
      Math.floor(batchSize / answers.length) - 1,
      ...answers.map(({ guesses, room }) => (guesses === undefined ? 0 : room)),
    );
    const length = this.#length.next(outlooks, most, promptMs);
    return answers.map(({ guesses }) =>
      Array.from({ length }, (_, index) => guesses?.next[index] ?? anyToken),
    );
  }

  /** A step has been computed that went on with answers only. */
  measured(turns: readonly Turn[], ms: number): void {
    this.#length.measured(turns.length, turns[0]?.guesses.length ?? 0, ms);
  }
}

const anyToken = 0;
