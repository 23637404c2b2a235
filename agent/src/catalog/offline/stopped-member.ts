import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIdentityFile, type MemberIdentity } from '../../raft/node/identity-file.ts';
import { OfflineLog } from '../../raft/offline/offline-log.ts';
import { nodeVfs } from '../../raft/storage/node-vfs.ts';
import { catalogAt, type CatalogAt } from './replay.ts';

/** Where the parts of a member are, below the data directory of its agent. */
export interface MemberFolders {
  readonly member: string;
  readonly identity: string;
  readonly wal: string;
  readonly snapshots: string;
  /** Held by the agent while it runs. */
  readonly lock: string;
}

export const foldersOf = (dataDir: string): MemberFolders => foldersIn(join(dataDir, 'raft'));

export const foldersIn = (member: string): MemberFolders => ({
  member,
  identity: join(member, 'identity.json'),
  wal: join(member, 'wal'),
  snapshots: join(member, 'snapshots'),
  lock: join(member, 'lock'),
});

/**
 * Who a disk belongs to, whichever agent it is.
 * @returns undefined while it belongs to no member
 * @throws ApiError state_corrupt
 */
export const identityOn = async ({
  member,
  identity,
}: MemberFolders): Promise<MemberIdentity | undefined> => {
  let agent: unknown;
  try {
    agent = (JSON.parse(await readFile(identity, 'utf8')) as { agent?: unknown } | null)?.agent;
  } catch {
    // What is wrong with it is said below.
  }
  return readIdentityFile(member, typeof agent === 'string' ? agent : '');
};

/** What a member has on its disk while it does not run. Only read: nothing of it is ever changed. */
export class StoppedMember {
  readonly folders: MemberFolders;
  readonly identity: MemberIdentity;
  readonly log: OfflineLog;

  /** @throws StorageError; an error of the disk */
  constructor(folders: MemberFolders, identity: MemberIdentity) {
    this.folders = folders;
    this.identity = identity;
    this.log = new OfflineLog(nodeVfs, folders.wal, identity);
  }

  /** As of the last entry that it knows to be agreed on. @throws StorageError */
  committed(): CatalogAt {
    return this.#at(this.log.summary.hardState.commit);
  }

  /** With what was in its log and may not have been agreed on. @throws StorageError */
  everything(): CatalogAt {
    return this.#at(this.log.lastIndex);
  }

  close(): void {
    this.log.close();
  }

  #at(index: number): CatalogAt {
    return catalogAt(nodeVfs, this.folders.snapshots, this.log, index);
  }
}
