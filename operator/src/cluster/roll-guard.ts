import type { MemberCall } from '../agents/agent-client.ts';
import { canSpare, deadVoters, heirs, isAlive, stragglers, votersOf, type Voting } from './keeps-majority.ts';
import type { GroupView } from './group-view.ts';

export interface GuardInput {
  readonly group: GroupView;
  /** Agent that is to be started again. */
  readonly agent: string;
  readonly replicas: number;
  /** It is not asked for any more. */
  readonly isToGo: boolean;
  /** Agents that have the new template, of which one may lead without having to hand over again. */
  readonly updated: readonly string[];
  /** Agents that have the old template and do not get ready by waiting. */
  readonly broken: ReadonlySet<string>;
  readonly absent: ReadonlySet<string>;
  /** An agent is being asked for something else, or has not gone yet although it is not wanted any more. */
  readonly busy: boolean;
  /** Its volume goes with its pod. */
  readonly ephemeral: boolean;
  /** Milliseconds since an agent has become ready, by its name; not of those that are not. */
  readonly readyMs: ReadonlyMap<string, number>;
  /** Milliseconds without a leader. */
  readonly leaderlessMs: number;
}

/** Whether an agent may be started again now. */
export type Guard =
  | { readonly kind: 'go' }
  | { readonly kind: 'wait'; readonly why: string }
  /** Something must be done before. */
  | { readonly kind: 'call'; readonly call: MemberCall; readonly why: string };

/** One that has been ready for so long and belongs to no group does not join by waiting. */
const joinMs = 60_000;
/** A group without a leader for so long does not find one by waiting. */
const stuckMs = 60_000;

const go: Guard = { kind: 'go' };
const wait = (why: string): Guard => ({ kind: 'wait', why });

const withoutLeader = ({ group, agent, broken, leaderlessMs }: GuardInput): Guard => {
  const isMember = group.answers.get(agent)?.consensus.state === 'member';
  // The cure may be in the new template, and there is no majority to be lost.
  if (!isMember || (leaderlessMs >= stuckMs && broken.size > 0)) return go;
  return wait(`none of the agents leads, and ${agent} may be needed for a majority`);
};

/**
 * A voter goes only when a leader is known that has all others behind it: no step of a roll may cost the majority. Of
 * one that is no member that is alive nothing can be lost.
 */
export const guardRoll = (input: GuardInput): Guard => {
  const { group, agent, absent, broken } = input;
  if (!group.begun || input.replicas === 1) return go;
  const { leader } = group;
  if (leader === undefined) return withoutLeader(input);
  const voting: Voting = { leader, absent };
  const answer = group.answers.get(agent);
  // Started again it would join once more on its way out.
  if (input.isToGo && answer?.consensus.state === 'left') return wait(`${agent} is about to go`);
  const joins = (name: string): boolean =>
    group.answers.get(name)?.consensus.state === 'none' && (input.readyMs.get(name) ?? Infinity) < joinMs;
  if (!isAlive(voting, agent) && answer?.consensus.state !== 'member' && !joins(agent)) return go;
  if (input.busy) return wait('the members are being changed');
  // Votes move when it does: what is let go now may be needed in a moment.
  const newcomer = [...group.answers.keys()].find(joins);
  if (newcomer !== undefined) return wait(`${newcomer} is about to join`);
  // What the leader said before the last agent was back says nothing of that agent.
  const others = [...input.readyMs].filter(([name]) => name !== agent).map(([, ms]) => ms);
  if (!leader.isRecent || leader.ageMs + 1000 > Math.min(...others))
    return wait(`${leader.name}, which leads, has not said yet how the others are`);
  if (leader.consensus.changing === true)
    return wait(
      `the members are being changed${leader.consensus.blocked === undefined ? '' : `: ${leader.consensus.blocked}`}`,
    );
  const dead = deadVoters(voting, agent);
  const [sound] = dead.filter((voter) => !broken.has(voter));
  if (sound !== undefined)
    return wait(`${sound}, which has a vote, does not answer ${leader.name}, which leads`);
  const [straggler] = stragglers(voting).filter((name) => name !== agent);
  if (straggler !== undefined) return wait(`${straggler} has not caught up with ${leader.name} yet`);
  if (leader.name === agent) {
    const able = heirs(voting, agent);
    const heir = able.find((name) => input.updated.includes(name)) ?? able[0];
    if (heir !== undefined)
      return {
        kind: 'call',
        call: { kind: 'transfer', at: agent, agent: heir },
        why: `${agent} leads, and hands over to ${heir}`,
      };
  }
  if (canSpare(voting, agent)) return go;
  if (votersOf(voting).length === 1) {
    const follower =
      input.ephemeral && leader.members.some(({ agent: other }) => other !== agent && isAlive(voting, other));
    // Nobody else has a vote: with its volume all would be lost that was agreed on.
    return follower
      ? { kind: 'call', call: { kind: 'leave', at: agent }, why: `${agent} leaves the vote to another agent` }
      : go;
  }
  const [lost] = dead;
  if (lost === undefined) return wait(`without ${agent} there would be no majority`);
  // It waits for its new template: without its vote the others need fewer.
  return {
    kind: 'call',
    call: { kind: 'remove', at: leader.name, agent: lost },
    why: `${lost} does not answer, and is taken out of the group so that ${agent} can be spared; it joins again`,
  };
};
