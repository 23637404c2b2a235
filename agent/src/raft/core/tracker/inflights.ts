import type { Index } from '../types.ts';

/**
 * Appends on their way to one follower, oldest first: of each the last index and its bytes. Bounded by count and by
 * bytes; the byte bound may be passed by the last one, so that a single large entry is not stuck.
 */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #queue: { readonly index: Index; readonly bytes: number }[] = [];
  #head = 0;
  #bytes = 0;

  /** @param maxBytes 0 for no bound */
  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#queue.length - this.#head;
  }

  get full(): boolean {
    return this.count >= this.#maxCount || (this.#maxBytes > 0 && this.#bytes >= this.#maxBytes);
  }

  add(index: Index, bytes: number): void {
    this.#queue.push({ index, bytes });
    this.#bytes += bytes;
  }

  /** Forgets all up to and including an index: the follower has them. */
  freeUpTo(index: Index): void {
    let first = this.#queue[this.#head];
    while (first !== undefined && first.index <= index) {
      this.#bytes -= first.bytes;
      this.#head += 1;
      first = this.#queue[this.#head];
    }
    if (this.#head > 64 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  reset(): void {
    this.#queue = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
