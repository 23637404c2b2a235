/** Lets at most `limit` callers in at a time; the others wait in order. */
export class Limiter {
  readonly #limit: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get idle(): boolean {
    return this.#inside === 0 && this.#waiting.length === 0;
  }

  /** @throws the signal's reason when it aborts while waiting, else what `work` throws */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#inside -= 1;
      this.#waiting.shift()?.();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        const index = this.#waiting.indexOf(admit);
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(signal.reason as Error);
      };
      const admit = (): void => {
        signal.removeEventListener('abort', onAbort);
        this.#inside += 1;
        resolve();
      };
      if (this.#inside < this.#limit) {
        admit();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(admit);
    });
  }
}
