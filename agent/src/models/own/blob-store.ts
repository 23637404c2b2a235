import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, blobDigestPattern, isApiError } from '@ollamamax/api';
import { syncDirectory, type Logger } from '@ollamamax/common';
import { fileError } from '../file-error.ts';

/** Times in milliseconds, sizes in bytes. */
export interface BlobLimits {
  /** How long an upload waits for the model that is made from it. */
  readonly uploadMs: number;
  /** How long the blobs of a deleted model stay. */
  readonly goneMs: number;
  /** Space that must stay free on the disk. */
  readonly reserveBytes: number;
}

const defaultBlobLimits: BlobLimits = {
  uploadMs: 60 * 60_000,
  goneMs: 5000,
  reserveBytes: 64 * 1024 * 1024,
};

export interface SweepRules {
  /** Whether a model of this agent is made of it. Asked anew for each: models come while others are removed. */
  readonly isReferenced: (digest: string) => boolean;
  /** Whether a request still needs it. */
  readonly inUse: (digest: string) => boolean;
}

const digestPattern = new RegExp(blobDigestPattern);
const fileName = /^sha256-([0-9a-f]{64})(\.partial|\.partial\.json)?$/;
const unfinished = /^incoming-[0-9a-f]{16}$/;

/** @throws ApiError invalid_request */
export const checkDigest = (text: string): string => {
  if (digestPattern.test(text)) return text;
  throw new ApiError(
    'invalid_request',
    `${JSON.stringify(text.slice(0, 100))} is not a digest; it must be "sha256:" and 64 lower-case hexadecimal digits.`,
    { param: 'digest' },
  );
};

/** The blobs of models that people manage here, each a file named after its SHA-256; nothing else is in the folder. */
export class BlobStore {
  readonly directory: string;
  /** Told of each file that was found to have its digest, in hex. */
  readonly noteVerified: (path: string, digest: string) => Promise<void>;
  readonly #log: Logger;
  readonly #limits: BlobLimits;
  /** Until when (milliseconds of Date.now()) a blob stays though no model has it. */
  readonly #leases = new Map<string, number>();
  readonly #wasReferenced = new Set<string>();

  constructor(
    directory: string,
    log: Logger,
    noteVerified: (path: string, digest: string) => Promise<void>,
    limits: Partial<BlobLimits> = {},
  ) {
    this.noteVerified = noteVerified;
    this.directory = directory;
    this.#log = log;
    this.#limits = { ...defaultBlobLimits, ...limits };
  }

  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    for (const name of await readdir(this.directory))
      if (unfinished.test(name)) await rm(join(this.directory, name), { force: true });
  }

  /** @param digest `sha256:…`, checked */
  path(digest: string): string {
    return join(this.directory, checkDigest(digest).replace(':', '-'));
  }

  /** Keeps what there is of a blob, also an unfinished file. @returns ends the keeping */
  hold(digest: string): () => void {
    this.#leases.set(digest, Infinity);
    return () => this.#lease(digest);
  }

  /** Bytes of a blob, or undefined when it is not here. It is kept for a while: whoever asks means to use it. */
  async size(digest: string): Promise<number | undefined> {
    const facts = await stat(this.path(digest)).catch(() => undefined);
    if (facts !== undefined && this.#leases.get(digest) !== Infinity) this.#lease(digest);
    return facts?.size;
  }

  /** @throws ApiError blob_not_found; invalid_request for one that is larger than `maxBytes` */
  async read(digest: string, maxBytes: number): Promise<Buffer> {
    const bytes = await this.size(digest);
    if (bytes === undefined) throw new ApiError('blob_not_found', `There is no blob ${digest} here.`);
    if (bytes > maxBytes)
      throw new ApiError(
        'invalid_request',
        `The blob ${digest} has ${bytes} bytes, which is too much for a text.`,
      );
    return readFile(this.path(digest));
  }

  /**
   * Takes bytes in under their digest; nothing of them stays when they have another one.
   * @param expectedBytes how many are to come, when known
   * @throws ApiError blob_mismatch, disk_full, and what `source` throws
   */
  async write(digest: string, source: AsyncIterable<Uint8Array>, expectedBytes = 0): Promise<void> {
    const path = this.path(digest);
    await this.#checkSpace(expectedBytes);
    const temporary = join(this.directory, `incoming-${randomBytes(8).toString('hex')}`);
    try {
      const hash = createHash('sha256');
      const file = await open(temporary, 'wx', 0o600);
      try {
        for await (const chunk of source) {
          hash.update(chunk);
          let written = 0;
          while (written < chunk.length)
            written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const actual = `sha256:${hash.digest('hex')}`;
      if (actual !== digest)
        throw new ApiError('blob_mismatch', `The bytes have the digest ${actual}, not ${digest}.`);
      await rename(temporary, path);
      await this.#settle(digest);
    } catch (error) {
      await rm(temporary, { force: true });
      throw this.#explained(error, path);
    }
  }

  /** Stores a small text. @returns whether it was not there before */
  async add(
    bytes: Uint8Array,
  ): Promise<{ readonly digest: string; readonly size: number; readonly isNew: boolean }> {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const isNew = (await this.size(digest)) === undefined;
    if (isNew)
      await this.write(
        digest,
        (async function* () {
          yield bytes;
        })(),
        bytes.length,
      );
    return { digest, size: bytes.length, isNew };
  }

  /**
   * Takes a verified file of this agent over, which stays where it is.
   * @param shared nobody ever writes into it: one more name is enough; otherwise its bytes are copied and verified
   * @throws ApiError blob_mismatch, disk_full, source_file_missing
   */
  async adopt(digest: string, file: string, shared: boolean): Promise<void> {
    if ((await this.size(digest)) !== undefined) return;
    const path = this.path(digest);
    if (shared) {
      const linked = await link(file, path).then(
        () => true,
        () => false,
      );
      if (linked) {
        await this.#settle(digest);
        return;
      }
    }
    const source = await open(file, 'r').catch((error: unknown) => {
      throw fileError(error, file);
    });
    try {
      const { size } = await source.stat();
      await this.write(
        digest,
        source.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 }),
        size,
      );
    } finally {
      await source.close();
    }
  }

  /** The blobs of a model that there now is: they stay because of it and no longer because of their upload. */
  referenced(digests: Iterable<string>): void {
    for (const digest of digests) {
      this.#wasReferenced.add(digest);
      this.#leases.delete(digest);
    }
  }

  /** Removes what no model has and nobody waits for. A removed file stays readable for those who have it open. */
  async sweep({ isReferenced, inUse }: SweepRules): Promise<void> {
    const now = Date.now();
    for (const name of await readdir(this.directory)) {
      const hex = fileName.exec(name)?.[1];
      if (hex === undefined) continue;
      const digest = `sha256:${hex}`;
      if (isReferenced(digest)) this.referenced([digest]);
      if (isReferenced(digest) || inUse(hex)) continue;
      const { goneMs, uploadMs } = this.#limits;
      const until = this.#leases.get(digest) ?? now + (this.#wasReferenced.has(digest) ? goneMs : uploadMs);
      this.#leases.set(digest, until);
      if (now < until) continue;
      this.#leases.delete(digest);
      this.#wasReferenced.delete(digest);
      await rm(join(this.directory, name), { force: true });
      this.#log.info('Removed a blob that belongs to no model any more.', { digest });
    }
  }

  async #settle(digest: string): Promise<void> {
    this.#lease(digest);
    await syncDirectory(this.directory);
    await this.noteVerified(this.path(digest), digest.slice('sha256:'.length));
  }

  #lease(digest: string): void {
    this.#leases.set(digest, Date.now() + this.#limits.uploadMs);
  }

  #explained(error: unknown, path: string): unknown {
    if (isApiError(error)) return error;
    const { syscall } = error as NodeJS.ErrnoException;
    // Of the file system; what the source of the bytes throws is its own.
    return syscall === 'open' || syscall === 'write' || syscall === 'fsync' || syscall === 'rename'
      ? fileError(error, path)
      : error;
  }

  async #checkSpace(bytes: number): Promise<void> {
    const disk = await statfs(this.directory);
    const free = disk.bavail * disk.bsize;
    if (free < bytes + this.#limits.reserveBytes)
      throw new ApiError(
        'disk_full',
        `${bytes} bytes are needed in ${this.directory} and ${this.#limits.reserveBytes} must stay free, but only ${free} are free.`,
      );
  }
}
