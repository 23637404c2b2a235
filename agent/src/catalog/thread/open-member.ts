import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ApiError } from '@ollamamax/api/errors';
import { syncDirectory } from '@ollamamax/common/atomic-file';
import { writeIdentityFile } from '../../raft/node/identity-file.ts';
import { SnapshotShelf } from '../../raft/node/snapshot-shelf.ts';
import { nodeVfs } from '../../raft/storage/node-vfs.ts';
import { openWal } from '../../raft/storage/open-wal.ts';
import { SnapshotStore } from '../../raft/storage/snapshot-store.ts';
import { StorageError } from '../../raft/storage/storage-error.ts';
import type { Vfs } from '../../raft/storage/vfs.ts';
import type { Wal } from '../../raft/storage/wal.ts';
import type { ThreadOptions } from './protocol.ts';

/**
 * Members at the beginning of every log of ours: the one that began the cluster. All others come in by changes that
 * are in the log, so that whoever reads it from its start finds them all.
 */
const genesis = { voters: [1], outgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** An error of the disk as whoever runs the agent is told it. */
const diskError = (error: unknown): ApiError =>
  error instanceof StorageError
    ? new ApiError('member_disk', `${error.message} ${error.action}`, { cause: error })
    : new ApiError('member_disk', error instanceof Error ? error.message : String(error), { cause: error });

export interface OpenedDisk {
  readonly wal: Wal;
  readonly snapshots: SnapshotShelf;
}

/**
 * Opens what a member has on its disk, or begins it.
 * @param onFailure called once when the log cannot be written any more
 * @param onTrouble what the log can live with for now
 * @throws ApiError member_disk
 */
export const openDisk = async (
  { directory, identity, create, settings }: ThreadOptions,
  onFailure: (error: ApiError) => void,
  onTrouble: (error: StorageError) => void,
  vfs: Vfs = nodeVfs,
): Promise<OpenedDisk> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await syncDirectory(dirname(directory));
  const walDirectory = join(directory, 'wal');
  const snapshotDirectory = join(directory, 'snapshots');
  if (create) {
    // Of a beginning that was cut off: a member takes part in nothing before its identity says that it is set up.
    await rm(walDirectory, { recursive: true, force: true });
    await rm(snapshotDirectory, { recursive: true, force: true });
  }
  const { clusterId, memberId, incarnation } = identity;
  const wal = await new Promise<Wal>((resolve, reject) => {
    openWal(
      {
        vfs,
        directory: walDirectory,
        identity: { clusterId, memberId, incarnation },
        create: create ? genesis : undefined,
        segmentBytes: settings.segmentBytes,
        onFailure: (error) => onFailure(diskError(error)),
        onTrouble,
      },
      (opened) => {
        if (opened.wal === undefined) reject(diskError(opened.error));
        else resolve(opened.wal);
      },
    );
  });
  const store = new SnapshotStore(vfs, snapshotDirectory);
  await new Promise<void>((resolve, reject) => {
    store.open((error) => {
      if (error === undefined) resolve();
      else reject(diskError(error));
    });
  });
  if (create) await writeIdentityFile(directory, { ...identity, setUp: true });
  return { wal, snapshots: new SnapshotShelf(vfs, snapshotDirectory, store) };
};
