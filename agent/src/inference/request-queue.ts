/** First in, first out, with a bound and removal from the middle. */
export class RequestQueue<T> {
  readonly #items = new Set<T>();

  get size(): number {
    return this.#items.size;
  }

  get head(): T | undefined {
    const [first] = this.#items;
    return first;
  }

  push(item: T): void {
    this.#items.add(item);
  }

  /** True if it was still waiting. */
  remove(item: T): boolean {
    return this.#items.delete(item);
  }

  /** Everything that waits, in order; the queue is empty afterwards. */
  drain(): readonly T[] {
    const all = [...this.#items];
    this.#items.clear();
    return all;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}
