import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '@ollamamax/common';

const defaultPollMs = 30_000;
const debounceMs = 100;

export interface FileWatchOptions {
  /** What they are, to begin a sentence with: `The users file`. */
  readonly what: string;
  readonly files: readonly string[];
  /** Reads them again; called when they may have changed, one call at a time. Tells itself what goes wrong. */
  readonly reload: () => Promise<void>;
  readonly logger: Logger;
  /** Between two looks at files whose changes nobody reports. */
  readonly pollMs?: number;
}

/** Has files read again after they may have changed, by notices of the system and from time to time. */
export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #poll: NodeJS.Timeout | undefined;
  #debounce: NodeJS.Timeout | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  start(): void {
    // Folders, not files: replacing a file, as Kubernetes (`..data`) and our writers do, would end a watch on it.
    for (const folder of new Set(this.#options.files.map((file) => dirname(file)))) this.#watch(folder);
    this.#poll = setInterval(() => this.#reloadSoon(), this.#options.pollMs ?? defaultPollMs).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const watcher of this.#watchers) watcher.close();
    clearInterval(this.#poll);
    clearTimeout(this.#debounce);
    await this.#reloading;
  }

  #watch(folder: string): void {
    const { what, logger } = this.#options;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#reloadSoon());
      this.#watchers.push(watcher);
      watcher.on('error', (error) => {
        watcher.close();
        logger.warn(`${what}: changes are only polled, watching ${folder} failed.`, { error });
      });
    } catch (error) {
      logger.warn(`${what}: changes are only polled, ${folder} cannot be watched.`, { error });
    }
  }

  /** Several changes in a row are read once; the first one sets the time, so that a busy folder delays nothing. */
  #reloadSoon(): void {
    if (this.#stopped || this.#debounce !== undefined) return;
    this.#debounce = setTimeout(() => {
      this.#debounce = undefined;
      this.#reloading = this.#reloading.then(() => this.#options.reload());
    }, debounceMs).unref();
  }
}
