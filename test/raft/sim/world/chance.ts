/** Mixes a text into a number, so that streams of one seed have nothing in common. */
const hashText = (text: string, seed: number): number => {
  let hash = seed ^ 0x9e3779b9;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
};

const two32 = 2 ** 32;

/**
 * One stream of chance (sfc32). Each part of a simulation draws from its own, named stream: what one part draws more
 * or less changes nothing for the others, and a failing seed keeps failing while something else is varied.
 */
export class Chance {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, name: string) {
    this.#seed = seed;
    this.#a = hashText(name, seed);
    this.#b = hashText(name, ~seed);
    this.#c = hashText(name, Math.floor(seed / two32) ^ 0x51ed270b);
    for (let round = 0; round < 12; round += 1) this.#next();
  }

  #next(): number {
    const mixed = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + mixed;
    return mixed >>> 0;
  }

  /** A stream that depends on the seed and its name only, not on what was drawn here. */
  stream(name: string): Chance {
    return new Chance(this.#seed, name);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / two32;
  }

  /** A whole number in [0, limit), for limits up to 2^32. */
  below(limit: number): number {
    return Math.floor((this.#next() / two32) * limit);
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Exponentially distributed with this mean, at most ten times as much. */
  around(mean: number): number {
    return Math.min(10, -Math.log(1 - this.fraction())) * mean;
  }

  /** @throws when there are none */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const left = [...items];
    return items.map(() => left.splice(this.below(left.length), 1)[0] as Item);
  }
}
