import { createHash } from 'node:crypto';
import { join } from 'node:path/posix';
import type { EntryId } from '../core/types.ts';
import { isSnapshotName, readFooter, snapshotName, type SnapshotMeta } from '../storage/snapshot-format.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { Vfs } from '../storage/vfs.ts';

export interface OfflineSnapshot {
  readonly file: string;
  readonly meta: SnapshotMeta;
  readonly state: Uint8Array;
}

const invalid = (file: string, what: string, offset?: number): StorageError =>
  new StorageError('snapshot_invalid', `The snapshot in ${file} is damaged: ${what}.`, {
    file,
    ...(offset === undefined ? {} : { offset }),
  });

/** Reads one snapshot and checks every byte of it. @throws StorageError snapshot_invalid; an error of the disk */
const readSnapshotFile = (vfs: Vfs, file: string, name: string): OfflineSnapshot => {
  const handle = vfs.open(file, 'read');
  try {
    const meta = readFooter(handle);
    // It gets its name only when all of it is durable: no crash leaves this.
    if (meta === undefined) throw invalid(file, 'its end, which describes it, cannot be read', handle.size());
    if (snapshotName(meta) !== name) throw invalid(file, `it is one of entry ${meta.index}`);
    const state = new Uint8Array(meta.size);
    handle.read(state, 0);
    if (createHash('sha256').update(state).digest('hex') !== meta.sha256)
      throw invalid(file, `its ${meta.size} bytes do not have the digest that was written with them`, 0);
    return { file, meta, state };
  } finally {
    handle.close();
  }
};

/**
 * The snapshot that a log goes on behind.
 * @throws StorageError snapshot_invalid when it is damaged or not there; an error of the disk
 */
export const readSnapshot = (vfs: Vfs, directory: string, id: EntryId): OfflineSnapshot => {
  const name = snapshotName(id);
  const file = join(directory, name);
  try {
    return readSnapshotFile(vfs, file, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StorageError(
      'snapshot_invalid',
      `The snapshot ${file}, which the log builds on, is not there.`,
      {
        file,
      },
    );
  }
};

/** A file among the snapshots that has the name of one. */
export interface FoundSnapshot {
  readonly file: string;
  readonly read: () => OfflineSnapshot;
}

export interface SnapshotFolder {
  /** Oldest first. */
  readonly snapshots: readonly FoundSnapshot[];
  /** Names of what was being written or received, which the member removes or goes on with by itself. */
  readonly unfinished: readonly string[];
}

/** What a folder of snapshots holds; one that is not there holds nothing. */
export const listSnapshots = (vfs: Vfs, directory: string): SnapshotFolder => {
  let names: readonly string[];
  try {
    names = [...vfs.list(directory)].sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    names = [];
  }
  return {
    snapshots: names.filter(isSnapshotName).map((name) => {
      const file = join(directory, name);
      return { file, read: () => readSnapshotFile(vfs, file, name) };
    }),
    unfinished: names.filter((name) => !isSnapshotName(name)),
  };
};
