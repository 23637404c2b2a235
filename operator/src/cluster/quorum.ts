import type { ClusterReason, OllamaCluster } from '@ollamamax/api';
import type { GroupStep } from './group-step.ts';
import { majorityOf, type GroupView } from './group-view.ts';
import { votersOf } from './keeps-majority.ts';

export interface QuorumFacts {
  readonly cluster: OllamaCluster;
  readonly group: GroupView;
  readonly step: GroupStep;
  /** Pods that are ready. */
  readonly ready: number;
  /** Milliseconds without a leader. */
  readonly leaderlessMs: number;
  /** All agents that could be heard have been heard. */
  readonly heard: boolean;
}

interface Judgement {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ClusterReason<'QuorumReady'>;
  readonly message: string;
}

/** Elections and hand-overs are over before that: they are not worth a word. */
export const electionMs = 10_000;

const byHand =
  'Nothing is repaired by itself here: bring pods and volumes back; when they are lost for good, docs/raft/operations.md tells what to do (ollamamax raft recover).';

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** Of agents that do not agree on anything yet: more than half are ready. */
const ofPods = ({ cluster, ready }: QuorumFacts): Judgement => {
  const { replicas } = cluster.spec;
  const needed = majorityOf(replicas);
  const agents = replicas === 1 ? 'agent is' : 'agents are';
  return {
    status: ready >= needed ? 'True' : 'False',
    reason: ready >= needed ? 'MajorityReady' : 'MajorityMissing',
    message: `${ready} of ${replicas} ${agents} ready; ${needed} ${needed === 1 ? 'makes' : 'make'} a majority.`,
  };
};

const ofLeaderless = ({ group, step }: QuorumFacts): Judgement => {
  const no = (reason: ClusterReason<'QuorumReady'>, message: string): Judgement => ({
    status: 'False',
    reason,
    message,
  });
  if (step.kind === 'draw')
    return no('AllVolumesLost', 'All agents have come back with empty volumes: they begin anew.');
  if (step.kind === 'wait') return no('MajorityMissing', `${sentence(step.why)} ${byHand}`);
  const voters = group.recorded?.voters ?? [];
  const there = voters.filter((voter) => group.members.some(({ name }) => name === voter));
  const away = voters.filter((voter) => !there.includes(voter));
  return voters.length > 0 && there.length < majorityOf(voters.length)
    ? no(
        'MajorityMissing',
        `${there.length} of ${voters.length} voters ${there.length === 1 ? 'answers' : 'answer'}; missing: ${away.join(', ')}. ${byHand}`,
      )
    : no(
        'NoLeader',
        `No agent leads, although ${there.length} of ${voters.length} voters answer. If it stays so, check that they reach each other at port 7000.`,
      );
};

/** Whether the agents can agree on changes. */
export const judgeQuorum = (facts: QuorumFacts): Judgement => {
  const { cluster, group, step, leaderlessMs, heard } = facts;
  const before = cluster.status?.conditions?.find(({ type }) => type === 'QuorumReady');
  const asBefore: Judgement | undefined =
    before === undefined
      ? undefined
      : {
          status: before.status,
          reason: before.reason as ClusterReason<'QuorumReady'>,
          message: before.message,
        };
  const { leader } = group;
  if (leader !== undefined) {
    const voters = votersOf({ leader });
    const there = voters.filter(({ alive }) => alive);
    const message = `${leader.name} leads; ${there.length} of ${voters.length} ${voters.length === 1 ? 'voter' : 'voters'} ${there.length === 1 ? 'is' : 'are'} there.`;
    return there.length >= majorityOf(voters.length)
      ? { status: 'True', reason: 'MajorityReady', message }
      : { status: 'False', reason: 'MajorityMissing', message: `${message} ${byHand}` };
  }
  // Nothing has been heard yet, as after a start of the operator.
  if (!heard && asBefore !== undefined) return asBefore;
  if (group.begun)
    return leaderlessMs < electionMs && asBefore?.status === 'True' && step.kind === 'none'
      ? asBefore
      : ofLeaderless(facts);
  if (group.silentOnes.length > 0 || group.answers.size === 0) return ofPods(facts);
  return {
    status: 'False',
    reason: 'NotBegun',
    message: step.kind === 'wait' ? sentence(step.why) : 'The agents are about to begin to agree.',
  };
};
