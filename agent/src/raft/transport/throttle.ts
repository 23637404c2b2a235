const quietMs = 60_000;
const mostKeys = 1000;

/** Keeps what others can make happen at will from filling the log: each thing once a minute. */
export class Throttle {
  readonly #now: () => number;
  readonly #last = new Map<string, number>();

  /** @param now monotonic, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  allows(what: string): boolean {
    const at = this.#now();
    const last = this.#last.get(what);
    if (last !== undefined && at - last < quietMs) return false;
    if (this.#last.size >= mostKeys) this.#last.clear();
    this.#last.set(what, at);
    return true;
  }
}
