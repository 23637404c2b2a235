import type { Clock } from '../kube/index.ts';

export interface EventRate {
  /** Events about one object at once. */
  readonly burst: number;
  /** After that, one more each so many milliseconds. */
  readonly everyMs: number;
}

/** Objects remembered; beyond that the one unheard of for longest begins with a full budget. */
const mostObjects = 2000;

/** Bounds how many events there are about each object, so that one in trouble does not drown the others. */
export class EventBudget {
  readonly #clock: Clock;
  readonly #rate: EventRate;
  readonly #left = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock, rate: EventRate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** False when the object has used up its share. */
  spend(object: string): boolean {
    const { burst, everyMs } = this.#rate;
    const now = this.#clock.monotonic();
    const known = this.#left.get(object);
    const tokens = known === undefined ? burst : Math.min(burst, known.tokens + (now - known.at) / everyMs);
    const granted = tokens >= 1;
    this.#left.delete(object);
    this.#left.set(object, { tokens: granted ? tokens - 1 : tokens, at: now });
    const [oldest] = this.#left.keys();
    if (this.#left.size > mostObjects && oldest !== undefined) this.#left.delete(oldest);
    return granted;
  }
}
