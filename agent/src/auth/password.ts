import { ApiError } from '@ollamamax/api';
import { hashPassword, isUsablePassword, maxPasswordBytes, passwordMatches } from '@ollamamax/common';

export interface PasswordHasherOptions {
  /** Hashes computed at the same time; each takes 19 MiB and a thread of the pool. */
  readonly concurrency?: number;
  /** Calls that may wait for their turn; further ones are refused. */
  readonly maxQueue?: number;
}

/** Hashes and checks passwords, a bounded number at a time: logins never starve the rest of the process. */
export class PasswordHasher {
  readonly #concurrency: number;
  readonly #maxQueue: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: PasswordHasherOptions = {}) {
    this.#concurrency = options.concurrency ?? 2;
    this.#maxQueue = options.maxQueue ?? 64;
  }

  /**
   * Hash of a new password with a fresh salt, as a PHC string.
   * @throws ApiError invalid_request when the password is empty or longer than 1024 bytes; login_throttled
   */
  async hash(password: string): Promise<string> {
    if (!isUsablePassword(password))
      throw new ApiError('invalid_request', `A password has 1 to ${maxPasswordBytes} bytes.`, {
        param: 'password',
      });
    return this.#inTurn(() => hashPassword(password));
  }

  /**
   * Whether the password belongs to the hash; without a hash it takes as long and says no.
   * @throws ApiError login_throttled when too many calls are waiting
   */
  verify(hash: string | undefined, password: string): Promise<boolean> {
    return this.#inTurn(() => passwordMatches(hash, password));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#concurrency) {
      if (this.#waiting.length >= this.#maxQueue)
        throw new ApiError('login_throttled', 'Too many log-ins are waiting on this agent.', {
          retryAfterSeconds: 1,
        });
      // Whoever finishes hands its place over, so #running stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
