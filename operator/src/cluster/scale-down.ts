import type { AgentReport } from '../agents/report.ts';
import type { MemberCall } from '../agents/agent-client.ts';
import { canRemove, deadVoters, heirs, isAlive, votersOf, type Voting } from './keeps-majority.ts';
import { isListed, type GroupView } from './group-view.ts';

export interface ScaleInput {
  /** As the StatefulSet says; undefined when there is none and there are no pods. */
  readonly current: number | undefined;
  readonly wanted: number;
  /** Whether every model served now is ready on an agent below that ordinal. */
  readonly servedElsewhere: (below: number) => boolean;
  readonly agentOf: (ordinal: number) => string;
  readonly group: GroupView;
  readonly reports: ReadonlyMap<string, AgentReport>;
  /** Agents that have a pod. */
  readonly present: ReadonlySet<string>;
  readonly absent: ReadonlySet<string>;
  /** Agents that were let go for a new template and have not gone yet. */
  readonly letGo: ReadonlySet<string>;
  /** The controller of the StatefulSet has seen what was written last: what pods are about to do is known. */
  readonly settled: boolean;
}

export interface ScaleDecision {
  /** Agents that there should be now. */
  readonly replicas: number;
  readonly call?: MemberCall;
  /** Why it does not go on by itself, and what would help. */
  readonly blocked?: string;
}

/** So long an agent that does not answer is waited for, before others take it out. */
const patienceMs = 30_000;

const help = 'docs/raft/operations.md says what can be done';

/** Members of whom there is nothing any more: left behind by something that was interrupted, or by an older version. */
const leftBehind = (voting: Voting, input: ScaleInput, below: number): string | undefined => {
  const kept = new Set(Array.from({ length: below }, (_unused, ordinal) => input.agentOf(ordinal)));
  const prefix = input.agentOf(0).slice(0, -1);
  return voting.leader.members.find(
    ({ agent, alive }) =>
      !alive &&
      agent.startsWith(prefix) &&
      /^\d+$/.test(agent.slice(prefix.length)) &&
      !kept.has(agent) &&
      !input.present.has(agent),
  )?.agent;
};

/** What takes a member that is to go out of the group: nothing while it is not known whether it answers. */
const farewell = (voting: Voting, input: ScaleInput, agent: string): MemberCall | undefined => {
  const { leader } = voting;
  const answer = input.group.answers.get(agent);
  const remove = { kind: 'remove', at: leader.name, agent } as const;
  if (answer?.consensus.state === 'member') return { kind: 'leave', at: agent };
  if (answer?.consensus.state === 'left') return undefined;
  // It answers, but its disk is not that of the member: it will be none by itself.
  if (answer !== undefined) return isAlive(voting, agent) ? undefined : remove;
  const silentMs = input.reports.get(agent)?.silentMs ?? patienceMs;
  return silentMs >= patienceMs && !isAlive(voting, agent) ? remove : undefined;
};

const unsafe = (voting: Voting, agent: string, current: number): string => {
  const dead = deadVoters(voting, agent);
  const rest = votersOf(voting).flatMap((member) => (member.agent === agent ? [] : [member.agent]));
  return dead.length === 0
    ? `${agent} has the only vote, and no other agent has caught up yet: wait, or set spec.replicas back to ${current}`
    : `without ${agent} the voters would be ${rest.join(', ')}, and ${dead.join(', ')} ${dead.length === 1 ? 'does' : 'do'} not answer: bring ${dead.length === 1 ? 'it' : 'them'} back first, or set spec.replicas back to ${current}; ${help}`;
};

/**
 * How many agents there should be now. More at once; fewer one by one, the highest ordinal first: each only when what
 * it serves is served by one that stays, and only when it is a member of the group no more. The lead goes to one that
 * stays before that.
 */
export const decideScale = (input: ScaleInput): ScaleDecision => {
  const { current, wanted, group } = input;
  if (current === undefined) return { replicas: wanted };
  const goer = input.agentOf(current - 1);
  // It stays out until it is started again, although it is asked for again.
  const hasLeft = group.begun && group.answers.get(goer)?.consensus.state === 'left';
  const { leader } = group;
  const stays = Math.max(1, Math.min(wanted, hasLeft ? current - 1 : wanted));
  if (stays >= current) {
    const stale =
      leader?.isRecent === true && leader.consensus.changing !== true
        ? leftBehind({ leader, absent: input.absent }, input, stays)
        : undefined;
    // One that was lowered for its sake is raised when that pod has been told to go.
    const hasLingered = group.answers.get(input.agentOf(current))?.consensus.state === 'left';
    // Votes move when others join: an agent that could be spared when it was let go goes first.
    const waits = wanted > current && group.begun && (hasLingered || input.letGo.size > 0);
    return {
      replicas: waits ? current : wanted,
      ...(stale === undefined || leader === undefined
        ? {}
        : { call: { kind: 'remove', at: leader.name, agent: stale } }),
    };
  }
  const stay = { replicas: current };
  // One after the other: the one before may still have a vote until it has gone.
  const hasGone = !input.present.has(input.agentOf(current));
  if (group.begun && !hasGone) return stay;
  if (!input.servedElsewhere(stays)) return stay;
  const next = { replicas: current - 1 };
  if (!group.begun) {
    // While it begins, nobody knows who has joined already.
    return group.recorded !== undefined && group.answers.has(goer) ? stay : next;
  }
  if (leader === undefined)
    return {
      ...stay,
      blocked: `no agent leads, so that ${goer} cannot be taken out of the group: bring the agents back that do not answer, or set spec.replicas back to ${current}; ${help}`,
    };
  const voting = { leader, absent: input.absent };
  if (!leader.isRecent || !input.settled || leader.consensus.changing === true) {
    const why = leader.consensus.blocked;
    return why === undefined ? stay : { ...stay, blocked: `${leader.name}, which leads, says: ${why}` };
  }
  const stale = leftBehind(voting, input, current);
  if (stale !== undefined) return { ...stay, call: { kind: 'remove', at: leader.name, agent: stale } };
  const own = group.answers.get(goer)?.consensus;
  // One that has not joined yet is kept from doing so on its way out.
  if (!isListed(leader, goer) && own?.state === 'none') return { ...stay, call: { kind: 'leave', at: goer } };
  if (!isListed(leader, goer)) return own?.state === 'member' ? stay : next;
  const staying = Array.from({ length: stays }, (_unused, ordinal) => input.agentOf(ordinal));
  if (!staying.includes(leader.name)) {
    const [heir] = heirs(voting, leader.name).filter((agent) => staying.includes(agent));
    if (heir !== undefined) return { ...stay, call: { kind: 'transfer', at: leader.name, agent: heir } };
  }
  if (!canRemove(voting, goer)) return { ...stay, blocked: unsafe(voting, goer, current) };
  const call = farewell(voting, input, goer);
  return call === undefined ? stay : { ...stay, call };
};
