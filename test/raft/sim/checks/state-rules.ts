import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { ConfState, Index, NodeId } from '../../../../agent/src/raft/core/types.ts';
import { acknowledgement, fail, isQuorum, type Books, type MemberRecord } from './books.ts';
import { sameEntry } from './shadow-log.ts';

/** A member after something that may have changed it. */
export const observed = (books: Books, status: Status): void => {
  const { id, role, term, vote, commit, applied, config } = status;
  const record = books.of(id);
  checkMonotony(record, status);
  const leads = role === 'leader';
  const before = {
    leads: record.leads && record.term === term,
    config: record.config,
    commit: record.commit,
    everLed: record.leads,
  };
  record.term = term;
  record.vote = vote;
  record.commit = commit;
  record.applied = applied;
  record.leads = leads;
  record.config = config;
  const configs =
    before.config === undefined || before.config === config ? [config] : [config, before.config];
  if (leads && !before.leads) record.matches = new Map();
  if (leads && !before.leads) checkElected(books, record, status, configs);
  if (leads) checkMatches(books, record, status);
  if (commit > before.commit && !leads && !before.everLed) checkTold(record, status);
  if (commit > before.commit) checkCommitted(books, record, status, before.commit, leads ? configs : []);
};

const checkMonotony = (record: MemberRecord, status: Status): void => {
  const { id, term, vote, commit, applied, lastIndex } = status;
  if (term < record.term) fail('monotony', `the term of member ${id} falls from ${record.term} to ${term}`);
  if (commit < record.commit)
    fail('monotony', `commit of member ${id} falls from ${record.commit} to ${commit}`);
  if (applied < record.applied)
    fail('monotony', `applied of member ${id} falls from ${record.applied} to ${applied}`);
  if (applied > commit) fail('monotony', `member ${id} has applied ${applied}, and ${commit} is committed`);
  if (applied > record.durable.lastIndex)
    fail(
      'durability',
      `member ${id} has applied ${applied}, and its disk ends at ${record.durable.lastIndex}`,
    );
  const applies = record.handed.term(applied);
  if (
    applies !== undefined &&
    applied > record.durable.base.index &&
    record.durable.term(applied) !== applies
  )
    fail('durability', `member ${id} has applied ${applied}, and its disk has another entry there`);
  if (commit > lastIndex)
    fail('monotony', `commit ${commit} of member ${id} is beyond its last entry ${lastIndex}`);
  if (term === record.term && record.vote !== 0 && vote !== record.vote)
    fail('votes', `the vote of member ${id} in term ${term} changes from ${record.vote} to ${vote}`);
};

const checkElected = (
  books: Books,
  record: MemberRecord,
  { id, term, lastIndex }: Status,
  configs: readonly ConfState[],
): void => {
  const { tally, leaders, members, committed } = books;
  tally.add('elections');
  const other = leaders.get(term) ?? id;
  if (other !== id) fail('election safety', `members ${other} and ${id} both lead in term ${term}`);
  leaders.set(term, id);
  const voted = (voter: NodeId): boolean => {
    const stored = members.get(voter)?.durable.hardState;
    return stored !== undefined && (stored.term > term || (stored.term === term && stored.vote === id));
  };
  // Or a crash could undo its term, and it could be elected in it again.
  if (!voted(id))
    fail('election safety', `member ${id} leads in term ${term} before its own vote is durable`);
  if (!configs.some((config) => isQuorum(config, voted)))
    fail('election safety', `member ${id} leads in term ${term} without durable votes of a quorum`);
  checkVotedFor(books, record, id, configs);
  for (let index = committed.length - 1; index > record.handed.base.index; index -= 1) {
    const known = committed[index];
    if (known === undefined || known.since >= term) continue;
    if (index > lastIndex || record.handed.term(index) !== known.entry.term)
      fail(
        'leader completeness',
        `member ${id} leads in term ${term} without entry ${index}, committed in term ${known.since}`,
      );
    // What matches there matches before.
    return;
  }
};

/** Votes are for a log, which must be the one that it leads with. */
const checkVotedFor = (
  { grants }: Books,
  { handed, term }: MemberRecord,
  id: NodeId,
  configs: readonly ConfState[],
): void => {
  const given = grants.get(`${id}/${term}`) ?? [];
  const isForThisLog = (voter: NodeId): boolean =>
    voter === id ||
    given.some(
      (grant) =>
        grant.voter === voter &&
        (handed.term(grant.index) ?? grant.logTerm) === grant.logTerm &&
        (handed.at(grant.index + 1)?.term ?? term) === term,
    );
  if (!configs.some((config) => isQuorum(config, isForThisLog)))
    fail('election safety', `member ${id} leads in term ${term} by votes that were for another log`);
};

/** What a leader believes that a member holds it does hold, unless that has followed a later leader since. */
const checkMatches = (books: Books, record: MemberRecord, { id: self, progress }: Status): void => {
  const { handed, term, matches } = record;
  record.matches = new Map([...progress].map(([id, { match }]) => [id, match]));
  for (const [id, { match, next }] of progress) {
    if (match >= next)
      fail('progress', `leader ${self} would send ${next} to member ${id}, which has ${match}`);
    const before = matches.get(id) ?? 0;
    if (match < before)
      fail('progress', `what member ${id} is known to hold falls from ${before} to ${match}`);
    if (id !== self && match > (books.acknowledged.get(acknowledgement(id, self, term)) ?? 0))
      fail(
        'progress',
        `leader ${self} takes member ${id} to hold ${match}, and was not told so in term ${term}`,
      );
    const other = books.members.get(id);
    if (other === undefined || other.term > term || match <= other.durable.base.index) continue;
    if (other.durable.hardState.term > term) continue;
    const expected = handed.term(match);
    if (expected !== undefined && other.durable.term(match) !== expected)
      fail(
        'progress',
        `the leader of term ${term} takes member ${id} to hold entry ${match}, and it does not`,
      );
  }
};

/** A follower knows to be committed what a leader has told it, as far as their logs are known to be the same. */
const checkTold = ({ told, handed }: MemberRecord, { id, commit }: Status): void => {
  const known = Math.max(handed.base.index, told);
  if (commit > known)
    fail('commitment', `member ${id} takes ${commit} for committed, and was told of ${known}`);
};

const checkCommitted = (
  books: Books,
  record: MemberRecord,
  { id, term, commit }: Status,
  from: Index,
  configs: readonly ConfState[],
): void => {
  const { committed, members } = books;
  for (let index = Math.max(from, record.handed.base.index) + 1; index <= commit; index += 1) {
    const entry =
      record.handed.at(index) ?? fail('log', `member ${id} has committed ${index} and does not have it`);
    const known = committed[index];
    if (known === undefined) committed[index] = { entry, since: term };
    else if (!sameEntry(known.entry, entry))
      fail(
        'state machine safety',
        `entry ${index} is committed with term ${known.entry.term}, and at member ${id} with term ${entry.term}`,
      );
    else known.since = Math.min(known.since, term);
  }
  if (commit > books.highestCommit) books.highestCommit = commit;
  if (configs.length === 0) return;
  const entryTerm = record.handed.term(commit);
  const holds = (voter: NodeId): boolean => {
    const durable = members.get(voter)?.durable;
    return durable !== undefined && (commit <= durable.base.index || durable.term(commit) === entryTerm);
  };
  if (!configs.some((config) => isQuorum(config, holds)))
    fail('commitment', `member ${id} commits entry ${commit} before it is durable on a quorum`);
  if (entryTerm !== term)
    fail(
      'commitment',
      `member ${id} commits entry ${commit} of term ${entryTerm} in term ${term} by counting`,
    );
};
