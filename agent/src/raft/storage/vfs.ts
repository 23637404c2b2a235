/*
 * All access to the disk goes through here, so that a simulator can stand in for it: it completes the operations as
 * events of its own clock, loses what was not synced, tears it, and lets operations fail. Hence callbacks instead of
 * promises, whose continuations no clock controls.
 *
 * What the log and the snapshots rely on, and no more than that:
 * - Data is durable once `sync` of its file or its own `writeDurably` succeeded, and a name once `syncDirectory` of its
 *   folder did. Until then a crash may lose any part of it, in any order.
 * - A sector of 512 bytes is written whole or not at all, and writing one never harms another (powersafe overwrite).
 * - A rename is seen whole or not at all.
 * - After a failed `sync` or `writeDurably` nothing is known of the data, whatever later calls say: the kernel marks the
 *   pages clean.
 */

/** Told once, never before the call that it was given to has returned. */
export type Done = (error?: Error) => void;

export interface VfsFile {
  /** Bytes. Answers at once. */
  size(): number;
  /** Reads at once, from the page cache as a rule. @returns bytes read; fewer than asked for only at the end */
  read(into: Uint8Array, position: number): number;
  /** As `read` for what is large or cold: the caller's thread does not wait for the disk. */
  readLater(
    into: Uint8Array,
    position: number,
    done: (error: Error | undefined, bytes: number) => void,
  ): void;
  /** Writes all of the chunks or fails; they must not change before it is done. */
  write(chunks: readonly Uint8Array[], position: number, done: Done): void;
  /** As `write`, and makes durable these bytes, but none that were written before (O_DSYNC). */
  writeDurably(chunks: readonly Uint8Array[], position: number, done: Done): void;
  /** Makes durable what was written before the call, and the size (fdatasync). */
  sync(done: Done): void;
  /** Lengthens a file to this size with zeros that occupy space, so that later syncs need not allocate any. */
  preallocate(bytes: number, done: Done): void;
  /** Cuts the file off at this size. */
  truncate(size: number, done: Done): void;
  /** Cheap: files are closed before they are removed. */
  close(): void;
}

/** Errors carry a `code` as those of node:fs do: ENOENT, ENOSPC, EIO. What has no `done` throws them. */
export interface Vfs {
  /** Opens a file that exists. */
  open(path: string, mode: 'read' | 'write'): VfsFile;
  /** Makes an empty file, in place of an old one of that name. */
  create(path: string, done: (error: Error | undefined, file: VfsFile | undefined) => void): void;
  /** Names of the files in a folder, in no certain order. */
  list(directory: string): readonly string[];
  /** Makes a folder, in one that exists, unless it is there. Its name is durable once the folder above is synced. */
  makeDirectory(path: string): void;
  rename(from: string, to: string, done: Done): void;
  remove(path: string, done: Done): void;
  syncDirectory(path: string, done: Done): void;
}

/** Space on the volume, or the share of it that this user may have, is used up. */
export const isOutOfSpace = (error: Error): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
};
