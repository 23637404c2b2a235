import { GuessCost } from './guess-cost.ts';

/** Tokens that are guessed for one answer and step at most. */
export const longestGuess = 16;

/** Guessing must promise so much more than not guessing: what is known of times is not exact. */
const leastGain = 1.05;
/** Of a step without guesses, what one of them is taken to take before anything is known of it. */
const firstShare = 1 / 4;
/** After so many steps with guesses one without shows again what such a one takes. */
const stepsWithGuesses = 64;

/** What may be guessed for one answer of a step. */
export interface Outlook {
  /** How probable it is that a guess is right, where those before it were. */
  readonly chance: number;
  /** Tokens that can be guessed. */
  readonly length: number;
}

/** What is known of other work than computing answers, in milliseconds. */
export interface KnownTimes {
  /** What computing one token of a prompt takes; undefined: it is not known yet. */
  readonly promptMs: number | undefined;
  /** What a draft model takes to guess one token for all that it guesses for; 0: it guesses for nobody. */
  readonly draftMs: number;
}

/**
 * Learns what computing guesses takes, and says how many are worth it: where a step mostly reads weights, some tokens
 * more in it cost little, and where it computes for many answers already, each costs as much as one of an answer.
 */
export class GuessLength {
  /** By the number of answers that a step goes on with. */
  readonly #costs = new Map<number, GuessCost>();
  #sincePlain = 0;

  /**
   * How many tokens to guess for each answer of the next step: for all the same, as sequences that go on by different
   * numbers of tokens are not computed together.
   */
  next(answers: readonly Outlook[], most: number, { promptMs, draftMs }: KnownTimes): number {
    const cost = this.#costs.get(answers.length);
    if (cost === undefined || this.#sincePlain >= stepsWithGuesses) return 0;
    const assumedMs = promptMs ?? cost.plainMs * firstShare;
    const longest = Math.min(most, longestGuess, Math.max(0, ...answers.map(({ length }) => length)));
    let [best, bestRate] = [0, (answers.length / cost.plainMs) * leastGain];
    for (let length = 1; length <= longest; length += 1) {
      const tokens = answers.reduce((sum, answer) => sum + 1 + gainOf(answer, length), 0);
      const rate = tokens / (cost.plainMs + cost.of(answers.length * length, assumedMs) + length * draftMs);
      if (rate > bestRate) [best, bestRate] = [length, rate];
    }
    return best;
  }

  /** @returns what a step takes that goes on with so many answers and no guesses; undefined: it is not known yet */
  plainMs(answers: number): number | undefined {
    return this.#costs.get(answers)?.plainMs;
  }

  /**
   * A step has been computed that went on with answers only.
   * @param length tokens guessed for each of them
   */
  measured(answers: number, length: number, ms: number): void {
    this.#sincePlain = length === 0 ? 0 : this.#sincePlain + 1;
    const cost = this.#costs.get(answers);
    if (cost !== undefined) cost.measured(answers * length, ms);
    else if (length === 0) this.#costs.set(answers, new GuessCost(ms));
  }
}

/** Tokens that guesses save an answer, on average. */
const gainOf = ({ chance, length }: Outlook, guessed: number): number => {
  let [gain, allRight] = [0, 1];
  for (let index = 0; index < Math.min(length, guessed); index += 1) {
    allRight *= chance;
    gain += allRight;
  }
  return gain;
};
