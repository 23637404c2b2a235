import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic, type Logger } from '@ollamamax/common';
import type { DigestJob, DigestMessage } from './digest-worker.ts';
import { inHashingThread } from './hashing-thread.ts';

/** Identifies the content of a file without reading it: changes whenever the file is written or replaced. */
export interface Fingerprint {
  readonly size: number;
  readonly mtimeNs: string;
  readonly inode: string;
  readonly modifiedAt: string;
}

/** @throws the error of the file system; EISDIR for what is not a regular file */
export const fingerprintOf = async (path: string): Promise<Fingerprint> => {
  const facts = await stat(path, { bigint: true });
  if (!facts.isFile()) throw Object.assign(new Error(`${path} is not a regular file`), { code: 'EISDIR' });
  return {
    size: Number(facts.size),
    mtimeNs: facts.mtimeNs.toString(),
    inode: facts.ino.toString(),
    modifiedAt: facts.mtime.toISOString(),
  };
};

export const sameFingerprint = (a: Fingerprint, b: Fingerprint): boolean =>
  a.size === b.size && a.mtimeNs === b.mtimeNs && a.inode === b.inode;

/**
 * SHA-256 of a file, computed in a thread of its own.
 * @throws the error of the file system, or the signal's reason
 */
export const hashFile = (
  path: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<string> =>
  inHashingThread(
    new URL('./digest-worker.ts', import.meta.url),
    { path } satisfies DigestJob,
    signal,
    (told) => {
      const message = told as DigestMessage;
      if (message.kind === 'failed') throw Object.assign(new Error(message.message), { code: message.code });
      if (message.kind === 'done') return message.digest;
      onProgress(message.bytes);
      return undefined;
    },
  );

interface CachedDigest {
  readonly size: number;
  readonly mtimeNs: string;
  readonly inode: string;
  readonly digest: string;
}

const isCachedDigest = (value: unknown): value is CachedDigest => {
  const entry = value as Partial<Record<keyof CachedDigest, unknown>> | null;
  return (
    typeof entry === 'object' &&
    entry !== null &&
    typeof entry.size === 'number' &&
    typeof entry.mtimeNs === 'string' &&
    typeof entry.inode === 'string' &&
    typeof entry.digest === 'string' &&
    /^[0-9a-f]{64}$/.test(entry.digest)
  );
};

const maxEntries = 10_000;

/** Remembers digests across restarts, so that an unchanged file is not read again. */
export class DigestCache {
  readonly #path: string;
  readonly #logger: Logger;
  #entries = new Map<string, CachedDigest>();
  #writing: Promise<void> = Promise.resolve();

  constructor(dataDir: string, logger: Logger) {
    this.#path = join(dataDir, 'model-digests.json');
    this.#logger = logger;
  }

  /** A missing or damaged cache is an empty one: everything in it can be computed again. */
  async load(): Promise<void> {
    try {
      const content: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      const entries = (content as { digests?: unknown } | null)?.digests;
      if (typeof entries !== 'object' || entries === null) throw new Error('it has no digests');
      this.#entries = new Map(
        Object.entries(entries as Record<string, unknown>)
          .slice(-maxEntries)
          .filter((pair): pair is [string, CachedDigest] => isCachedDigest(pair[1])),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#logger.warn('Model digests are computed anew: their cache cannot be read.', {
        path: this.#path,
        error,
      });
    }
  }

  get(path: string, fingerprint: Fingerprint): string | undefined {
    const entry = this.#entries.get(path);
    return entry?.size === fingerprint.size &&
      entry.mtimeNs === fingerprint.mtimeNs &&
      entry.inode === fingerprint.inode
      ? entry.digest
      : undefined;
  }

  async set(path: string, fingerprint: Fingerprint, digest: string): Promise<void> {
    const { size, mtimeNs, inode } = fingerprint;
    this.#entries.delete(path);
    this.#entries.set(path, { size, mtimeNs, inode, digest });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries) break;
      this.#entries.delete(oldest);
    }
    await this.#save();
  }

  async delete(path: string): Promise<void> {
    if (this.#entries.delete(path)) await this.#save();
  }

  /** Writes one after the other. A failed write costs a computation after the next start, nothing else. */
  #save(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        const content = { version: 1, digests: Object.fromEntries(this.#entries) };
        await writeFileAtomic(this.#path, `${JSON.stringify(content, null, 2)}\n`, 0o600);
      } catch (error) {
        this.#logger.warn('The cache of model digests could not be written.', { path: this.#path, error });
      }
    });
    return this.#writing;
  }
}
