import type { ConsensusMember, ConsensusStatus, OllamaClusterStatus } from '@ollamamax/api';
import type { AgentReport } from '../agents/report.ts';

/** What an agent has said lately of its part in the group. */
export interface Answer {
  readonly name: string;
  readonly consensus: ConsensusStatus;
  /** Milliseconds since it said so. */
  readonly ageMs: number;
  /** Late enough to decide by it what is done now. */
  readonly isRecent: boolean;
}

export interface GroupLeader extends Answer {
  readonly members: readonly ConsensusMember[];
}

/** The group of agents that agree, as far as they tell. */
export interface GroupView {
  /** What the status of the cluster says of it. */
  readonly recorded: OllamaClusterStatus['consensus'];
  /** There is, or was, such a group: nothing may begin in its place while a member may still be there. */
  readonly begun: boolean;
  /** Of agents that answer and take part in agreeing, by name. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** Those of them that are members of the recorded group. */
  readonly members: readonly Answer[];
  readonly leader: GroupLeader | undefined;
  /** Agents that answer, but are too old to agree with others. */
  readonly silentOnes: readonly string[];
}

/** What was said longer ago says nothing any more. */
const answerMs = 30_000;
/** What is decided now must not rest on what was longer ago. */
const recentMs = 8000;

const termOf = ({ consensus }: Answer): number => consensus.term ?? 0;

/**
 * @param recorded what was written into the status last
 * @param sinceCallMs milliseconds since an agent was last asked to change something: what was said before that is old
 */
export const groupView = (
  recorded: OllamaClusterStatus['consensus'],
  reports: ReadonlyMap<string, AgentReport>,
  sinceCallMs = Infinity,
): GroupView => {
  const answers = new Map<string, Answer>();
  const silentOnes: string[] = [];
  for (const name of [...reports.keys()].sort()) {
    const report = reports.get(name);
    if (report?.status === undefined || !report.fresh || report.silentMs >= answerMs) continue;
    const { consensus } = report.status;
    if (consensus === undefined) silentOnes.push(name);
    else {
      const ageMs = report.silentMs;
      answers.set(name, { name, consensus, ageMs, isRecent: ageMs < recentMs && ageMs < sinceCallMs });
    }
  }
  const members = [...answers.values()].filter(
    ({ consensus }) =>
      recorded !== undefined && consensus.state === 'member' && consensus.clusterId === recorded.clusterId,
  );
  const newest = Math.max(0, ...members.map(termOf));
  // One that has missed an election still believes that it leads.
  const leader = members.find((one) => one.consensus.role === 'leader' && termOf(one) === newest);
  return {
    recorded,
    begun: recorded !== undefined && (recorded.begun || members.length > 0),
    answers,
    members,
    leader:
      leader?.consensus.members === undefined ? undefined : { ...leader, members: leader.consensus.members },
    silentOnes,
  };
};

export const isListed = (leader: GroupLeader, agent: string): boolean =>
  leader.members.some((member) => member.agent === agent) ||
  leader.consensus.voters.includes(agent) ||
  leader.consensus.learners.includes(agent);

export const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

/** What the status is to say of the group, from what it said and what is known now. */
export const recordOf = (
  { recorded, begun, leader }: GroupView,
  clusterId: string,
): NonNullable<OllamaClusterStatus['consensus']> => {
  const same = recorded?.clusterId === clusterId;
  if (!same) return { clusterId, begun: false, voters: [], learners: [] };
  if (leader === undefined) {
    const { leader: _gone, ...rest } = recorded;
    return { ...rest, begun };
  }
  const { term, voters, learners } = leader.consensus;
  return {
    clusterId,
    begun,
    leader: leader.name,
    ...(term === undefined ? {} : { term }),
    voters: [...voters].sort(),
    learners: [...learners].sort(),
  };
};
