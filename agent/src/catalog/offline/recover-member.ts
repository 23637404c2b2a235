import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, writeFileAtomic } from '@ollamamax/common';
import type { ConfState, Snapshot } from '../../raft/core/types.ts';
import { newIncarnation, writeIdentityFile, type MemberIdentity } from '../../raft/node/identity-file.ts';
import { defaultMemberSettings } from '../../raft/node/member-settings.ts';
import { SnapshotShelf } from '../../raft/node/snapshot-shelf.ts';
import { nodeVfs } from '../../raft/storage/node-vfs.ts';
import { openWal } from '../../raft/storage/open-wal.ts';
import { SnapshotStore } from '../../raft/storage/snapshot-store.ts';
import type { CatalogState } from '../state/catalog-state.ts';
import { encodeCatalog } from '../state/snapshot.ts';
import { foldersIn, foldersOf, identityOn, StoppedMember, type MemberFolders } from './stopped-member.ts';

/*
 * A group that has lost the majority of its voters for good decides nothing any more. What is done here makes one of
 * those that are left the only member of another group, with all that its log holds:
 *
 * 1. Beside the member's folder, in `raft.recovering`, its successor is built and made durable, and its identity is
 *    copied. Nothing of the member has changed.
 * 2. The successor's identity takes the place of the member's, at once: from here on the member's own log is refused,
 *    so that an agent that is started too early does not run with either of them.
 * 3. Snapshots, then the log, are moved away, and the successor's into their place.
 * 4. What was moved away gets its name, `raft.before-recover-…`, and what is left of `raft.recovering` goes.
 *
 * Whatever was interrupted before 2 begins anew, whatever after it goes on: each move is made once, since what is to be
 * moved is not there any more.
 */

/** What a recovery finds and would do. */
export interface RecoveryPlan {
  /** An earlier one was interrupted after its second step, and is only brought to its end. */
  readonly goesOn: boolean;
  readonly old: MemberIdentity;
  /** Index and term of the last entry: all up to it is kept. */
  readonly index: number;
  readonly term: number;
  /** Entries among them that are not known to have been agreed on. */
  readonly uncommitted: number;
  /** Agents, or numbers of members, that had a vote. */
  readonly voters: readonly string[];
  /** The only member afterwards. */
  readonly address: string;
}

/** Why there is nothing that can be recovered, or need be. */
export class RecoveryRefusedError extends Error {
  override readonly name = 'RecoveryRefusedError';
  readonly reason: 'noMember' | 'empty' | 'alone';

  constructor(reason: RecoveryRefusedError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const workOf = (dataDir: string) => {
  const work = join(dataDir, 'raft.recovering');
  return { work, before: join(work, 'before'), after: foldersIn(join(work, 'after')) };
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Who the successor is, when the second step was made and the last one was not. */
const unfinished = async (dataDir: string): Promise<MemberIdentity | undefined> => {
  const { after } = workOf(dataDir);
  if (!(await exists(after.identity))) return undefined;
  const [now, next] = await Promise.all([identityOn(foldersOf(dataDir)), identityOn(after)]);
  return next !== undefined && next.clusterId === now?.clusterId ? next : undefined;
};

interface ReadMember {
  readonly plan: RecoveryPlan;
  readonly state: CatalogState;
  /** The term that it had come to, in which it may have voted. */
  readonly ownTerm: number;
}

/** @throws RecoveryRefusedError, StorageError, ApiError state_corrupt */
const readMember = async (folders: MemberFolders): Promise<ReadMember> => {
  const old = await identityOn(folders);
  if (old?.setUp !== true)
    throw new RecoveryRefusedError('noMember', `${folders.member} belongs to no member of a group.`);
  const member = new StoppedMember(folders, old);
  try {
    const { last, hardState } = member.log.summary;
    if (last.index === 0)
      throw new RecoveryRefusedError('empty', `The log in ${folders.wal} holds nothing that could be kept.`);
    const { config, state } = member.everything();
    // What it knows to be agreed on may be older than what is: a change of the members that is in its log counts, too.
    const isAlone = [member.committed().config, config].every(
      ({ voters, outgoing }) => voters.every((id) => id === old.memberId) && outgoing.length === 0,
    );
    if (isAlone)
      throw new RecoveryRefusedError(
        'alone',
        `Agent ${old.agent} is the only voter of its group: it leads as soon as it is started.`,
      );
    const known = { ...state.leaving, ...state.members };
    const nameOf = (id: number): string => known[id]?.agent ?? `member ${id}`;
    // The agent corrects it as soon as it leads.
    const address = known[old.memberId]?.address ?? `${old.agent}:0`;
    const voters = [...new Set([...config.voters, ...config.outgoing])].map(nameOf);
    const { index, term } = last;
    const uncommitted = index - hardState.commit;
    return {
      plan: { goesOn: false, old, index, term, uncommitted, voters, address },
      state,
      ownTerm: hardState.term,
    };
  } finally {
    member.close();
  }
};

/**
 * What a recovery would do, read from a stopped member's disk without changing it.
 * @throws RecoveryRefusedError, StorageError, ApiError state_corrupt
 */
export const planRecovery = async (dataDir: string): Promise<RecoveryPlan> => {
  const next = await unfinished(dataDir);
  if (next === undefined) return (await readMember(foldersOf(dataDir))).plan;
  return { goesOn: true, old: next, index: 0, term: 0, uncommitted: 0, voters: [], address: '' };
};

/** Of this process's own making: a callback that is told of an error, as a promise. */
const settled = (work: (done: (error?: Error) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    work((error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });

/** A member's folder whose log begins behind a snapshot of all that there is. */
const build = async (
  { member, wal, snapshots }: MemberFolders,
  identity: MemberIdentity,
  snapshot: Snapshot,
  term: number,
  state: CatalogState,
): Promise<void> => {
  const store = new SnapshotStore(nodeVfs, snapshots);
  await settled((done) => store.open(done));
  await settled((done) =>
    new SnapshotShelf(nodeVfs, snapshots, store).save(snapshot, encodeCatalog(state), done),
  );
  const { clusterId, memberId, incarnation } = identity;
  await new Promise<void>((resolve, reject) => {
    const options = {
      vfs: nodeVfs,
      directory: wal,
      identity: { clusterId, memberId, incarnation },
      create: snapshot.config,
      segmentBytes: defaultMemberSettings.segmentBytes,
      onFailure: reject,
      onTrouble: () => undefined,
    };
    openWal(options, (opened) => {
      if (opened.wal === undefined) {
        reject(opened.error);
        return;
      }
      const log = opened.wal;
      // Its votes of before were in another group.
      const hardState = { term, vote: 0, commit: snapshot.index };
      const work = { entries: [], hardState, snapshot, mustSync: true, messages: [], token: 0 };
      log.append(work, () => log.close(resolve));
    });
  });
  await writeIdentityFile(member, identity);
};

/** The first step: nothing that is there already changes. */
const prepare = async (dataDir: string): Promise<void> => {
  const { work, before, after } = workOf(dataDir);
  await rm(work, { recursive: true, force: true });
  const folders = foldersOf(dataDir);
  const { plan, state, ownTerm } = await readMember(folders);
  const { old, index, term, address } = plan;
  const { memberId: id, agent } = old;
  const next = { ...old, clusterId: randomUUID(), incarnation: newIncarnation() };
  const config: ConfState = {
    voters: [id],
    outgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const members = { [id]: { id, agent, incarnation: next.incarnation, address } };
  for (const folder of [work, before, after.member]) await mkdir(folder, { mode: 0o700 });
  for (const folder of [work, dataDir]) await syncDirectory(folder);
  await writeFileAtomic(foldersIn(before).identity, await readFile(folders.identity), 0o600);
  const snapshot = { index, term, config, data: new Uint8Array() };
  await build(after, next, snapshot, ownTerm, { ...state, members, leaving: {} });
};

/** Durable when it resolves. */
const move = async (from: string, to: string): Promise<void> => {
  await rename(from, to);
  for (const folder of new Set([dirname(from), dirname(to)])) await syncDirectory(folder);
};

/**
 * Makes a stopped agent's member the only one of a new group. Whoever calls it holds the member's lock.
 * @param now for the name of the folder that keeps what was there before
 * @returns after each step, which one it was; it is over when there are no more. Interrupted, it is called again.
 * @throws RecoveryRefusedError, StorageError, ApiError state_corrupt
 */
export async function* recoverMember(
  dataDir: string,
  now: Date,
): AsyncGenerator<'prepared' | 'switched' | 'moved' | 'kept' | 'cleaned', void, undefined> {
  const { work, before, after } = workOf(dataDir);
  const folders = foldersOf(dataDir);
  let next = await unfinished(dataDir);
  if (next === undefined) {
    await prepare(dataDir);
    yield 'prepared';
    next = await identityOn(after);
    if (next === undefined) throw new Error('what was prepared is gone');
    await writeIdentityFile(folders.member, next);
    yield 'switched';
  }
  const kept = foldersIn(before);
  for (const part of ['snapshots', 'wal'] as const) {
    // While the successor's is still there, what stands in its place is the old one.
    if (!(await exists(after[part]))) continue;
    if (await exists(folders[part])) {
      await move(folders[part], kept[part]);
      yield 'moved';
    }
    await move(after[part], folders[part]);
    yield 'moved';
  }
  if (await exists(before)) {
    await move(before, join(dataDir, `raft.before-recover-${now.toISOString().replaceAll(/[:.]/g, '-')}`));
    yield 'kept';
  }
  await rm(work, { recursive: true });
  await syncDirectory(dataDir);
  yield 'cleaned';
}
