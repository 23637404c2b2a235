import { join } from 'node:path/posix';
import { segmentName } from './segment.ts';
import type { Done, Vfs, VfsFile } from './vfs.ts';

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
export const inTurn = (steps: readonly ((done: Done) => void)[], done: Done): void => {
  const [step, ...rest] = steps;
  if (step === undefined) done();
  else step((error) => (error === undefined ? inTurn(rest, done) : done(error)));
};

/** Lets the next part of a segment be filled, of which this share is, when it is time. */
type Pace = (share: number, next: Done) => void;

const mostAtOnce = 1024 * 1024;
const leastAtOnce = 8 * 1024;

/** Zeros fill the file in parts, between which the disk is free for the log. */
const filling = (file: VfsFile, bytes: number, pace: Pace): ((done: Done) => void)[] => {
  const part = Math.min(mostAtOnce, Math.max(leastAtOnce, Math.ceil(bytes / 16)));
  return Array.from({ length: Math.ceil(bytes / part) }, (_, at) => [
    (next: Done) => pace((at * part) / bytes, next),
    (next: Done) => file.preallocate(Math.min(bytes, (at + 1) * part), next),
  ]).flat();
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
  pace: Pace = (_share, next) => next(),
): void => {
  const path = join(directory, segmentName(sequence));
  const unfinished = path + unfinishedSuffix;
  vfs.create(unfinished, (failed, file) => {
    if (file === undefined) {
      done(failed, undefined);
      return;
    }
    const steps = [
      ...filling(file, bytes, pace),
      (next: Done) => file.sync(next),
      (next: Done) => vfs.rename(unfinished, path, next),
      (next: Done) => vfs.syncDirectory(directory, next),
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

/**
 * Keeps one segment prepared ahead. It is filled as the one before it fills, twice as fast: all at once, what is synced
 * meanwhile would wait for it, and many members that do so at the same time would stop the cluster.
 */
export class SpareSegment {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #bytes: number;
  #ready: PreparedSegment | undefined;
  #preparing = false;
  /** Up to which share of it may be filled. */
  #allowed = 0;
  #waiting: { readonly share: number; readonly next: Done } | undefined;
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
    const prepared = (error: Error | undefined, segment: PreparedSegment | undefined): void => {
      this.#preparing = false;
      this.#ready = segment;
      if (this.#idle === undefined) done(error);
      else this.#idle();
    };
    prepareSegment(this.#vfs, this.#directory, sequence, this.#bytes, prepared, (share, next) => {
      this.#waiting = { share, next };
      if (this.#idle === undefined) this.#goOn();
      else this.#giveUp();
    });
  }

  /** @param share of the segment before it that is used; 1 when this one is needed now */
  advance(share: number): void {
    this.#allowed = 2 * share;
    this.#goOn();
  }

  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.share > this.#allowed) return;
    this.#waiting = undefined;
    waiting.next();
  }

  /** @returns the segment, which is the caller's from now on */
  take(): PreparedSegment | undefined {
    const segment = this.#ready;
    if (segment !== undefined) this.#allowed = 0;
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
    if (!this.#preparing) {
      end();
      return;
    }
    this.#idle = end;
    this.#giveUp();
  }

  #giveUp(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.next(new Error('the log is closed before this is needed'));
  }
}
