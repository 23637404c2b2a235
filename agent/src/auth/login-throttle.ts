import { ApiError } from '@ollamamax/api';

interface Attempts {
  failures: number;
  windowEndsAt: number;
}

export interface LoginThrottleOptions {
  /** Failures per key and window before log-ins are refused. */
  readonly maxFailures: number;
  readonly windowMs: number;
  /** Keys remembered; the oldest is forgotten first. */
  readonly maxKeys: number;
  readonly now: () => number;
}

/** Slows password guessing down: counts failures per user and per address. */
export class LoginThrottle {
  readonly #options: LoginThrottleOptions;
  readonly #attempts = new Map<string, Attempts>();

  constructor(options: LoginThrottleOptions) {
    this.#options = options;
  }

  /** @throws ApiError login_throttled */
  check(keys: readonly string[]): void {
    const now = this.#options.now();
    for (const key of keys) {
      const attempts = this.#attempts.get(key);
      if (
        attempts === undefined ||
        attempts.windowEndsAt <= now ||
        attempts.failures < this.#options.maxFailures
      )
        continue;
      const retryAfterSeconds = Math.ceil((attempts.windowEndsAt - now) / 1000);
      throw new ApiError(
        'login_throttled',
        `Too many failed log-ins; the next one is taken in ${retryAfterSeconds} s.`,
        {
          retryAfterSeconds,
        },
      );
    }
  }

  failed(keys: readonly string[]): void {
    const now = this.#options.now();
    for (const key of keys) {
      const known = this.#attempts.get(key);
      const attempts =
        known !== undefined && known.windowEndsAt > now
          ? known
          : { failures: 0, windowEndsAt: now + this.#options.windowMs };
      attempts.failures += 1;
      this.#attempts.delete(key);
      this.#attempts.set(key, attempts);
    }
    while (this.#attempts.size > this.#options.maxKeys) {
      const oldest = this.#attempts.keys().next().value;
      if (oldest === undefined) return;
      this.#attempts.delete(oldest);
    }
  }

  succeeded(key: string): void {
    this.#attempts.delete(key);
  }
}
