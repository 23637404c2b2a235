import { Chance } from './chance.ts';

/** Weight of the newest guess, for one answer. */
const weight = 1 / 6;

/** How often what the draft model guessed for one answer comes true. */
export class AnswerDrafts {
  readonly #model: Chance;
  readonly #own: Chance;
  /** Guessed, and not said yet. */
  #open: readonly number[] = [];

  /** @param model of all answers: what is assumed before anything is known of this one */
  constructor(model: Chance) {
    this.#model = model;
    this.#own = new Chance(weight, model.value);
  }

  get chance(): number {
    return this.#own.value;
  }

  /** Tokens were guessed to come next; none: it was asked in vain. */
  guessed(tokens: readonly number[]): void {
    this.#open = tokens;
    if (tokens.length === 0) this.#judged(false);
  }

  /** A step goes without its guesses. */
  unasked(): void {
    this.#open = [];
    this.#own.untried();
  }

  /** The answer has gone on. */
  follow(token: number): void {
    const [guess, ...later] = this.#open;
    if (guess === undefined) return;
    const isRight = guess === token;
    this.#judged(isRight);
    this.#open = isRight ? later : [];
  }

  #judged(isRight: boolean): void {
    this.#own.judged(isRight);
    this.#model.judged(isRight);
  }
}
