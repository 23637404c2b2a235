import type { Index, NodeId } from '../types.ts';

export type VoteResult = 'pending' | 'won' | 'lost';

/**
 * The highest index that a majority of the voters has acknowledged; Infinity without voters, so that an empty half
 * of a joint configuration does not limit the other.
 * @param acked 0 when a voter has acknowledged nothing
 */
export const majorityCommitted = (voters: readonly NodeId[], acked: (id: NodeId) => Index): Index => {
  if (voters.length === 0) return Infinity;
  const sorted: Index[] = [];
  for (const id of voters) {
    const index = acked(id);
    let at = sorted.length;
    // Seven at most in practice: insertion beats a sort with a comparison function.
    for (; at > 0 && (sorted[at - 1] ?? 0) > index; at -= 1) sorted[at] = sorted[at - 1] ?? 0;
    sorted[at] = index;
  }
  const majority = Math.floor(voters.length / 2) + 1;
  return sorted[voters.length - majority] ?? 0;
};

/**
 * How an election stands. Without voters it is won: what that half has to say is said.
 * @param votes undefined while a voter has not answered
 */
export const majorityVote = (
  voters: readonly NodeId[],
  votes: (id: NodeId) => boolean | undefined,
): VoteResult => {
  const majority = Math.floor(voters.length / 2) + 1;
  let yes = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes(id);
    if (vote === undefined) missing += 1;
    else if (vote) yes += 1;
  }
  if (voters.length === 0 || yes >= majority) return 'won';
  return yes + missing >= majority ? 'pending' : 'lost';
};
