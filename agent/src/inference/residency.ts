import type { ApiError } from '@ollamamax/api';

/** A model that holds a runner, or is about to. */
export interface Resident {
  /** True while a runner exists or is being started or ended. */
  readonly holdsRunner: boolean;
  /** True when it can be unloaded now: ready, no request running or waiting. */
  readonly evictable: boolean;
  /** Monotonic time of the last request. */
  readonly lastUsed: number;
  /** False when nobody waits for it any more. */
  readonly wanted: boolean;
  evict(): Promise<void>;
}

export interface ResidencyOptions<R> {
  readonly all: () => Iterable<R>;
  readonly maxLoaded: () => number;
  /** Asked when room is needed, so that a change counts without a request. */
  readonly priority: (resident: R) => number;
}

/** A model that was made to leave and is back within this time takes turns with others. */
const returnMs = 60_000;

/** Then it stays so many times as long as its loading took: at most a sixth of the time goes into loading. */
const stayPerLoad = 5;

/** But no longer than this, so that nobody waits for ever. */
const longestStayMs = 30_000;

/** What is known of how a model came and went. */
interface Past {
  /** Monotonic time at which it left for another; −∞: never. */
  readonly evictedAt: number;
  /** Monotonic time until which it stays. */
  readonly staysUntil: number;
}

const noPast: Past = { evictedAt: Number.NEGATIVE_INFINITY, staysUntil: Number.NEGATIVE_INFINITY };

/**
 * Decides who may be in memory: at most so many models, loaded one at a time. Idle ones make room, those of lower
 * priority first, among equals the one used longest ago; priority never keeps a model out of memory. Models that push
 * each other out again and again get turns that are long beside the time loading takes.
 */
export class Residency<R extends Resident> {
  readonly #options: ResidencyOptions<R>;
  readonly #pasts = new WeakMap<R, Past>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: (() => void)[] = [];

  constructor(options: ResidencyOptions<R>) {
    this.#options = options;
  }

  /** Something has become idle, unloaded or unwanted. */
  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /**
   * Waits for this model's turn and for room, then runs `load`. Others are evicted as needed.
   * @param shortage the error if there is too little memory now.
   * @returns undefined when nobody wanted it any more.
   */
  load<T>(
    resident: R,
    shortage: () => Promise<ApiError | undefined>,
    load: () => Promise<T>,
  ): Promise<T | undefined> {
    const result = this.#turn.then(async () =>
      (await this.#makeRoom(resident, shortage)) ? this.#timed(resident, load) : undefined,
    );
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #makeRoom(resident: R, shortage: () => Promise<ApiError | undefined>): Promise<boolean> {
    for (;;) {
      if (!resident.wanted) return false;
      const others = [...this.#options.all()].filter((other) => other !== resident && other.holdsRunner);
      const full = others.length >= Math.max(1, this.#options.maxLoaded());
      const error = full ? undefined : await shortage();
      if (!full && error === undefined) return true;
      const now = performance.now();
      const idle = others.filter((other) => other.evictable);
      const victim = idle
        .filter((other) => this.#pastOf(other).staysUntil <= now)
        .reduce<R | undefined>(
          (first, other) => (first === undefined || this.#leavesBefore(other, first) ? other : first),
          undefined,
        );
      if (victim !== undefined) await this.#evict(victim);
      else if (error !== undefined && idle.length === 0) throw error;
      else await this.#change(Math.min(...idle.map((other) => this.#pastOf(other).staysUntil)) - now);
    }
  }

  async #evict(victim: R): Promise<void> {
    this.#pasts.set(victim, { ...noPast, evictedAt: performance.now() });
    await victim.evict();
  }

  /** Until something has changed, or so many milliseconds are over. */
  async #change(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (Number.isFinite(ms)) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  async #timed<T>(resident: R, load: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const loaded = await load();
    const now = performance.now();
    const isBack = start - this.#pastOf(resident).evictedAt < returnMs;
    const staysUntil = now + Math.min(longestStayMs, (now - start) * stayPerLoad);
    this.#pasts.set(resident, isBack ? { ...noPast, staysUntil } : noPast);
    return loaded;
  }

  #pastOf(resident: R): Past {
    return this.#pasts.get(resident) ?? noPast;
  }

  #leavesBefore(a: R, b: R): boolean {
    const [one, other] = [this.#options.priority(a), this.#options.priority(b)];
    return one === other ? a.lastUsed < b.lastUsed : one < other;
  }
}
