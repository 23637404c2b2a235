import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@ollamamax/common';

const fileName = /^sha256-([0-9a-f]{64})(\.partial|\.partial\.json)?$/;

/** The directory with downloaded files, each named after its digest. */
export class BlobDirectory {
  readonly path: string;
  readonly #logger: Logger;
  readonly #unusedSince = new Map<string, number>();

  constructor(path: string, logger: Logger) {
    this.path = path;
    this.#logger = logger;
  }

  async #files(): Promise<{ readonly path: string; readonly digest: string; readonly partial: boolean }[]> {
    const names = await readdir(this.path);
    return names.flatMap((name) => {
      const match = fileName.exec(name);
      return match?.[1] === undefined
        ? []
        : [{ path: join(this.path, name), digest: match[1], partial: match[2] !== undefined }];
    });
  }

  /** Removes what is left of downloads that nobody wants and that have not gone on for `ageMs`. */
  async removeStalePartials(wanted: ReadonlySet<string>, ageMs: number): Promise<void> {
    for (const { path, digest, partial } of await this.#files()) {
      if (!partial || wanted.has(digest)) continue;
      if (Date.now() - (await stat(path)).mtimeMs < ageMs) continue;
      await rm(path, { force: true });
      this.#logger.info('Removed the rest of an old download.', { path });
    }
  }

  /**
   * Removes files that have not been wanted for `unusedMs`. The wait spares downloading a model again when
   * it was moved away only for a moment, as when an agent restarts.
   * @returns the removed paths
   */
  async removeUnused(wanted: ReadonlySet<string>, unusedMs: number): Promise<string[]> {
    const removed: string[] = [];
    for (const digest of this.#unusedSince.keys()) if (wanted.has(digest)) this.#unusedSince.delete(digest);
    for (const { path, digest, partial } of await this.#files()) {
      if (partial || wanted.has(digest)) continue;
      const since = this.#unusedSince.get(digest) ?? Date.now();
      this.#unusedSince.set(digest, since);
      if (Date.now() - since < unusedMs) continue;
      await rm(path, { force: true });
      this.#unusedSince.delete(digest);
      removed.push(path);
      this.#logger.info('Removed the file of a model that is no longer placed here.', { path });
    }
    return removed;
  }
}
