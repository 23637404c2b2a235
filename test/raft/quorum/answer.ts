import { z } from 'zod';
import { jointCommitted, jointVote } from '../../../agent/src/raft/core/quorum/joint.ts';
import type { Index, NodeId } from '../../../agent/src/raft/core/types.ts';

const voters = z.array(z.int().min(1)).transform((ids): NodeId[] => [...new Set(ids)]);
const byNode = <Schema extends z.ZodType>(schema: Schema) =>
  z.record(z.string().regex(/^[1-9]\d*$/), schema).transform((given) => new Map(Object.entries(given)));

const question = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('committed'),
    voters,
    outgoing: voters.default([]),
    acked: byNode(z.int().min(0)).default(new Map()),
  }),
  z.strictObject({
    kind: z.literal('vote'),
    voters,
    outgoing: voters.default([]),
    votes: byNode(z.boolean()).default(new Map()),
  }),
]);

export type QuorumAnswer =
  { readonly committed: Index | 'infinity' } | { readonly result: 'pending' | 'won' | 'lost' };

/**
 * What a quorum says. Who has acknowledged nothing counts as 0, who has not voted as undecided.
 * @throws Error on a question that is none
 */
export const answerQuorum = (line: string): QuorumAnswer => {
  const asked = question.parse(JSON.parse(line));
  if (asked.kind === 'vote') return { result: jointVote(asked, (id) => asked.votes.get(String(id))) };
  const committed = jointCommitted(asked, (id) => asked.acked.get(String(id)) ?? 0);
  // JSON has no number for it.
  return { committed: committed === Infinity ? 'infinity' : committed };
};
