import type { Index, NodeId } from '../types.ts';
import { majorityCommitted, majorityVote, type VoteResult } from './majority.ts';

/** The voters of both halves; outside a joint configuration `outgoing` is empty. */
export interface Voters {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
}

/** The highest index that a majority of each half has acknowledged; Infinity when both are empty. */
export const jointCommitted = (halves: Voters, acked: (id: NodeId) => Index): Index =>
  Math.min(majorityCommitted(halves.voters, acked), majorityCommitted(halves.outgoing, acked));

/** Won when both halves are, lost when one is. */
export const jointVote = (halves: Voters, votes: (id: NodeId) => boolean | undefined): VoteResult => {
  const incoming = majorityVote(halves.voters, votes);
  const outgoing = majorityVote(halves.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
};

export const isVoter = ({ voters, outgoing }: Voters, id: NodeId): boolean =>
  voters.includes(id) || outgoing.includes(id);
