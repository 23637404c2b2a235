import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';

/** Cost of a new hash: 19 MiB, two passes, one lane (OWASP's first choice for argon2id). */
const cost = { memory: 19 * 1024, passes: 2, parallelism: 1 } as const;
const saltBytes = 16;
const tagBytes = 32;
/** Longest password in bytes of UTF-8. */
export const maxPasswordBytes = 1024;
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

const bytesOf = (password: string): Buffer => Buffer.from(password.normalize('NFC'));

/** Whether a password may be set: it has 1 to 1024 bytes. */
export const isUsablePassword = (password: string): boolean => {
  const { length } = bytesOf(password);
  return length > 0 && length <= maxPasswordBytes;
};

/**
 * Hash of a new password with a fresh salt, as a PHC string. Takes 19 MiB and a thread of the pool meanwhile.
 * @throws RangeError when the password is not usable
 */
export const hashPassword = async (password: string): Promise<string> => {
  if (!isUsablePassword(password)) throw new RangeError(`A password has 1 to ${maxPasswordBytes} bytes.`);
  const salt = randomBytes(saltBytes);
  const tag = await derive(bytesOf(password), { ...cost, salt }, tagBytes);
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
};

/**
 * Whether the password belongs to the hash. Without a usable hash (no such user) it takes as long and says no, so
 * that the time of an answer does not tell which users exist.
 */
export const passwordMatches = async (hash: string | undefined, password: string): Promise<boolean> => {
  const bytes = bytesOf(password);
  if (bytes.length > maxPasswordBytes) return false;
  const known = hash === undefined ? undefined : parseHash(hash);
  const { tag, ...parameters } = known ?? {
    ...cost,
    salt: Buffer.alloc(saltBytes),
    tag: Buffer.alloc(tagBytes),
  };
  const derived = await derive(bytes, parameters, tag.length);
  return timingSafeEqual(derived, tag) && known !== undefined;
};
