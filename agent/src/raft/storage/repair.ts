import type { Done, VfsFile } from './vfs.ts';

const chunkBytes = 1024 * 1024;

/** The part of a segment that needs a closer look after a crash. */
export interface UnprovenTail {
  /** Where the log ends. */
  readonly end: number;
  /** All before this is known to have been durable. */
  readonly syncedTo: number;
  /** Where, behind the end, nothing but zeros follows. */
  readonly remains: number;
}

/**
 * Zeroes what a crash left behind the end, since what is written there next must be told from what was there, and
 * writes once more what is not known to be durable. Syncing alone would not do: if a sync failed before the restart,
 * the page cache holds what the disk does not, marked as if it did.
 *
 * A crash meanwhile changes nothing: up to the end the same bytes are written, and behind it there is no log.
 */
export const repairTail = (file: VfsFile, { end, syncedTo, remains }: UnprovenTail, done: Done): void => {
  const writeFrom = (position: number): void => {
    if (position >= Math.max(end, remains)) {
      file.sync(done);
      return;
    }
    const limit = position < end ? end : remains;
    const chunk = Buffer.alloc(Math.min(chunkBytes, limit - position));
    try {
      if (position < end) file.read(chunk, position);
    } catch (error) {
      done(error as Error);
      return;
    }
    file.write([chunk], position, (error) =>
      error === undefined ? writeFrom(position + chunk.length) : done(error),
    );
  };
  writeFrom(syncedTo);
};
