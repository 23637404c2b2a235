import { basename, resolve } from 'node:path';
import { lockHolder } from '@ollamamax/common';
import type { CatalogAt } from '../../catalog/offline/replay.ts';
import {
  foldersOf,
  identityOn,
  StoppedMember,
  type MemberFolders,
} from '../../catalog/offline/stopped-member.ts';
import type { ConfState } from '../../raft/core/types.ts';
import { inspectWal, type SegmentReport } from '../../raft/storage/inspect.ts';
import { nodeVfs } from '../../raft/storage/node-vfs.ts';
import type { CliContext } from '../context.ts';
import { asJson, counted, factLines, formOf, listed, nothing, table } from '../table.ts';
import { explainDisk, noMemberError } from './disk-error.ts';

export interface DiskOptions {
  readonly dataDir: string;
}

/** What is read while it is being written may look torn. */
export const warnWhileRunning = async (folders: MemberFolders, context: CliContext): Promise<void> => {
  const holder = await lockHolder(folders.lock);
  if (holder !== undefined)
    context.stderr.write(
      `Warning: the agent runs (process ${holder.pid}) and may be writing; ask it with --url, or stop it first.\n`,
    );
};

/** Opens what is there, and closes it again. @throws CliError, ApiError */
const withMember = async <T>(
  options: DiskOptions,
  context: CliContext,
  use: (member: StoppedMember, at: CatalogAt) => T,
): Promise<T> => {
  const dataDir = resolve(context.cwd, options.dataDir);
  const folders = foldersOf(dataDir);
  let member: StoppedMember | undefined;
  try {
    const identity = await identityOn(folders);
    if (identity?.setUp !== true) throw noMemberError(dataDir);
    await warnWhileRunning(folders, context);
    member = new StoppedMember(folders, identity);
    return use(member, member.committed());
  } catch (error) {
    throw explainDisk(error, dataDir);
  } finally {
    member?.close();
  }
};

type Vote = 'voter' | 'learner' | 'leaving' | 'none';

const voteOf = ({ voters, outgoing, learners, learnersNext }: ConfState, id: number): Vote => {
  if (voters.includes(id)) return 'voter';
  if (learners.includes(id) || learnersNext.includes(id)) return 'learner';
  return outgoing.includes(id) ? 'leaving' : 'none';
};

interface DiskMember {
  readonly memberId: number;
  /** undefined: the catalogue has never heard of it, as in the first entries of a group. */
  readonly agent: string | undefined;
  readonly vote: Vote;
  readonly address: string | undefined;
  readonly incarnation: string | undefined;
}

const membersAt = ({ config, state }: CatalogAt): DiskMember[] => {
  const { voters, outgoing, learners } = config;
  const ids = new Set([...voters, ...outgoing, ...learners, ...Object.keys(state.members).map(Number)]);
  return [...ids]
    .sort((a, b) => a - b)
    .map((memberId) => {
      const { agent, address, incarnation } = state.members[memberId] ?? state.leaving[memberId] ?? {};
      return { memberId, agent, vote: voteOf(config, memberId), address, incarnation };
    });
};

const mebibytes = (bytes: number): string => `${Math.round((bytes / 1024 / 1024) * 10) / 10} MiB`;

const segmentLine = ({ file, bytes, end, identity, firstIndex, lastIndex }: SegmentReport): string[] => {
  const holds =
    firstIndex === undefined ? 'no entries' : `entries ${firstIndex} to ${lastIndex ?? firstIndex}`;
  return [
    basename(file),
    mebibytes(bytes),
    identity === undefined ? 'prepared' : `${holds}, ends at byte ${end}`,
  ];
};

const named = (members: readonly DiskMember[], vote: Vote): string[] =>
  members
    .filter((member) => member.vote === vote)
    .map(({ agent, memberId }) => `${agent ?? 'unknown'} (member ${memberId})`);

/** `raft status` of a stopped agent. */
export const diskStatus = async (
  options: DiskOptions & { readonly output: string },
  context: CliContext,
): Promise<void> => {
  const form = formOf(options.output);
  const text = await withMember(options, context, ({ identity, log, folders }, at) => {
    const { hardState, last, snapshot } = log.summary;
    const members = membersAt(at);
    const { segments } = inspectWal(nodeVfs, folders.wal);
    const { desired, drains, users } = at.state;
    if (form === 'json')
      return asJson({
        ...identity,
        term: hardState.term,
        vote: hardState.vote,
        commitIndex: hardState.commit,
        firstIndex: log.firstIndex,
        lastIndex: last.index,
        lastTerm: last.term,
        snapshot: snapshot.index === 0 ? null : { index: snapshot.index, term: snapshot.term },
        config: at.config,
        members,
        catalog: {
          revision: desired.revision,
          models: desired.models.length,
          drains: Object.keys(drains).length,
          users: Object.keys(users).length,
        },
        segments,
      });
    const { agent, memberId, clusterId, incarnation } = identity;
    const isEmpty = last.index < log.firstIndex;
    const leaving = named(members, 'leaving');
    const facts = factLines([
      ['Agent', `${agent}, member ${memberId}, disk ${incarnation}`],
      ['Group', clusterId],
      [
        'Term',
        `${hardState.term}, ${hardState.vote === 0 ? 'no vote' : `voted for member ${hardState.vote}`}`,
      ],
      ['Log', isEmpty ? 'no entries' : `entries ${log.firstIndex} to ${last.index}`],
      ['Last entry', `${last.index} of term ${last.term}`],
      ['Agreed', `up to ${hardState.commit}, as far as it knows`],
      ['Snapshot', snapshot.index === 0 ? nothing : `of entry ${snapshot.index}, term ${snapshot.term}`],
      ['Voters', listed(named(members, 'voter'))],
      ['Leaving', leaving.length === 0 ? undefined : listed(leaving)],
      ['Learners', listed(named(members, 'learner'))],
      [
        'Catalogue',
        `revision ${desired.revision}: ${counted(desired.models.length, 'model')}, ${counted(Object.keys(drains).length, 'drain')}, ${counted(Object.keys(users).length, 'user')}`,
      ],
    ]);
    return `${facts}\n${table([['SEGMENT', 'SIZE', 'HOLDS'], ...segments.map(segmentLine)])}`;
  });
  context.stdout.write(text);
};

/** `raft members` of a stopped agent. */
export const diskMembers = async (
  options: DiskOptions & { readonly output: string },
  context: CliContext,
): Promise<void> => {
  const form = formOf(options.output);
  const members = await withMember(options, context, (_member, at) => membersAt(at));
  context.stdout.write(
    form === 'json'
      ? asJson(members)
      : table([
          ['AGENT', 'MEMBER', 'VOTE', 'ADDRESS', 'DISK'],
          ...members.map(({ agent, memberId, vote, address, incarnation }) => [
            agent ?? nothing,
            String(memberId),
            vote,
            address ?? nothing,
            incarnation ?? nothing,
          ]),
        ]),
  );
};
