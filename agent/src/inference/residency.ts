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

/**
 * Decides who may be in memory: at most so many models, loaded one at a time. Idle ones make room, those of lower
 * priority first, among equals the one used longest ago; priority never keeps a model out of memory.
 */
export class Residency<R extends Resident> {
  readonly #options: ResidencyOptions<R>;
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
      (await this.#makeRoom(resident, shortage)) ? load() : undefined,
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
      const victim = others
        .filter((other) => other.evictable)
        .reduce<R | undefined>(
          (first, other) => (first === undefined || this.#leavesBefore(other, first) ? other : first),
          undefined,
        );
      if (victim !== undefined) await victim.evict();
      else if (error !== undefined) throw error;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #leavesBefore(a: R, b: R): boolean {
    const [one, other] = [this.#options.priority(a), this.#options.priority(b)];
    return one === other ? a.lastUsed < b.lastUsed : one < other;
  }
}
