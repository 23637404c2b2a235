import { join } from 'node:path/posix';
import { segmentName } from './segment.ts';
import type { Vfs, VfsFile } from './vfs.ts';

/** A segment with nothing in it but zeros, whose space and name are durable. */
export interface PreparedSegment {
  readonly path: string;
  readonly sequence: number;
  readonly file: VfsFile;
  /** Bytes of zeros. */
  readonly bytes: number;
}

/** What is being prepared ends in this until it is whole. */
export const unfinishedSuffix = '.tmp';

/** Runs steps that each report when they are done, until one fails. */
export const inTurn = (
  steps: readonly ((done: (error?: Error) => void) => void)[],
  done: (error?: Error) => void,
): void => {
  const [step, ...rest] = steps;
  if (step === undefined) done();
  else step((error) => (error === undefined ? inTurn(rest, done) : done(error)));
};

/**
 * Prepares a segment: the zeros occupy the space, so that running out of it shows here and not while writing, and
 * syncing what is written there later changes no metadata, which halves its time.
 */
export const prepareSegment = (
  vfs: Vfs,
  directory: string,
  sequence: number,
  bytes: number,
  done: (error: Error | undefined, segment: PreparedSegment | undefined) => void,
): void => {
  const path = join(directory, segmentName(sequence));
  const unfinished = path + unfinishedSuffix;
  vfs.create(unfinished, (failed, file) => {
    if (file === undefined) {
      done(failed, undefined);
      return;
    }
    const steps = [
      (next: (error?: Error) => void) => file.preallocate(bytes, next),
      (next: (error?: Error) => void) => file.sync(next),
      (next: (error?: Error) => void) => vfs.rename(unfinished, path, next),
      (next: (error?: Error) => void) => vfs.syncDirectory(directory, next),
    ];
    inTurn(steps, (error) => {
      if (error === undefined) {
        done(undefined, { path, sequence, file, bytes });
        return;
      }
      file.close();
      // Gives back what space it took; should that fail as well, opening the log does it.
      vfs.remove(unfinished, () => done(error, undefined));
    });
  });
};

/** Keeps one segment prepared ahead. */
export class SpareSegment {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #bytes: number;
  #ready: PreparedSegment | undefined;
  #preparing = false;
  #idle: (() => void) | undefined;

  constructor(vfs: Vfs, directory: string, bytes: number) {
    this.#vfs = vfs;
    this.#directory = directory;
    this.#bytes = bytes;
  }

  /** Takes one that is there already. */
  adopt(segment: PreparedSegment): void {
    this.#ready = segment;
  }

  /** Prepares one unless it is there or under way. */
  prepare(sequence: number, done: (error?: Error) => void): void {
    if (this.#preparing || this.#ready !== undefined) return;
    this.#preparing = true;
    prepareSegment(this.#vfs, this.#directory, sequence, this.#bytes, (error, segment) => {
      this.#preparing = false;
      this.#ready = segment;
      done(error);
      this.#idle?.();
    });
  }

  /** @returns the segment, which is the caller's from now on */
  take(): PreparedSegment | undefined {
    const segment = this.#ready;
    this.#ready = undefined;
    return segment;
  }

  /** Waits for what is under way, which cannot be called back, and lets go of the file. */
  close(done: () => void): void {
    const end = (): void => {
      this.#ready?.file.close();
      this.#ready = undefined;
      done();
    };
    if (this.#preparing) this.#idle = end;
    else end();
  }
}
