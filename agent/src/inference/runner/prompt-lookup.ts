/** So many tokens must have been said before, one after the other, for what followed them then to be a guess. */
const gram = 3;
const hashFactor = 0x9e_37_79_b1;

/**
 * Guesses how a text goes on by what followed the last time when its last tokens stood there: an answer that quotes its
 * prompt, edits a program of it or writes one row after the other says much that has been said ("prompt lookup").
 */
export class PromptLookup {
  readonly #tokens: number[] = [];
  /** By hash of three tokens, how many tokens there were when they stood last at the end; 0: never. */
  readonly #ends: Int32Array;
  readonly #mask: number;
  /** Where the last tokens stood before: what follows there is the guess; 0: nowhere. */
  #match = 0;

  /** @param contextSize tokens of a text at most; of longer ones it forgets some */
  constructor(tokens: readonly number[], contextSize: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * contextSize)));
    this.#ends = new Int32Array(places);
    this.#mask = places - 1;
    for (const token of tokens) this.push(token);
  }

  /** The text goes on. */
  push(token: number): void {
    this.#tokens.push(token);
    const length = this.#tokens.length;
    if (length < gram) return;
    const place = this.#placeOf(length);
    const before = this.#ends[place] ?? 0;
    this.#match = before > 0 && this.#isSame(before, length) ? before : 0;
    this.#ends[place] = length;
  }

  /** @returns up to `most` tokens; none where the last tokens are new */
  guess(most: number): readonly number[] {
    if (this.#match === 0) return [];
    const period = this.#tokens.length - this.#match;
    const guess: number[] = [];
    // Behind the end it goes on as it has begun: what repeats itself does so more than once.
    for (let index = 0; index < most; index += 1)
      guess.push((index < period ? this.#tokens[this.#match + index] : guess[index - period]) ?? 0);
    return guess;
  }

  #placeOf(end: number): number {
    let hash = 0;
    for (let index = end - gram; index < end; index += 1)
      hash = Math.imul(hash ^ (this.#tokens[index] ?? 0), hashFactor) ^ (hash >>> 15);
    return (hash ^ (hash >>> 13)) & this.#mask;
  }

  #isSame(end: number, other: number): boolean {
    for (let back = 1; back <= gram; back += 1)
      if (this.#tokens[end - back] !== this.#tokens[other - back]) return false;
    return true;
  }
}
