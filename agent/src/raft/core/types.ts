/**
 * Identifies one life of one member's data directory, not a pod: a member whose disk is lost comes back under
 * another id. A positive safe integer; 0 stands for nobody.
 */
export type NodeId = number;
/** Number of an election, from 1; 0 before the first. A safe integer. */
export type Term = number;
/** Position in the log, from 1; 0 before the first entry. A safe integer. */
export type Index = number;

export const nobody: NodeId = 0;

/** `config` entries hold an encoded ConfigChange, `normal` ones what was proposed, nothing for a new leader's own. */
export type EntryType = 'normal' | 'config';

/** One entry of the log. Nobody changes an entry or its bytes once it exists: logs, messages and storage share it. */
export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What names an entry: two logs that hold the same (index, term) are equal up to there. */
export interface EntryId {
  readonly index: Index;
  readonly term: Term;
}

/** What must be on disk before any message that depends on it leaves. */
export interface HardState {
  readonly term: Term;
  /** Whom this member voted for in that term; 0 for nobody. */
  readonly vote: NodeId;
  readonly commit: Index;
}

/** Members, in ascending order. Outside a joint configuration `outgoing` and `learnersNext` are empty. */
export interface ConfState {
  /** Voters; of a joint configuration, those of the incoming half. */
  readonly voters: readonly NodeId[];
  /** Voters of the outgoing half of a joint configuration. */
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** Whether the leader leaves the joint configuration by itself. */
  readonly autoLeave: boolean;
}

/** State of the application up to and including `index`, with the members as of then. */
export interface Snapshot {
  readonly index: Index;
  readonly term: Term;
  readonly config: ConfState;
  /** The core never looks inside: the bytes themselves, or what the driver finds them by. */
  readonly data: Uint8Array;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** What need not be on disk. */
export interface SoftState {
  readonly lead: NodeId;
  readonly role: Role;
}

/** Answer to a readIndex: reads that are served once `index` is applied are linearizable. */
export interface ReadState {
  readonly token: number;
  readonly index: Index;
}

export const emptyConfState: ConfState = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** Bytes that an entry counts for in every limit but that of proposals, which is of data alone: with a share for the rest. */
export const entrySize = (entry: Entry): number => entry.data.length + entryOverheadBytes;

/** Index, term, type and length as the write-ahead log and the wire hold them. */
const entryOverheadBytes = 24;
