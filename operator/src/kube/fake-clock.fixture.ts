import type { Clock } from './clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Lets everything happen that needs no time: promises, and I/O that is ready. */
export const settle = async (turns = 5): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #ms = 0;

  /** Timers that run. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#ms + Math.max(0, ms), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on, from timer to timer, with everything that follows from each. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#ms = next.at;
      next.callback();
      await settle();
    }
    this.#ms = end;
    await settle();
  }

  /** Moves on in steps until the promise is settled. */
  async until<T>(promise: Promise<T>, stepMs = 100, mostSteps = 1000): Promise<T> {
    let open = true;
    const done = (): void => {
      open = false;
    };
    promise.then(done, done);
    for (let step = 0; isTrue(() => open) && step < mostSteps; step += 1) await this.advance(stepMs);
    return promise;
  }
}

const isTrue = (read: () => boolean): boolean => read();
