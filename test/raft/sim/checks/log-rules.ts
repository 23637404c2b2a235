import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { Entry, EntryId, Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { fail, type Books, type MemberRecord, type Seen } from './books.ts';
import { sameEntry, ShadowLog } from './shadow-log.ts';

/** What a log says of itself after a restart. */
export interface RecoveredLog {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
  /** Of the entry before the first. */
  readonly base: { readonly index: Index; readonly term: Term };
  readonly entries: readonly Entry[];
}

/** A member starts, with what its log holds. */
export const started = (books: Books, id: NodeId, log: RecoveredLog): void => {
  const known = books.members.get(id);
  const { term, vote, commit, base, entries } = log;
  const found = new ShadowLog(base, entries, { term, vote, commit });
  if (known !== undefined) checkRecovered(books, id, known, found);
  books.members.set(id, {
    handed: found,
    durable: found.copy(),
    outstanding: [],
    term,
    vote,
    commit: Math.max(commit, base.index),
    applied: 0,
    leads: false,
    config: undefined,
    matches: new Map(),
    told: 0,
  });
  const sent = books.sentVotes.get(`${id}/${term}`);
  if (sent !== undefined && vote !== sent)
    fail('votes', `member ${id} has sent its vote in term ${term} to ${sent} and remembers ${vote}`);
};

/** Pieces of work are done in order, each whole: what is found is what some number of them has made. */
const checkRecovered = (
  { tally }: Books,
  id: NodeId,
  { durable, outstanding }: MemberRecord,
  found: ShadowLog,
): void => {
  const candidate = durable.copy();
  const reason = difference(candidate, found);
  if (reason === undefined) return;
  for (const work of outstanding) {
    candidate.apply(work);
    if (difference(candidate, found) === undefined) {
      tally.add('work kept that was not confirmed');
      return;
    }
  }
  fail(
    'recovery',
    `member ${id} finds neither what was durable nor that with what was on its way: ${reason}`,
  );
};

const difference = (expected: ShadowLog, found: ShadowLog): string | undefined => {
  const { term, vote } = expected.hardState;
  if (term !== found.hardState.term || vote !== found.hardState.vote)
    return `term ${found.hardState.term} and vote ${found.hardState.vote} instead of ${term} and ${vote}`;
  if (expected.lastIndex !== found.lastIndex)
    return `last entry ${found.lastIndex} instead of ${expected.lastIndex}`;
  if (found.base.index > expected.base.index && expected.term(found.base.index) !== found.base.term)
    return `entry ${found.base.index} of term ${found.base.term}`;
  for (const entry of found.entries) {
    const known = expected.at(entry.index);
    if (known !== undefined && !sameEntry(known, entry)) return `another entry ${entry.index}`;
  }
  return undefined;
};

/**
 * The core hands work to the disk.
 * @param applied how far it has applied now
 */
export const handed = (books: Books, id: NodeId, work: AppendWork, applied: () => Index): void => {
  const record = books.of(id);
  record.outstanding.push(work);
  const { snapshot, entries } = work;
  if (snapshot !== undefined) checkSnapshot(books, id, record, snapshot);
  const first = entries[0];
  if (first !== undefined) {
    if (first.index <= record.commit)
      fail('log', `member ${id} replaces entry ${first.index}, and ${record.commit} is committed`);
    if (first.index > (snapshot?.index ?? record.handed.lastIndex) + 1)
      fail('log', `member ${id} leaves a gap before entry ${first.index}`);
  }
  const dropped = record.handed.apply(work);
  if (dropped > 0) books.tally.add('entries truncated', dropped);
  let before = first === undefined ? undefined : record.handed.term(first.index - 1);
  for (const entry of entries) {
    checkMatching(books, id, entry, before);
    if (entry.type === 'config') checkOnlyChange(id, record, entry, applied());
    before = entry.term;
  }
};

const checkSnapshot = (
  { tally, committed }: Books,
  id: NodeId,
  { handed: log }: MemberRecord,
  { index, term }: EntryId,
): void => {
  tally.add('snapshots installed');
  if (committed[index]?.entry.term !== term)
    fail(
      'snapshots',
      `member ${id} takes over a snapshot at ${index} of term ${term}, which is not committed`,
    );
  // What is behind it may have been acknowledged.
  if (log.term(index) === term)
    fail('snapshots', `member ${id} takes over a snapshot at ${index}, and its log holds that entry`);
};

const checkMatching = ({ entries }: Books, id: NodeId, entry: Entry, before: Term | undefined): void => {
  const { index, term } = entry;
  const terms = entries.get(index) ?? new Map<number, Seen>();
  entries.set(index, terms);
  const seen = terms.get(term);
  if (seen === undefined) {
    terms.set(term, { entry, before });
    return;
  }
  if (!sameEntry(seen.entry, entry))
    fail('log matching', `entry ${index} of term ${term} is another one at member ${id}`);
  if (seen.before === undefined) terms.set(term, { entry: seen.entry, before });
  else if (before !== undefined && seen.before !== before)
    fail(
      'log matching',
      `before entry ${index} of term ${term} member ${id} has one of term ${before}, others of ${seen.before}`,
    );
};

/** A leader adds no change of the members while one before it is not applied: what is decided twice may not meet. */
const checkOnlyChange = (
  id: NodeId,
  { handed: log, leads, term }: MemberRecord,
  entry: Entry,
  applied: Index,
): void => {
  if (!leads || term !== entry.term) return;
  for (let index = entry.index - 1; index > applied; index -= 1)
    if (log.at(index)?.type === 'config')
      fail('members', `leader ${id} adds change ${entry.index} while change ${index} is not applied`);
};

/** The disk has confirmed the oldest work. */
export const done = (books: Books, id: NodeId, work: AppendWork): void => {
  const record = books.of(id);
  if (record.outstanding.shift() !== work) fail('order of work', `member ${id} is told of work out of turn`);
  record.durable.apply(work);
};
