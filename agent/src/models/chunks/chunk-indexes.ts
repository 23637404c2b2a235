import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic, type Logger } from '@ollamamax/common';
import { fingerprintOf, sameFingerprint, type Fingerprint } from '../file-digest.ts';
import { decodeChunkIndex, encodeChunkIndex, readChunkIndex, type ChunkIndex } from './chunk-index.ts';

/** A file whose digest is known, as it was then. */
export interface IndexedFile {
  readonly path: string;
  /** Lower-case hex SHA-256 of all of it. */
  readonly digest: string;
  readonly fingerprint: Fingerprint;
}

/** Runs work that reads whole files: few at a time, and one at a time per key. */
type HeavyWork = <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

export interface ChunkIndexesOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  readonly heavy: HeavyWork;
  /** Aborted when the agent stops. */
  readonly stopped: AbortSignal;
}

/** A file is not any more what it was when its digest was computed. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} has changed while its chunks were read`);
  }
}

/** Indexes that are kept on disk; each takes about a hundred thousandth of its file. */
const maxKept = 200;

/** The indexes of this agent's files, on disk by the digest of the file: a file is cut and hashed once. */
export class ChunkIndexes {
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #heavy: HeavyWork;
  readonly #stopped: AbortSignal;
  /** Being computed, by the digest of the file. */
  readonly #running = new Map<string, Promise<ChunkIndex>>();

  constructor({ dataDir, logger, heavy, stopped }: ChunkIndexesOptions) {
    this.#folder = join(dataDir, 'chunk-indexes');
    this.#logger = logger;
    this.#heavy = heavy;
    this.#stopped = stopped;
  }

  /**
   * @param signal ends the wait, not the reading of the file, which others may wait for
   * @throws the error of the file system; FileChanged; the signal's reason
   */
  async of(file: IndexedFile, signal: AbortSignal): Promise<ChunkIndex> {
    signal.throwIfAborted();
    const gone = Promise.withResolvers<never>();
    const onAbort = (): void => gone.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([this.#find(file), gone.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #find(file: IndexedFile): Promise<ChunkIndex> {
    const stored = await this.#load(file);
    if (stored !== undefined) return stored;
    const running = this.#running.get(file.digest);
    if (running !== undefined) return running;
    const started = this.#read(file).finally(() => this.#running.delete(file.digest));
    this.#running.set(file.digest, started);
    return started;
  }

  async #read(file: IndexedFile): Promise<ChunkIndex> {
    const { path, fingerprint } = file;
    const index = await this.#heavy(path, this.#stopped, () => readChunkIndex(path, this.#stopped));
    if (!sameFingerprint(await fingerprintOf(path), fingerprint)) throw new FileChanged(path);
    await this.#save(file, index);
    return index;
  }

  /** A missing or damaged one is computed again. */
  async #load({ digest, fingerprint }: IndexedFile): Promise<ChunkIndex | undefined> {
    const path = this.#pathOf(digest);
    try {
      const index = decodeChunkIndex(await readFile(path, 'utf8'));
      if (index.size !== fingerprint.size) throw new Error(`it is of a file of ${index.size} bytes`);
      return index;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#logger.warn('An index of chunks cannot be read and is computed anew.', { path, error });
      return undefined;
    }
  }

  /** One that cannot be written is computed again the next time, nothing else. */
  async #save({ digest }: IndexedFile, index: ChunkIndex): Promise<void> {
    const path = this.#pathOf(digest);
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFileAtomic(path, encodeChunkIndex(index), 0o600);
      await this.#prune();
    } catch (error) {
      this.#logger.warn('An index of chunks could not be written.', { path, error });
    }
  }

  /** The oldest go. */
  async #prune(): Promise<void> {
    const names = await readdir(this.#folder);
    if (names.length <= maxKept) return;
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#folder, name))).mtimeMs })),
    );
    const old = aged.toSorted((a, b) => b.at - a.at).slice(maxKept);
    for (const { name } of old) await rm(join(this.#folder, name), { force: true });
  }

  #pathOf(digest: string): string {
    return join(this.#folder, `${digest}.json`);
  }
}
