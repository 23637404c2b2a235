import type { Message, MessageType } from '../../../../agent/src/raft/core/message.ts';
import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { ConfState, Entry, Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { Violation } from '../failure.ts';
import type { Tally } from '../world/tally.ts';
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

interface MemberRecord {
  /** With all the work that the core has handed out. */
  handed: ShadowLog;
  /** With the work only that was reported as done. */
  durable: ShadowLog;
  /** Handed out, not done. */
  outstanding: AppendWork[];
  term: Term;
  vote: NodeId;
  commit: Index;
  applied: Index;
  leads: boolean;
  config: ConfState | undefined;
}

interface Committed {
  readonly entry: Entry;
  /** The lowest term in which somebody knew it to be committed. */
  since: Term;
}

const isQuorum = ({ voters, outgoing }: ConfState, agrees: (id: NodeId) => boolean): boolean =>
  [voters, outgoing].every((half) => half.length === 0 || 2 * half.filter(agrees).length > half.length);

const passedOn: ReadonlySet<MessageType> = new Set(['propose', 'readIndex', 'transferLeader']);

const fail = (rule: string, what: string): never => {
  throw new Violation(rule, what);
};

/**
 * The rules of the protocol, checked after everything that happens, against the checker's own books: what each member
 * handed to its disk and what the disk has confirmed. The members' word is taken for nothing but what they claim.
 */
export class Ledger {
  readonly #members = new Map<NodeId, MemberRecord>();
  readonly #tally: Tally;
  readonly #leaders = new Map<Term, NodeId>();
  /** Every entry that was seen in any log, by index and term, with the term before it. */
  readonly #entries = new Map<
    Index,
    Map<Term, { readonly entry: Entry; readonly before: Term | undefined }>
  >();
  readonly #committed: (Committed | undefined)[] = [];
  readonly #sentVotes = new Map<string, NodeId>();
  /** The highest index that anybody has known to be committed. */
  highestCommit: Index = 0;
  highestTerm: Term = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  leaderOf(term: Term): NodeId | undefined {
    return this.#leaders.get(term);
  }

  committedEntry(index: Index): Entry | undefined {
    return this.#committed[index]?.entry;
  }

  outstandingOf(id: NodeId): number {
    return this.#members.get(id)?.outstanding.length ?? 0;
  }

  /** What must be on the member's disk now, whatever happens. */
  durableOf(id: NodeId): ShadowLog | undefined {
    return this.#members.get(id)?.durable;
  }

  /**
   * Whether somebody's log holds a change of the members that not everybody is known to have applied.
   * @param counts whose log and state are looked at
   */
  hasPendingChange(counts: (id: NodeId) => boolean): boolean {
    const records = [...this.#members].flatMap(([id, record]) => (counts(id) ? [record] : []));
    const everywhere = Math.min(...records.map(({ applied }) => applied));
    return records.some(({ handed }) =>
      handed.entries.some(({ index, type }) => type === 'config' && index > everywhere),
    );
  }

  #record(id: NodeId): MemberRecord {
    const record = this.#members.get(id);
    return record ?? fail('harness', `member ${id} is not known`);
  }

  /** A member starts, with what its log holds. */
  started(id: NodeId, log: RecoveredLog): void {
    const known = this.#members.get(id);
    const { term, vote, commit, base, entries } = log;
    const found = new ShadowLog(base, entries, { term, vote, commit });
    if (known !== undefined) this.#checkRecovered(id, known, found);
    this.#members.set(id, {
      handed: found,
      durable: found.copy(),
      outstanding: [],
      term,
      vote,
      commit: Math.max(commit, base.index),
      applied: 0,
      leads: false,
      config: undefined,
    });
    const sent = this.#sentVotes.get(`${id}/${term}`);
    if (sent !== undefined && vote !== sent)
      fail('votes', `member ${id} has sent its vote in term ${term} to ${sent} and remembers ${vote}`);
  }

  /** Pieces of work are done in order, each whole: what is found is what some number of them has made. */
  #checkRecovered(id: NodeId, { durable, outstanding }: MemberRecord, found: ShadowLog): void {
    const candidate = durable.copy();
    let reason = difference(candidate, found);
    if (reason === undefined) return;
    for (const work of outstanding) {
      candidate.apply(work);
      if (difference(candidate, found) === undefined) {
        this.#tally.add('work kept that was not confirmed');
        return;
      }
      reason ??= difference(candidate, found);
    }
    fail(
      'recovery',
      `member ${id} finds neither what was durable nor that with what was on its way: ${reason}`,
    );
  }

  /** The core hands work to the disk. */
  handed(id: NodeId, work: AppendWork): void {
    const record = this.#record(id);
    record.outstanding.push(work);
    const { snapshot, entries } = work;
    if (snapshot !== undefined) this.#checkSnapshot(id, snapshot.index, snapshot.term);
    const first = entries[0];
    if (first !== undefined) {
      if (first.index <= record.commit)
        fail('log', `member ${id} replaces entry ${first.index}, and ${record.commit} is committed`);
      if (first.index > (snapshot?.index ?? record.handed.lastIndex) + 1)
        fail('log', `member ${id} leaves a gap before entry ${first.index}`);
    }
    const dropped = record.handed.apply(work);
    if (dropped > 0) this.#tally.add('entries truncated', dropped);
    let before = first === undefined ? undefined : record.handed.term(first.index - 1);
    for (const entry of entries) {
      this.#checkMatching(id, entry, before);
      before = entry.term;
    }
  }

  #checkSnapshot(id: NodeId, index: Index, term: Term): void {
    this.#tally.add('snapshots installed');
    const committed = this.#committed[index];
    if (committed?.entry.term !== term)
      fail(
        'snapshots',
        `member ${id} takes over a snapshot at ${index} of term ${term}, which is not committed`,
      );
  }

  #checkMatching(id: NodeId, entry: Entry, before: Term | undefined): void {
    const terms =
      this.#entries.get(entry.index) ??
      new Map<Term, { readonly entry: Entry; readonly before: Term | undefined }>();
    this.#entries.set(entry.index, terms);
    const seen = terms.get(entry.term);
    if (seen === undefined) {
      terms.set(entry.term, { entry, before });
      return;
    }
    if (!sameEntry(seen.entry, entry))
      fail('log matching', `entry ${entry.index} of term ${entry.term} is another one at member ${id}`);
    if (seen.before === undefined) terms.set(entry.term, { entry: seen.entry, before });
    else if (before !== undefined && seen.before !== before)
      fail(
        'log matching',
        `before entry ${entry.index} of term ${entry.term} member ${id} has one of term ${before}, others of ${seen.before}`,
      );
  }

  /** The disk has confirmed the oldest work. */
  done(id: NodeId, work: AppendWork): void {
    const record = this.#record(id);
    if (record.outstanding.shift() !== work)
      fail('order of work', `member ${id} is told of work out of turn`);
    record.durable.apply(work);
  }

  /** A message leaves its sender. One that is passed on still says who wrote it. */
  sent(sender: NodeId, message: Message): void {
    const { type, from, to, term, index, reject } = message;
    if (to === sender) fail('messages', `member ${from} sends a ${type} to itself`);
    if (from !== sender && !passedOn.has(type))
      fail('messages', `member ${sender} sends a ${type} of member ${from}`);
    if (type === 'append' || type === 'heartbeat' || type === 'snapshot' || type === 'timeoutNow') {
      // It may have won and lost again before anybody has looked.
      const leader = this.#leaders.get(term) ?? from;
      if (leader !== from)
        fail('election safety', `member ${from} sends a ${type} of term ${term}, led by ${leader}`);
      this.#leaders.set(term, from);
    }
    if (reject) return;
    if (type === 'voteResp') this.#checkSentVote(from, term, to);
    else if (type === 'appendResp' && index > 0) this.#checkAcknowledged(from, term, index);
  }

  #checkSentVote(id: NodeId, term: Term, to: NodeId): void {
    const earlier = this.#sentVotes.get(`${id}/${term}`);
    if (earlier !== undefined && earlier !== to)
      fail('votes', `member ${id} votes in term ${term} for ${earlier} and for ${to}`);
    this.#sentVotes.set(`${id}/${term}`, to);
    const { hardState } = this.#record(id).durable;
    if (hardState.term < term || (hardState.term === term && hardState.vote !== to))
      fail('durability', `member ${id} sends its vote for ${to} in term ${term} before it is durable`);
  }

  #checkAcknowledged(id: NodeId, term: Term, index: Index): void {
    const { durable } = this.#record(id);
    if (durable.hardState.term < term)
      fail('durability', `member ${id} acknowledges ${index} in term ${term} before that term is durable`);
    // In a later term it may have lost the entry again, which the leader of that term answers for.
    if (durable.hardState.term > term) return;
    const leader = this.#leaders.get(term);
    const told = leader === undefined ? undefined : this.#members.get(leader);
    // As far as the leader still is what it was in that term.
    const expected = told?.term === term ? told.handed.term(index) : undefined;
    const lacks = expected !== undefined && index > durable.base.index && durable.term(index) !== expected;
    if (durable.lastIndex < index || lacks)
      fail('durability', `member ${id} acknowledges entry ${index} in term ${term} before it is durable`);
  }

  /** A member after something that may have changed it. */
  observed(status: Status): void {
    const { id, role, term, vote, commit, applied, lastIndex, config } = status;
    const record = this.#record(id);
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
    if (commit > lastIndex)
      fail('monotony', `commit ${commit} of member ${id} is beyond its last entry ${lastIndex}`);
    if (term === record.term && record.vote !== 0 && vote !== record.vote)
      fail('votes', `the vote of member ${id} in term ${term} changes from ${record.vote} to ${vote}`);
    const leads = role === 'leader';
    const before = {
      leads: record.leads && record.term === term,
      config: record.config,
      commit: record.commit,
    };
    record.term = term;
    record.vote = vote;
    record.commit = commit;
    record.applied = applied;
    record.leads = leads;
    record.config = config;
    if (term > this.highestTerm) this.highestTerm = term;
    const configs =
      before.config === undefined || before.config === config ? [config] : [config, before.config];
    if (leads && !before.leads) this.#checkElected(record, status, configs);
    if (commit > before.commit) this.#checkCommitted(record, status, before.commit, leads ? configs : []);
  }

  #checkElected(record: MemberRecord, { id, term, lastIndex }: Status, configs: readonly ConfState[]): void {
    this.#tally.add('elections');
    const other = this.#leaders.get(term) ?? id;
    if (other !== id) fail('election safety', `members ${other} and ${id} both lead in term ${term}`);
    this.#leaders.set(term, id);
    const voted = (voter: NodeId): boolean => {
      const stored = this.#members.get(voter)?.durable.hardState;
      return stored !== undefined && (stored.term > term || (stored.term === term && stored.vote === id));
    };
    // Or a crash could undo its term, and it could be elected in it again.
    if (!voted(id))
      fail('election safety', `member ${id} leads in term ${term} before its own vote is durable`);
    if (!configs.some((config) => isQuorum(config, voted)))
      fail('election safety', `member ${id} leads in term ${term} without durable votes of a quorum`);
    for (let index = this.#committed.length - 1; index > record.handed.base.index; index -= 1) {
      const committed = this.#committed[index];
      if (committed === undefined || committed.since >= term) continue;
      if (index > lastIndex || record.handed.term(index) !== committed.entry.term)
        fail(
          'leader completeness',
          `member ${id} leads in term ${term} without entry ${index}, committed in term ${committed.since}`,
        );
      // What matches there matches before.
      return;
    }
  }

  #checkCommitted(record: MemberRecord, status: Status, from: Index, configs: readonly ConfState[]): void {
    const { id, term, commit } = status;
    for (let index = Math.max(from, record.handed.base.index) + 1; index <= commit; index += 1) {
      const entry = record.handed.at(index);
      if (entry === undefined) {
        fail('log', `member ${id} has committed ${index} and does not have it`);
        return;
      }
      const known = this.#committed[index];
      if (known === undefined) this.#committed[index] = { entry, since: term };
      else if (!sameEntry(known.entry, entry))
        fail(
          'state machine safety',
          `entry ${index} is committed with term ${known.entry.term}, and at member ${id} with term ${entry.term}`,
        );
      else known.since = Math.min(known.since, term);
    }
    if (commit > this.highestCommit) this.highestCommit = commit;
    if (configs.length === 0) return;
    const entryTerm = record.handed.term(commit);
    const holds = (voter: NodeId): boolean => {
      const durable = this.#members.get(voter)?.durable;
      return durable !== undefined && (commit <= durable.base.index || durable.term(commit) === entryTerm);
    };
    if (!configs.some((config) => isQuorum(config, holds)))
      fail('commitment', `member ${id} commits entry ${commit} before it is durable on a quorum`);
    if (entryTerm !== term)
      fail(
        'commitment',
        `member ${id} commits entry ${commit} of term ${entryTerm} in term ${term} by counting`,
      );
  }
}

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
