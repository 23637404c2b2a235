import { backoffDelay } from '@ollamamax/common';
import { systemClock, type Clock } from '../kube/index.ts';
import type { RuntimeMetrics } from './metrics.ts';

/** Low is for what is merely looked at again: resync and the first list. */
export type Priority = 'high' | 'low';

export interface WorkQueueOptions {
  readonly name: string;
  readonly clock?: Clock | undefined;
  readonly metrics?: RuntimeMetrics | undefined;
  /** Delay of a key after its first failure, and the longest: 5 ms and 1 000 000 ms. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number } | undefined;
  readonly random?: (() => number) | undefined;
}

/**
 * Keys that wait for a worker, each once. A key that a worker holds is not given out again until `done`.
 * Added twice, the earlier time and the higher priority win.
 */
export interface WorkQueue {
  /** Keys that could be taken now. */
  readonly length: number;
  add(key: string, priority?: Priority): void;
  addAfter(key: string, ms: number, priority?: Priority): void;
  /** Adds after this key's backoff, which doubles each time until it is forgotten. */
  addRateLimited(key: string, priority?: Priority): void;
  /** Ends the backoff of a key. */
  forget(key: string): void;
  retries(key: string): number;
  /**
   * The next key; undefined once the queue is shut down or the signal aborted.
   * @param least keys of a lower priority are left to others
   */
  take(
    signal?: AbortSignal,
    least?: Priority,
  ): Promise<{ readonly key: string; readonly priority: Priority } | undefined>;
  done(key: string): void;
  /** Gives out nothing any more and drops what waits. */
  shutDown(): void;
}

export const createWorkQueue = (options: WorkQueueOptions): WorkQueue => new KeyQueue(options);

type Taken = { readonly key: string; readonly priority: Priority };

class KeyQueue implements WorkQueue {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #metrics: RuntimeMetrics | undefined;
  readonly #backoff: { readonly minMs: number; readonly maxMs: number };
  readonly #random: () => number;
  /** Keys in the order in which they became ready, with that time. */
  readonly #ready: Readonly<Record<Priority, Map<string, number>>> = { high: new Map(), low: new Map() };
  readonly #later = new Map<string, { at: number; priority: Priority; cancel: () => void }>();
  /** Keys that workers hold, since when. */
  readonly #held = new Map<string, number>();
  /** Held keys that came up again meanwhile. */
  readonly #again = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  /** Who waits for a key, with the lowest priority that is taken. */
  readonly #waiting = new Map<(taken: Taken | undefined) => void, Priority>();
  #closed = false;

  constructor({ name, clock, metrics, backoff, random }: WorkQueueOptions) {
    this.#name = name;
    this.#clock = clock ?? systemClock;
    this.#metrics = metrics;
    this.#backoff = backoff ?? { minMs: 5, maxMs: 1_000_000 };
    this.#random = random ?? Math.random;
    metrics?.observeHeldKeys(name, () => {
      const now = this.#clock.monotonic();
      return [...this.#held.values()].map((since) => (now - since) / 1000);
    });
    metrics?.queueAdds.inc({ name }, 0);
    metrics?.queueRetries.inc({ name }, 0);
    this.#measure();
  }

  get length(): number {
    return this.#ready.high.size + this.#ready.low.size;
  }

  add(key: string, priority: Priority = 'high'): void {
    if (this.#closed) return;
    const later = this.#later.get(key);
    later?.cancel();
    this.#later.delete(key);
    const wanted = later === undefined ? priority : higher(priority, later.priority);
    if (this.#held.has(key)) {
      const noted = this.#again.get(key);
      this.#again.set(key, noted === undefined ? wanted : higher(noted, wanted));
      if (noted === undefined) this.#metrics?.queueAdds.inc({ name: this.#name });
      return;
    }
    if (this.#promote(key, wanted)) return;
    this.#metrics?.queueAdds.inc({ name: this.#name });
    this.#makeReady(key, wanted);
  }

  addAfter(key: string, ms: number, priority: Priority = 'high'): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key, priority);
      return;
    }
    // What is ready comes earlier anyway.
    if (this.#promote(key, priority)) return;
    const at = this.#clock.monotonic() + ms;
    const known = this.#later.get(key);
    const wanted = known === undefined ? priority : higher(priority, known.priority);
    if (known !== undefined && known.at <= at) {
      known.priority = wanted;
      return;
    }
    known?.cancel();
    const cancel = this.#clock.after(ms, () => this.add(key, wanted));
    this.#later.set(key, { at, priority: wanted, cancel });
  }

  addRateLimited(key: string, priority: Priority = 'high'): void {
    const attempt = this.retries(key);
    this.#failures.set(key, attempt + 1);
    this.#metrics?.queueRetries.inc({ name: this.#name });
    this.addAfter(key, backoffDelay(attempt, { ...this.#backoff, random: this.#random }), priority);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  retries(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  take(signal?: AbortSignal, least: Priority = 'low'): Promise<Taken | undefined> {
    if (this.#closed || signal?.aborted === true) return Promise.resolve(undefined);
    const next = this.#next(least);
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve) => {
      const give = (taken: Taken | undefined): void => {
        this.#waiting.delete(give);
        signal?.removeEventListener('abort', onAbort);
        resolve(taken);
      };
      const onAbort = (): void => give(undefined);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(give, least);
    });
  }

  done(key: string): void {
    const since = this.#held.get(key);
    if (since === undefined) return;
    this.#held.delete(key);
    this.#metrics?.queueWork.observe({ name: this.#name }, (this.#clock.monotonic() - since) / 1000);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined && !this.#closed) this.#makeReady(key, again);
  }

  shutDown(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#again.clear();
    this.#ready.high.clear();
    this.#ready.low.clear();
    this.#measure();
    for (const give of [...this.#waiting.keys()]) give(undefined);
  }

  /** True when the key is ready already, now at that priority or a higher one. */
  #promote(key: string, priority: Priority): boolean {
    const { high, low } = this.#ready;
    if (high.has(key)) return true;
    const since = low.get(key);
    if (since === undefined) return false;
    if (priority === 'high') {
      low.delete(key);
      high.set(key, since);
      this.#offer('high');
    }
    return true;
  }

  #makeReady(key: string, priority: Priority): void {
    this.#ready[priority].set(key, this.#clock.monotonic());
    this.#offer(priority);
  }

  /** To somebody who waits for a key of that priority. */
  #offer(priority: Priority): void {
    for (const [give, least] of this.#waiting)
      if (least === 'low' || priority === 'high') {
        give(this.#next(least));
        return;
      }
    this.#measure();
  }

  #next(least: Priority): Taken | undefined {
    for (const priority of least === 'high' ? (['high'] as const) : (['high', 'low'] as const)) {
      for (const [key, since] of this.#ready[priority]) {
        this.#ready[priority].delete(key);
        const now = this.#clock.monotonic();
        this.#held.set(key, now);
        this.#metrics?.queueWait.observe({ name: this.#name }, (now - since) / 1000);
        this.#measure();
        return { key, priority };
      }
    }
    return undefined;
  }

  #measure(): void {
    for (const priority of ['high', 'low'] as const)
      this.#metrics?.queueDepth.set({ name: this.#name, priority }, this.#ready[priority].size);
  }
}

const higher = (a: Priority, b: Priority): Priority => (a === 'high' || b === 'high' ? 'high' : 'low');
