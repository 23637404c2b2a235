import { join } from 'node:path';
import { isApiError } from '@ollamamax/api';
import type { MemberIdentity } from '../../raft/node/identity-file.ts';
import { OfflineLog } from '../../raft/offline/offline-log.ts';
import { listSnapshots, readSnapshot } from '../../raft/offline/offline-snapshots.ts';
import { inspectWal, type WalReport } from '../../raft/storage/inspect.ts';
import { nodeVfs } from '../../raft/storage/node-vfs.ts';
import { snapshotName, type SnapshotMeta } from '../../raft/storage/snapshot-format.ts';
import { StorageError } from '../../raft/storage/storage-error.ts';
import { catalogAt, checkEntry, checkSnapshot } from './replay.ts';
import { identityOn, type MemberFolders } from './stopped-member.ts';

/** Something that no crash explains. */
export interface DiskProblem {
  readonly code: string;
  readonly message: string;
  readonly action: string;
  readonly file: string | undefined;
  /** Bytes from the beginning of that file. */
  readonly offset: number | undefined;
}

export interface SnapshotCheck {
  readonly file: string;
  /** undefined: it is damaged. */
  readonly meta: SnapshotMeta | undefined;
  /** The log goes on behind it. */
  readonly inUse: boolean;
}

/** What a closer look at the disk of a stopped member has found. */
export interface MemberCheck {
  /** `torn`: a crash cut off what was being written, which nobody was told is kept; the next start drops it. */
  readonly verdict: 'sound' | 'torn' | 'damaged';
  readonly identity: MemberIdentity | undefined;
  readonly wal: WalReport;
  /** Entries whose meaning was checked. */
  readonly entries: number;
  readonly snapshots: readonly SnapshotCheck[];
  /** Files among the snapshots that are not complete, as a crash leaves them. */
  readonly unfinished: readonly string[];
  readonly problems: readonly DiskProblem[];
}

const problemOf = (error: unknown): DiskProblem => {
  if (error instanceof StorageError) {
    const { code, message, action, file, offset } = error;
    return { code, message, action, file, offset };
  }
  if (isApiError(error)) {
    const { code, message, action } = error;
    return { code, message, action, file: undefined, offset: undefined };
  }
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  const action = 'Check the volume and who may read it.';
  return { code: 'disk_unreadable', message, action, file: path, offset: undefined };
};

/** Checks every record, entry and snapshot of a stopped member, changing nothing. */
export const verifyMember = async (folders: MemberFolders): Promise<MemberCheck> => {
  const problems: DiskProblem[] = [];
  /** Goes on with the rest after a problem; each is told once, however many checks meet it. */
  const attempt = <T>(check: () => T): T | undefined => {
    try {
      return check();
    } catch (error) {
      const problem = problemOf(error);
      if (!problems.some(({ message }) => message === problem.message)) problems.push(problem);
      return undefined;
    }
  };
  let identity: MemberIdentity | undefined;
  try {
    identity = await identityOn(folders);
  } catch (error) {
    problems.push(problemOf(error));
  }
  const wal = inspectWal(nodeVfs, folders.wal);
  problems.push(...wal.problems.map(problemOf));
  const inUse = wal.log?.snapshot;
  const folder = attempt(() => listSnapshots(nodeVfs, folders.snapshots));
  const snapshots = (folder?.snapshots ?? []).map(({ file, read }): SnapshotCheck => {
    const snapshot = attempt(() => {
      const found = read();
      checkSnapshot(found);
      return found;
    });
    const isInUse =
      inUse !== undefined && inUse.index > 0 && file === join(folders.snapshots, snapshotName(inUse));
    return { file, meta: snapshot?.meta, inUse: isInUse };
  });
  if (inUse !== undefined && inUse.index > 0) attempt(() => readSnapshot(nodeVfs, folders.snapshots, inUse));
  const owner = identity ?? wal.segments.find((segment) => segment.identity !== undefined)?.identity;
  const entries =
    wal.problems.length > 0 || owner === undefined
      ? 0
      : (attempt(() => checkedEntries(new OfflineLog(nodeVfs, folders.wal, owner), folders)) ?? 0);
  return {
    verdict: problems.length > 0 ? 'damaged' : wal.tornBytes > 0 ? 'torn' : 'sound',
    identity,
    wal,
    entries,
    snapshots,
    unfinished: folder?.unfinished ?? [],
    problems,
  };
};

/** @returns how many entries it has looked at */
const checkedEntries = (log: OfflineLog, { snapshots }: MemberFolders): number => {
  try {
    let count = 0;
    for (const placed of log.entries(log.firstIndex, log.lastIndex + 1)) {
      checkEntry(placed);
      count += 1;
    }
    // Each of them means something; here, that they can be applied one after the other.
    catalogAt(nodeVfs, snapshots, log, log.lastIndex);
    return count;
  } finally {
    log.close();
  }
};
