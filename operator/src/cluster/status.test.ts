import { describe, expect, test } from '@jest/globals';
import { clusterConditions, type ConsensusStatus, type OllamaClusterStatus } from '@ollamamax/api';
import { byName, noMember, reportOf, silent } from './agents.fixture.ts';
import { clusterOf, nowMs } from './cluster.fixture.ts';
import { factsOf, podsOf, servedBefore, servingCluster } from './facts.fixture.ts';
import { clusterStatus, type ClusterFacts } from './status.ts';

const conditionOf = (status: OllamaClusterStatus, type: string) => {
  const found = status.conditions?.find((condition) => condition.type === type);
  if (found === undefined) throw new Error(`there is no ${type}`);
  return found;
};

const judge = (more: Partial<ClusterFacts>, type: string): readonly string[] => {
  const { status, reason, message } = conditionOf(clusterStatus(factsOf(more)), type);
  return [status, reason, message];
};

const saying = (name: string, state: ConsensusStatus['state'], problem?: string) =>
  reportOf(name, {
    status: {
      consensus: {
        ...noMember,
        state,
        ...(problem === undefined ? {} : { problem: { code: 'internal', message: problem } }),
      },
    },
  });

const oomed = { reason: 'OutOfMemory', message: 'demo-1: out of memory.' } as const;
const stuck = { reason: 'Unschedulable', message: 'demo-2: no node fits: 0/1 nodes are available' } as const;

describe('conditions', () => {
  const types = Object.keys(clusterConditions);

  test('are all there after the first pass, in their order', () => {
    const cluster = clusterOf();
    const first = clusterStatus(factsOf({ cluster, statefulSet: undefined, pods: [] }));
    expect(first.conditions?.map(({ type }) => type)).toEqual(types);
    for (const { observedGeneration, lastTransitionTime } of first.conditions ?? []) {
      expect(observedGeneration).toBe(1);
      expect(lastTransitionTime).toBe('2026-01-02T03:04:05Z');
    }
  });

  test('keep their time until their status flips', () => {
    const before = clusterStatus(factsOf());
    const later = factsOf({
      cluster: servingCluster({}, { status: before }),
      pods: podsOf('RRr'),
      nowMs: nowMs + 3_600_000,
    });
    const after = clusterStatus(later);
    const moved = types.filter(
      (type) => conditionOf(after, type).lastTransitionTime !== conditionOf(before, type).lastTransitionTime,
    );
    const flipped = types.filter(
      (type) => conditionOf(after, type).status !== conditionOf(before, type).status,
    );
    expect(moved).toEqual(flipped);
    expect(flipped).toEqual(['Ready', 'Progressing']);
    expect(conditionOf(after, 'Ready').lastTransitionTime).toBe('2026-01-02T04:04:05Z');
    expect(conditionOf(after, 'Available').message).not.toBe(conditionOf(before, 'Available').message);
  });

  test.each<[string, Partial<ClusterFacts>, readonly string[]]>([
    ['some', { pods: podsOf('RrR') }, ['True', 'AgentsServing', '2 of 3 agents serve.']],
    [
      'one of one',
      { cluster: servingCluster({ replicas: 1 }) },
      ['True', 'AgentsServing', '1 of 1 agent serves.'],
    ],
    ['none any more', { pods: podsOf('rrr') }, ['False', 'NoAgentReady', 'No agent is ready.']],
    [
      'still none',
      { pods: podsOf('rrr'), cluster: clusterOf({}, { status: servedBefore('False') }) },
      ['False', 'NoAgentReady', 'No agent is ready.'],
    ],
    [
      'none yet',
      { pods: podsOf('r'), cluster: clusterOf() },
      ['False', 'Starting', 'No agent has become ready yet.'],
    ],
    [
      'one that is being deleted',
      { pods: podsOf('d'), cluster: servingCluster({ replicas: 1 }) },
      ['False', 'NoAgentReady', 'No agent is ready.'],
    ],
  ])('Available: %s', (_what, more, expected) => {
    expect(judge(more, 'Available')).toEqual(expected);
  });

  test.each<[number, string, string, string]>([
    [1, 'R', 'True', '1 of 1 agent is ready; 1 makes a majority.'],
    [1, 'r', 'False', '0 of 1 agent is ready; 1 makes a majority.'],
    [2, 'Rr', 'False', '1 of 2 agents are ready; 2 make a majority.'],
    [3, 'RRr', 'True', '2 of 3 agents are ready; 2 make a majority.'],
    [3, 'Rrr', 'False', '1 of 3 agents are ready; 2 make a majority.'],
    [4, 'RRrr', 'False', '2 of 4 agents are ready; 3 make a majority.'],
    [5, 'RRR--', 'True', '3 of 5 agents are ready; 3 make a majority.'],
  ])('QuorumReady: of %d agents %s', (replicas, pods, status, message) => {
    const reason = status === 'True' ? 'MajorityReady' : 'MajorityMissing';
    const cluster = servingCluster({ replicas });
    expect(judge({ cluster, pods: podsOf(pods) }, 'QuorumReady')).toEqual([status, reason, message]);
  });

  test('StorageReady is what was found out about volumes', () => {
    const condition = { status: 'False', reason: 'WaitingForVolumes', message: 'm' } as const;
    expect(judge({ storage: { condition, grow: [], recreate: false } }, 'StorageReady')).toEqual([
      'False',
      'WaitingForVolumes',
      'm',
    ]);
  });

  test.each<[ClusterFacts['models'], readonly string[]]>([
    [{ total: 0, ready: 0, failed: 0 }, ['True', 'NoModels', 'No OllamaModel names this cluster.']],
    [{ total: 1, ready: 1, failed: 0 }, ['True', 'AllReady', '1 of 1 model is ready.']],
    [{ total: 3, ready: 1, failed: 0 }, ['False', 'SomeNotReady', '1 of 3 models are ready.']],
    [{ total: 3, ready: 1, failed: 2 }, ['False', 'SomeFailed', '1 of 3 models are ready. 2 models failed.']],
    [{ total: 2, ready: 1, failed: 1 }, ['False', 'SomeFailed', '1 of 2 models are ready. 1 model failed.']],
  ])('ModelsReady: %j', (models, expected) => {
    expect(judge({ models }, 'ModelsReady')).toEqual(expected);
  });

  test.each<[string, Partial<ClusterFacts>, readonly string[]]>([
    ['nothing', {}, ['False', 'Settled', 'Nothing is being changed.']],
    [
      'a cluster without a StatefulSet',
      { cluster: clusterOf(), statefulSet: undefined, pods: [] },
      ['True', 'Starting', '0 of 3 agents are ready.'],
    ],
    [
      'a cluster that never served',
      { cluster: clusterOf(), pods: podsOf('RR-') },
      ['True', 'Starting', '2 of 3 agents are ready.'],
    ],
    ['too few pods', { pods: podsOf('RR-') }, ['True', 'ScalingUp', '2 agents are to become 3.']],
    ['too many pods', { pods: podsOf('RRRR') }, ['True', 'ScalingDown', '4 agents are to become 3.']],
    [
      'a scale-down that has not begun',
      { cluster: servingCluster({ replicas: 2 }), replicasNow: 3, pods: podsOf('RRR') },
      ['True', 'ScalingDown', '3 agents are to become 2.'],
    ],
    [
      'a roll',
      { rollout: { kind: 'rolling', partition: 2, updated: 1 } },
      ['True', 'RollingOut', '1 of 3 agents have the new template.'],
    ],
    [
      'a roll that waits',
      {
        rollout: { kind: 'blocked', partition: 2, updated: 1, why: 'the agent with ordinal 2 is not ready' },
      },
      [
        'True',
        'RolloutBlocked',
        '1 of 3 agents have the new template; the agent with ordinal 2 is not ready.',
      ],
    ],
    [
      'a scale-down that could cost the majority',
      {
        cluster: servingCluster({ replicas: 1 }),
        replicasNow: 3,
        scaleBlocked: 'no agent leads',
        pods: podsOf('Rrr'),
      },
      ['True', 'ScaleDownBlocked', '3 agents are to become 1; no agent leads.'],
    ],
    ['a restart', { pods: podsOf('RrR') }, ['True', 'Restarting', '2 of 3 agents are ready.']],
  ])('Progressing: %s', (_what, more, expected) => {
    expect(judge(more, 'Progressing')).toEqual(expected);
  });

  test.each<[string, Partial<ClusterFacts>, readonly string[]]>([
    ['nothing', {}, ['False', 'AsExpected', 'Nothing needs attention.']],
    ['a pod', { podProblems: [oomed] }, ['True', 'OutOfMemory', 'demo-1: out of memory.']],
    [
      'two pods',
      { podProblems: [oomed, stuck] },
      ['True', 'OutOfMemory', 'demo-1: out of memory. And 1 other agent.'],
    ],
    [
      'three pods, the first with a sentence of somebody else',
      { podProblems: [stuck, oomed, oomed] },
      ['True', 'Unschedulable', 'demo-2: no node fits: 0/1 nodes are available. And 2 other agents.'],
    ],
    [
      'what stopped the pass, before all else',
      { podProblems: [oomed], failure: { reason: 'NameConflict', message: 'Service demo exists.' } },
      ['True', 'NameConflict', 'Service demo exists.'],
    ],
    [
      'an agent that refuses',
      { reports: byName(reportOf('demo-1', { problem: { kind: 'refused', message: 'demo-1: no.' } })) },
      ['True', 'DesiredStateRefused', 'demo-1: no.'],
    ],
    [
      'an agent whose volume the group does not take',
      { reports: byName(saying('demo-1', 'refused', 'It is an old one.')) },
      ['True', 'MemberRefused', 'demo-1: It is an old one.'],
    ],
    [
      'an agent that cannot write, ready or not',
      { pods: podsOf('RrR'), reports: byName(saying('demo-1', 'failed', 'ENOSPC')) },
      ['True', 'MemberFailed', 'demo-1: ENOSPC'],
    ],
    [
      'an agent that does not say why',
      { reports: byName(saying('demo-1', 'failed')) },
      ['True', 'MemberFailed', 'demo-1: it does not say why.'],
    ],
    [
      'an agent that has left',
      { reports: byName(saying('demo-1', 'left')) },
      [
        'True',
        'MemberLeft',
        'demo-1: it has left the group of agents; kubectl delete pod demo-1 lets it join again.',
      ],
    ],
    [
      'an agent that has left because it is to go',
      { reports: byName(saying('demo-2', 'left')), replicasNow: 4 },
      ['False', 'AsExpected', 'Nothing needs attention.'],
    ],
    [
      'an agent that is silent for half a minute',
      { reports: byName(silent('demo-1', 30_000)) },
      ['False', 'AsExpected', 'Nothing needs attention.'],
    ],
    [
      'an agent that is silent for longer',
      { reports: byName(silent('demo-1', 30_001)) },
      ['True', 'AgentUnreachable', 'demo-1 does not answer.'],
    ],
    [
      'a silent agent whose pod is not ready: that is said elsewhere',
      { pods: podsOf('RrR'), reports: byName(silent('demo-1', 90_000)) },
      ['False', 'AsExpected', 'Nothing needs attention.'],
    ],
    [
      'silent agents: the first of them, whoever was heard first',
      {
        reports: byName(silent('demo-2', 90_000), silent('demo-1', 90_000)),
        pods: podsOf('RRR').toReversed(),
      },
      ['True', 'AgentUnreachable', 'demo-1 does not answer.'],
    ],
  ])('Degraded: %s', (_what, more, expected) => {
    expect(judge(more, 'Degraded')).toEqual(expected);
  });

  test('Paused', () => {
    expect(judge({}, 'Paused').slice(0, 2)).toEqual(['False', 'NotPaused']);
    expect(judge({ paused: true }, 'Paused').slice(0, 2)).toEqual(['True', 'PausedByAnnotation']);
  });

  test.each<[string, Partial<ClusterFacts>, readonly string[]]>([
    ['all is well', {}, ['True', 'AllGood', 'Everything asked for is there.']],
    ['something needs attention', { podProblems: [oomed] }, ['False', 'Degraded', oomed.message]],
    ['nobody serves', { pods: podsOf('rrr') }, ['False', 'NotAvailable', 'No agent is ready.']],
    [
      'too few serve',
      { pods: podsOf('Rrr') },
      ['False', 'NoQuorum', '1 of 3 agents are ready; 2 make a majority.'],
    ],
    [
      'a volume is missing',
      {
        storage: {
          condition: { status: 'False', reason: 'WaitingForVolumes', message: 'm' },
          grow: [],
          recreate: false,
        },
      },
      ['False', 'StorageNotReady', 'm'],
    ],
    ['a change is under way', { pods: podsOf('RRr') }, ['False', 'Progressing', '2 of 3 agents are ready.']],
    [
      'models do not count',
      { models: { total: 1, ready: 0, failed: 1 } },
      ['True', 'AllGood', 'Everything asked for is there.'],
    ],
    [
      'the operator is paused, with nothing to do',
      { paused: true, rollout: undefined },
      ['True', 'AllGood', 'Everything asked for is there.'],
    ],
    [
      'the operator is paused, and the spec has changed',
      { cluster: servingCluster({}, { generation: 2 }), paused: true, rollout: undefined },
      ['False', 'Progressing', 'The spec has changed, and the operator is paused.'],
    ],
    [
      'the operator is paused, and something else is wrong: that is said first',
      { cluster: servingCluster({}, { generation: 2 }), paused: true, podProblems: [oomed] },
      ['False', 'Degraded', oomed.message],
    ],
    [
      'the spec has changed, and is brought about now',
      { cluster: servingCluster({}, { generation: 2 }) },
      ['True', 'AllGood', 'Everything asked for is there.'],
    ],
  ])('Ready: %s', (_what, more, expected) => {
    expect(judge(more, 'Ready')).toEqual(expected);
  });
});

describe('what nothing was found out about', () => {
  /** The status after a second pass, an hour after the first one. */
  const secondPass = (first: OllamaClusterStatus, more: Partial<ClusterFacts>): OllamaClusterStatus =>
    clusterStatus(
      factsOf({ cluster: servingCluster({}, { status: first }), nowMs: nowMs + 3_600_000, ...more }),
    );

  test.each<[string, NonNullable<ClusterFacts['rollout']>]>([
    ['RollingOut', { kind: 'rolling', partition: 2, updated: 1 }],
    ['RolloutBlocked', { kind: 'blocked', partition: 2, updated: 1, why: 'nobody else serves m yet' }],
  ])('a roll goes on as it was: %s', (reason, rollout) => {
    const first = clusterStatus(factsOf({ rollout }));
    const second = secondPass(first, { rollout: undefined });
    expect(conditionOf(first, 'Progressing')).toMatchObject({ status: 'True', reason });
    expect(conditionOf(second, 'Progressing')).toEqual(conditionOf(first, 'Progressing'));
  });

  test('where there was no roll, pods alone tell what goes on', () => {
    const first = clusterStatus(factsOf({ pods: podsOf('RRr') }));
    const reasonOf = (more: Partial<ClusterFacts>) =>
      conditionOf(secondPass(first, { rollout: undefined, ...more }), 'Progressing').reason;
    expect(reasonOf({})).toBe('Settled');
    expect(reasonOf({ pods: podsOf('Rr-') })).toBe('ScalingUp');
  });

  test('models are as they were', () => {
    const first = clusterStatus(factsOf({ models: { total: 3, ready: 2, failed: 1 } }));
    const second = secondPass(first, { models: undefined });
    expect(second.models).toEqual({ total: 3, ready: 2 });
    expect(conditionOf(second, 'ModelsReady')).toEqual(conditionOf(first, 'ModelsReady'));
  });

  test('nobody knows of models before the first agent was heard', () => {
    const status = clusterStatus(factsOf({ models: undefined }));
    expect(status).not.toHaveProperty('models');
    expect(conditionOf(status, 'ModelsReady')).toMatchObject({
      status: 'Unknown',
      message: 'No agent has been heard yet.',
    });
  });
});

test.each<[string, Partial<ClusterFacts>]>([
  ['Available', {}],
  ['Progressing', { pods: podsOf('RR-') }],
  ['Progressing', { cluster: clusterOf(), statefulSet: undefined, pods: [] }],
  ['Degraded', { podProblems: [oomed], pods: podsOf('RrR') }],
  ['Paused', { paused: true, podProblems: [oomed] }],
])('phase %s: %j', (phase, more) => {
  expect(clusterStatus(factsOf(more)).phase).toBe(phase);
});
