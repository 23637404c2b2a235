import type { ConfState, Entry, Index, NodeId, Term } from '../../agent/src/raft/core/types.ts';
import type { Cluster } from './cluster.ts';
import type { Member } from './member.ts';

/** The properties of figure 3 of the paper, and what reads and acknowledgements promise. */
export type Law =
  | 'Election Safety'
  | 'Leader Append-Only'
  | 'Log Matching'
  | 'Leader Completeness'
  | 'State Machine Safety'
  | 'Durable Commitment'
  | 'Linearizable Reads';

export class LawBroken extends Error {
  override readonly name = 'LawBroken';
  readonly law: Law;

  constructor(law: Law, what: string) {
    super(`${law}: ${what}`);
    this.law = law;
  }
}

const sameEntry = (one: Entry, other: Entry): boolean =>
  one === other ||
  (one.index === other.index &&
    one.term === other.term &&
    one.type === other.type &&
    one.data.length === other.data.length &&
    one.data.every((byte, at) => byte === other.data[at]));

const holds = (member: Member, { index, term }: Entry): boolean =>
  index < member.log.firstIndex() || member.log.term(index) === term;

const agreed = (config: ConfState, agrees: (id: NodeId) => boolean): boolean =>
  [config.voters, config.outgoing].every(
    (half) => half.length === 0 || half.filter(agrees).length * 2 > half.length,
  );

/** Looks at members from outside after every event and remembers what it saw; throws when a law is broken. */
export class Laws {
  readonly #cluster: Cluster;
  readonly #leaders = new Map<Term, NodeId>();
  /** Of each leader, its log when it was last seen to lead. */
  readonly #leaderLogs = new Map<string, readonly Entry[]>();
  readonly #entries = new Map<string, { readonly entry: Entry; readonly before: Term | undefined }>();
  /** What is committed, and the lowest term of a member that was seen to know it. */
  readonly #committed = new Map<Index, { readonly entry: Entry; readonly since: Term }>();
  readonly #applied = new Map<Index, Entry>();
  readonly #reads = new Map<number, Index>();
  readonly #readsSeen = new Map<NodeId, number>();
  /** The members as of the last look at each. */
  readonly #configs = new Map<NodeId, ConfState>();
  #highest: Index = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The highest index that anybody was seen to have committed. */
  get committedUpTo(): Index {
    return this.#highest;
  }

  /** A read with that token is asked for now: what is committed by now, it must see. */
  asked(token: number): void {
    this.#reads.set(token, this.#highest);
  }

  restarted(id: NodeId): void {
    this.#readsSeen.delete(id);
  }

  /** After an event at that member. */
  check(member: Member): void {
    if (!member.up) return;
    const { id, role, term } = member.status;
    if (role === 'leader') {
      const other = this.#leaders.get(term) ?? id;
      if (other !== id) throw new LawBroken('Election Safety', `${other} and ${id} lead in term ${term}`);
      this.#leaders.set(term, id);
    }
    this.#checkApplied(member);
    this.#checkReads(member);
    const entries = member.entries();
    this.#checkMatching(member, entries);
    this.#checkCommitted(member, entries);
    if (role === 'leader') this.#checkLeader(member, entries);
    this.#configs.set(id, member.status.config);
  }

  #checkMatching({ id }: Member, entries: readonly Entry[]): void {
    let before: Term | undefined;
    for (const entry of entries) {
      const key = `${entry.index}/${entry.term}`;
      const seen = this.#entries.get(key);
      if (seen !== undefined && !sameEntry(seen.entry, entry))
        throw new LawBroken('Log Matching', `entry ${key} of member ${id} has other content than elsewhere`);
      if (seen?.before !== undefined && before !== undefined && seen.before !== before)
        throw new LawBroken(
          'Log Matching',
          `what comes before entry ${key} of member ${id} is other than elsewhere`,
        );
      if (seen?.before === undefined) this.#entries.set(key, { entry, before });
      before = entry.term;
    }
  }

  #checkCommitted(member: Member, entries: readonly Entry[]): void {
    const { id, commit, term, role } = member.status;
    for (const entry of entries) {
      if (entry.index > commit) break;
      const known = this.#committed.get(entry.index);
      if (known !== undefined && !sameEntry(known.entry, entry))
        throw new LawBroken('State Machine Safety', `member ${id} commits another entry ${entry.index}`);
      if (known === undefined && role === 'leader') this.#checkDurable(member, entry);
      if (known === undefined || known.since > term) this.#committed.set(entry.index, { entry, since: term });
    }
    this.#highest = Math.max(this.#highest, commit);
  }

  #checkDurable({ id, status: { config } }: Member, entry: Entry): void {
    // Where they have changed it is not known which of them it was that had it.
    if (config !== this.#configs.get(id)) return;
    const stored = (voter: NodeId): boolean => holds(this.#cluster.get(voter), entry);
    if (!agreed(config, stored))
      throw new LawBroken(
        'Durable Commitment',
        `member ${id} commits ${entry.index}, which no quorum has stored`,
      );
  }

  #checkApplied({ id, applied }: Member): void {
    for (const entry of applied.slice(-8)) {
      const known = this.#applied.get(entry.index);
      if (known !== undefined && !sameEntry(known, entry))
        throw new LawBroken('State Machine Safety', `member ${id} applies another entry ${entry.index}`);
      this.#applied.set(entry.index, entry);
    }
  }

  #checkReads({ id, reads }: Member): void {
    for (const { token, index } of reads.slice(this.#readsSeen.get(id) ?? 0)) {
      const least = this.#reads.get(token);
      if (least !== undefined && index < least)
        throw new LawBroken(
          'Linearizable Reads',
          `read ${token} sees ${index}, ${least} was committed before`,
        );
    }
    this.#readsSeen.set(id, reads.length);
  }

  #checkLeader({ id, status: { term, firstIndex } }: Member, entries: readonly Entry[]): void {
    const key = `${id}/${term}`;
    const before = this.#leaderLogs.get(key);
    for (const entry of before ?? []) {
      const now = entry.index < firstIndex ? entry : entries[entry.index - firstIndex];
      if (now === undefined || !sameEntry(now, entry))
        throw new LawBroken(
          'Leader Append-Only',
          `leader ${id} of term ${term} has changed entry ${entry.index}`,
        );
    }
    this.#leaderLogs.set(key, entries);
    // Of what was committed in earlier terms; what is committed later is of its own.
    if (before !== undefined) return;
    for (const [index, { entry, since }] of this.#committed) {
      if (since >= term || index < firstIndex) continue;
      const own = entries[index - firstIndex];
      if (own === undefined || !sameEntry(own, entry))
        throw new LawBroken('Leader Completeness', `leader ${id} of term ${term} lacks entry ${index}`);
    }
  }
}
