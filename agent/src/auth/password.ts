import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { ApiError } from '@ollamamax/api';

/** Cost of a new hash: 19 MiB, two passes, one lane (OWASP's first choice for argon2id). */
const cost = { memory: 19 * 1024, passes: 2, parallelism: 1 } as const;
const saltBytes = 16;
const tagBytes = 32;
const maxPasswordBytes = 1024;
const phc = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

interface ParsedHash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** Bounds keep a hash from a file from costing gigabytes. */
const parseHash = (text: string): ParsedHash | undefined => {
  const match = phc.exec(text);
  if (match === null) return undefined;
  const [, memory, passes, parallelism, salt = '', tag = ''] = match;
  const parsed = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
  const ok =
    parsed.parallelism >= 1 &&
    parsed.parallelism <= 8 &&
    parsed.memory >= 8 * parsed.parallelism &&
    parsed.memory <= 256 * 1024 &&
    parsed.passes >= 1 &&
    parsed.passes <= 16 &&
    parsed.salt.length >= 8 &&
    parsed.salt.length <= 64 &&
    parsed.tag.length >= 16 &&
    parsed.tag.length <= 64;
  return ok ? parsed : undefined;
};

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

const derive = (password: Buffer, hash: Omit<ParsedHash, 'tag'>, tagLength: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const { memory, passes, parallelism, salt } = hash;
    argon2(
      'argon2id',
      { message: password, nonce: salt, memory, passes, parallelism, tagLength },
      (error, derived) => {
        if (error === null) resolve(derived);
        else reject(error);
      },
    );
  });

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
   * @throws ApiError invalid_request when the password is empty or longer than 1024 bytes
   */
  async hash(password: string): Promise<string> {
    const bytes = Buffer.from(password.normalize('NFC'));
    if (bytes.length === 0 || bytes.length > maxPasswordBytes)
      throw new ApiError('invalid_request', `A password has 1 to ${maxPasswordBytes} bytes.`, {
        param: 'password',
      });
    const salt = randomBytes(saltBytes);
    const tag = await this.#inTurn(() => derive(bytes, { ...cost, salt }, tagBytes));
    return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
  }

  /**
   * Whether the password belongs to the hash. Without a hash (no such user) it takes as long and says no, so
   * that the time of an answer does not tell which users exist.
   * @throws ApiError login_throttled when too many calls are waiting
   */
  async verify(hash: string | undefined, password: string): Promise<boolean> {
    const bytes = Buffer.from(password.normalize('NFC'));
    if (bytes.length > maxPasswordBytes) return false;
    const known = hash === undefined ? undefined : parseHash(hash);
    const { tag, ...parameters } = known ?? {
      ...cost,
      salt: Buffer.alloc(saltBytes),
      tag: Buffer.alloc(tagBytes),
    };
    const derived = await this.#inTurn(() => derive(bytes, parameters, tag.length));
    return timingSafeEqual(derived, tag) && known !== undefined;
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
