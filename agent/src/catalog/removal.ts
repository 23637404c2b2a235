import { votersFor, type ConsensusMember } from '@ollamamax/api';
import type { NodeId } from '../raft/core/types.ts';

const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

/**
 * Why members should not be taken out now. The leader would not let it cost the majority either, but it would wait for
 * others to come back, without a word to whoever asked.
 * @param members as the leader knows them; undefined when that is not known here
 * @returns undefined when nothing speaks against it
 */
export const removalProblem = (
  members: readonly ConsensusMember[] | undefined,
  leaving: readonly NodeId[],
): string | undefined => {
  if (members === undefined) return undefined;
  const staying = members.filter(({ memberId }) => !leaving.includes(memberId));
  if (staying.length === 0) return 'It is the only member of its group.';
  if (!members.some(({ memberId, voting }) => voting && leaving.includes(memberId))) return undefined;
  const voters = staying.filter(({ voting }) => voting);
  const alive = voters.filter((member) => member.alive);
  const heirs = staying.filter((member) => !member.voting && member.alive);
  // Heirs get a vote in the same step, up to as many voters as so many members should have.
  const promoted = Math.max(0, Math.min(heirs.length, votersFor(staying.length) - voters.length, 1));
  const count = voters.length + promoted;
  if (alive.length + promoted >= majorityOf(count)) return undefined;
  const silent = voters.filter((member) => !member.alive).map(({ agent }) => agent);
  return `Only ${alive.length + promoted} of the ${count} voters that would stay are alive; silent: ${silent.join(', ')}.`;
};
