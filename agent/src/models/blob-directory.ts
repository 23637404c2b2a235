import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@ollamamax/common';

const fileName = /^sha256-([0-9a-f]{64})(\.partial|\.partial\.json|\.keep)?$/;

/**
 * What these bytes are to this agent: `used` by a model placed here or by a request that still runs, asked for
 * only on other agents (`elsewhere`), or asked for by no model of the cluster any more (`gone`).
 */
export type Standing = 'used' | 'elsewhere' | 'gone';

export interface RemovalRules {
  readonly standing: (digest: string) => Standing;
  /** Files that a model uses in place, wherever they are. */
  readonly inPlace: (path: string) => boolean;
  /** Milliseconds a file stays after its last use, in case the model comes back. */
  readonly waitMs: Readonly<Record<Exclude<Standing, 'used'>, number>>;
  /** Runs `work` while nobody else works on the files of this digest. */
  readonly exclusive: (digest: string, work: () => Promise<void>) => Promise<void>;
}

interface BlobFile {
  readonly path: string;
  readonly digest: string;
  readonly kind: 'whole' | 'partial' | 'mark';
}

/**
 * The directory with downloaded files, each named after its digest. An empty file `<name>.keep` marks one that
 * stays when no model asks for it any more: by then its model, which said so, is not known any longer.
 */
export class BlobDirectory {
  readonly path: string;
  readonly #logger: Logger;
  readonly #unusedSince = new Map<string, number>();
  readonly #kept = new Set<string>();
  #marking: Promise<void> = Promise.resolve();

  constructor(path: string, logger: Logger) {
    this.path = path;
    this.#logger = logger;
  }

  /** Reads which files are kept. */
  async load(): Promise<void> {
    for (const { digest, kind } of await this.#files()) if (kind === 'mark') this.#kept.add(digest);
  }

  /** Marks the file of a digest, or takes the mark away; it counts at once and is on disk soon. */
  keep(digest: string, keep: boolean): void {
    if (this.#kept.has(digest) === keep) return;
    if (keep) this.#kept.add(digest);
    else this.#kept.delete(digest);
    this.#marking = this.#marking.then(async () => {
      try {
        // Said anew in between: the later turn writes it.
        if (this.#kept.has(digest) !== keep) return;
        if (keep) await writeFile(this.#mark(digest), '');
        else await rm(this.#mark(digest), { force: true });
      } catch (error) {
        this.#logger.warn('A model file could not be marked to be kept.', { digest, error });
      }
    });
  }

  /** Resolves when all marks are on disk. */
  async settled(): Promise<void> {
    await this.#marking;
  }

  /**
   * Removes what has been without use for its time: whole files, and the rests of downloads. A removed file stays
   * readable for those who have it open or mapped.
   * @returns the removed paths
   */
  async removeUnused(rules: RemovalRules): Promise<string[]> {
    const removed: string[] = [];
    const files = await this.#files();
    const whole = new Set(files.filter(({ kind }) => kind === 'whole').map(({ digest }) => digest));
    for (const digest of this.#unusedSince.keys())
      if (rules.standing(digest) === 'used' || !files.some((file) => file.digest === digest))
        this.#unusedSince.delete(digest);
    for (const file of files) {
      // A mark of a download that never came to its end marks nothing.
      if (file.kind === 'mark' && !whole.has(file.digest) && rules.standing(file.digest) === 'gone')
        this.keep(file.digest, false);
      if (!this.#mayGo(file, rules)) continue;
      await rules.exclusive(file.digest, async () => {
        // A model may have been placed here while others were at these files.
        if (!this.#mayGo(file, rules)) return;
        await rm(file.path, { force: true });
        if (file.kind === 'whole') this.keep(file.digest, false);
        removed.push(file.path);
        this.#logger.info('Removed a model file that is not used any more.', { path: file.path });
      });
    }
    return removed;
  }

  #mark(digest: string): string {
    return join(this.path, `sha256-${digest}.keep`);
  }

  #mayGo({ path, digest, kind }: BlobFile, rules: RemovalRules): boolean {
    const standing = rules.standing(digest);
    if (standing === 'used' || kind === 'mark' || rules.inPlace(path)) return false;
    if (kind === 'whole' && standing === 'gone' && this.#kept.has(digest)) return false;
    const since = this.#unusedSince.get(digest) ?? Date.now();
    this.#unusedSince.set(digest, since);
    return Date.now() - since >= rules.waitMs[standing];
  }

  async #files(): Promise<BlobFile[]> {
    const names = await readdir(this.path);
    return names.flatMap((name): BlobFile[] => {
      const [, digest, suffix] = fileName.exec(name) ?? [];
      if (digest === undefined) return [];
      const kind = suffix === undefined ? 'whole' : suffix === '.keep' ? 'mark' : 'partial';
      return [{ path: join(this.path, name), digest, kind }];
    });
  }
}
