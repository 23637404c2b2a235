/** Before anything is known. */
const firstChance = 1 / 2;
/** What is not tried for long may have become better: it comes back to the first chance by so much with every step. */
const recovery = 1 / 256;

/** How probable it is that a guess comes true, where those before it did: newer guesses count for more. */
export class Chance {
  readonly #weight: number;
  #value: number;

  /** @param weight of the newest guess */
  constructor(weight: number, first: number = firstChance) {
    this.#weight = weight;
    this.#value = first;
  }

  get value(): number {
    return this.#value;
  }

  /** A guess has come true, or has not. */
  judged(isRight: boolean): void {
    this.#value += ((isRight ? 1 : 0) - this.#value) * this.#weight;
  }

  /** A step went by without a guess. */
  untried(): void {
    this.#value += (firstChance - this.#value) * recovery;
  }
}
