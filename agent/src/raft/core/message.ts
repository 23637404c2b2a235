import { nobody, type Entry, type Index, type NodeId, type Snapshot, type Term } from './types.ts';

/** Messages between members, with the numbers that stand for them on the wire. Numbers are never used again. */
export const wireTypes = {
  preVote: 1,
  preVoteResp: 2,
  vote: 3,
  voteResp: 4,
  append: 5,
  appendResp: 6,
  heartbeat: 7,
  heartbeatResp: 8,
  snapshot: 9,
  timeoutNow: 10,
  readIndex: 11,
  readIndexResp: 12,
  propose: 13,
  transferLeader: 14,
} as const;

export type MessageType = keyof typeof wireTypes;

/** May come from a member that is behind: they carry no term. */
export const termless: ReadonlySet<MessageType> = new Set(['propose', 'readIndex']);

/**
 * A message between members. All kinds have all fields, so that the engine sees one shape; what a kind does not use is
 * zero. `term` is the sender's, except that a preVote and a granting preVoteResp carry the term to come, and that
 * propose and readIndex carry none (0): they may come from a member that is behind.
 */
export interface Message {
  readonly type: MessageType;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  /**
   * append: of the entry before the first; vote, preVote and answers that grant them: the candidate's last index;
   * appendResp: the last index that now matches, or when rejected the `index` of the append; snapshot: 0;
   * readIndexResp: the read index.
   */
  readonly index: Index;
  /** Term of the entry at `index`; of a rejecting appendResp the term at `rejectHint`. */
  readonly logTerm: Term;
  readonly entries: readonly Entry[];
  /** The leader's commit index as far as the receiver may take it over. */
  readonly commit: Index;
  readonly reject: boolean;
  /** Of a rejecting appendResp: the sender's guess of where the logs may still agree. */
  readonly rejectHint: Index;
  /**
   * heartbeat and its answer: number of the latest read that waited when it was sent; readIndex and its answer: the
   * asker's token; vote, preVote: 1 when a transfer asks for it, and no live leader is a reason to refuse;
   * transferLeader: the target.
   */
  readonly context: number;
  readonly snapshot: Snapshot | undefined;
}

const noEntries: readonly Entry[] = [];

/** A message with all that is not given at zero. */
export const message = (
  type: MessageType,
  to: NodeId,
  fields: Partial<Omit<Message, 'type' | 'to'>> = {},
): Message => ({
  type,
  from: fields.from ?? nobody,
  to,
  term: fields.term ?? 0,
  index: fields.index ?? 0,
  logTerm: fields.logTerm ?? 0,
  entries: fields.entries ?? noEntries,
  commit: fields.commit ?? 0,
  reject: fields.reject ?? false,
  rejectHint: fields.rejectHint ?? 0,
  context: fields.context ?? 0,
  snapshot: fields.snapshot,
});
