import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { ConfState, Entry, Index, NodeId, Term } from '../../../../agent/src/raft/core/types.ts';
import { Violation } from '../failure.ts';
import type { Tally } from '../world/tally.ts';
import type { ShadowLog } from './shadow-log.ts';

/** What the checker knows of one member. */
export interface MemberRecord {
  /** With all the work that the core has handed out. */
  handed: ShadowLog;
  /** With the work only that was reported as done. */
  durable: ShadowLog;
  /** Handed out, not done. */
  outstanding: AppendWork[];
  /** As of when it was last looked at. */
  term: Term;
  vote: NodeId;
  commit: Index;
  applied: Index;
  leads: boolean;
  config: ConfState | undefined;
  /** While it leads: what it believed to match at each member. */
  matches: Map<NodeId, Index>;
  /** The highest index that a leader has told it to be committed, as far as the logs are known to be the same there. */
  told: Index;
}

export interface Committed {
  readonly entry: Entry;
  /** The lowest term in which somebody knew it to be committed. */
  since: Term;
}

/** An entry that was seen in some log, with the term of the one before it. */
export interface Seen {
  readonly entry: Entry;
  readonly before: Term | undefined;
}

/** The end of a log that somebody voted for. */
export interface Grant {
  readonly voter: NodeId;
  readonly index: Index;
  readonly logTerm: Term;
}

/** Whether a majority of each half agrees. */
export const isQuorum = ({ voters, outgoing }: ConfState, agrees: (id: NodeId) => boolean): boolean =>
  [voters, outgoing].every((half) => half.length === 0 || 2 * half.filter(agrees).length > half.length);

/** Key of what a member has acknowledged to a leader. */
export const acknowledgement = (from: NodeId, leader: NodeId, term: Term): string =>
  `${from}/${leader}/${term}`;

/** @throws Violation */
export const fail = (rule: string, what: string): never => {
  throw new Violation(rule, what);
};

/**
 * The checker's own books: what each member handed to its disk, what the disk has confirmed, what was sent. The
 * members' word is taken for nothing but what they claim.
 */
export class Books {
  readonly tally: Tally;
  readonly members = new Map<NodeId, MemberRecord>();
  readonly leaders = new Map<Term, NodeId>();
  /** By index and term. */
  readonly entries = new Map<Index, Map<Term, Seen>>();
  readonly committed: (Committed | undefined)[] = [];
  /** By voter and term. */
  readonly sentVotes = new Map<string, NodeId>();
  /** By candidate and term. */
  readonly grants = new Map<string, Grant[]>();
  /** By member, leader and term, the highest index that was acknowledged. */
  readonly acknowledged = new Map<string, Index>();
  /** The highest index that anybody has known to be committed. */
  highestCommit: Index = 0;

  constructor(tally: Tally) {
    this.tally = tally;
  }

  of(id: NodeId): MemberRecord {
    return this.members.get(id) ?? fail('harness', `member ${id} is not known`);
  }
}
