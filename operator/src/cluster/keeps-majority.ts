import { votersFor, type ConsensusMember } from '@ollamamax/api';
import { hasCaughtUp } from '../agents/visible.ts';
import { majorityOf, type GroupLeader } from './group-view.ts';

/** A group with its leader, and what is known of its pods beside. */
export interface Voting {
  readonly leader: GroupLeader;
  /** Agents whose pods are gone, or about to go: they are not there, whatever the leader says still. */
  readonly absent: ReadonlySet<string>;
}

/** Members that have a vote: not by agent, for a lost volume may have one while its agent is a new member already. */
export const votersOf = ({ leader }: Pick<Voting, 'leader'>): readonly ConsensusMember[] =>
  leader.members.filter(({ voting }) => voting);

const isThere = ({ absent }: Voting, { agent, alive }: ConsensusMember): boolean =>
  alive && !absent.has(agent);

const hasAll = (voting: Voting, member: ConsensusMember): boolean =>
  isThere(voting, member) && hasCaughtUp(member.matchIndex, voting.leader.consensus);

/** Whether an agent takes part, with a vote or without. */
export const isAlive = (voting: Voting, agent: string): boolean =>
  voting.leader.members.some((member) => member.agent === agent && isThere(voting, member));

/** Members that are there, but are far behind the leader. */
export const stragglers = (voting: Voting): readonly string[] =>
  voting.leader.members
    .filter((member) => isThere(voting, member) && !hasAll(voting, member))
    .map(({ agent }) => agent);

/** Voters that could lead now. */
export const heirs = (voting: Voting, except: string): readonly string[] =>
  votersOf(voting)
    .filter((member) => member.agent !== except && hasAll(voting, member))
    .map(({ agent }) => agent);

export const deadVoters = (voting: Voting, except: string): readonly string[] =>
  votersOf(voting)
    .filter((member) => member.agent !== except && !isThere(voting, member))
    .map(({ agent }) => agent);

/** Whether the voters can still decide while that agent is away. */
export const canSpare = (voting: Voting, agent: string): boolean => {
  const voters = votersOf(voting);
  const there = voters.filter((member) => member.agent !== agent && isThere(voting, member));
  return there.length >= majorityOf(voters.length);
};

/**
 * Whether the group can decide when that agent is a member no more: by the rule of the leader, which gives the vote to
 * a learner where there is one.
 */
export const canRemove = (voting: Voting, agent: string): boolean => {
  const voters = votersOf(voting);
  const rest = voters.filter((member) => member.agent !== agent);
  if (rest.length === voters.length) return true;
  const others = voting.leader.members.filter((member) => member.agent !== agent);
  const heir = others.some((member) => !member.voting && hasAll(voting, member));
  // Of one voter alone the learner takes the place before it goes.
  if (rest.length === 0) return heir;
  const takes = heir && voters.length <= votersFor(others.length) ? 1 : 0;
  const count = (members: readonly ConsensusMember[]): number =>
    members.filter((member) => isThere(voting, member)).length;
  return count(voters) >= majorityOf(voters.length) && count(rest) + takes >= majorityOf(rest.length + takes);
};
