import { describe, expect, test } from '@jest/globals';
import { clusterConditions, type OllamaClusterStatus } from '@ollamamax/api';
import { byName, reportOf, silent } from './agents.fixture.ts';
import { clusterOf, nowMs, podOf } from './cluster.fixture.ts';
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

describe('observedGeneration', () => {
  const failure = { reason: 'ApplyFailed', message: 'no' } as const;
  test.each<[string, OllamaClusterStatus | undefined, Partial<ClusterFacts>, number | undefined]>([
    ['moves when a pass has come to its end', { observedGeneration: 1 }, {}, 4],
    ['is the first one', undefined, {}, 4],
    ['stays when the pass was stopped', { observedGeneration: 1 }, { failure }, 1],
    ['stays away when the first pass was stopped', undefined, { failure }, undefined],
    ['stays while nothing is done', { observedGeneration: 1 }, { paused: true }, 1],
  ])('%s', (_what, before, more, expected) => {
    const cluster = clusterOf({}, { generation: 4, ...(before === undefined ? {} : { status: before }) });
    const status = clusterStatus(factsOf({ cluster, ...more }));
    expect(status.observedGeneration).toBe(expected);
    for (const condition of status.conditions ?? []) expect(condition.observedGeneration).toBe(4);
  });

  test('what stopped the pass is told until the next one gets through', () => {
    const stopped = clusterStatus(factsOf({ failure }));
    expect(stopped.lastError).toBe('no');
    const next = clusterStatus(factsOf({ cluster: servingCluster({}, { status: stopped }) }));
    expect(next).not.toHaveProperty('lastError');
  });
});

describe('figures', () => {
  test('count pods, those that are ready and those of the newest template', () => {
    expect(clusterStatus(factsOf({ pods: podsOf('oRrd') }))).toMatchObject({
      replicas: 4,
      readyReplicas: 2,
      updatedReplicas: 3,
      selector: expect.stringContaining('app.kubernetes.io/instance=demo'),
      image: 'registry.example/agent:1',
      desiredState: { revision: 2, hash: 'h' },
    });
  });

  test.each([
    [{}, 'http://demo.team.svc:8080'],
    [{ tls: { managed: true } }, 'https://demo.team.svc:8080'],
    [{ ingress: { enabled: true, host: 'a.example' } }, 'http://a.example'],
    [{ ingress: { enabled: true, host: 'a.example', tlsSecretName: 'cert' } }, 'https://a.example'],
    [{ ingress: { enabled: false, host: 'a.example' } }, 'http://demo.team.svc:8080'],
  ])('the endpoint is where clients go: %j', (spec, endpoint) => {
    expect(clusterStatus(factsOf({ cluster: servingCluster(spec) })).endpoint).toBe(endpoint);
  });
});

describe('agents', () => {
  test('are told of one by one, by ordinal', () => {
    const pods = [
      podOf(11, { ready: false, node: undefined }),
      podOf(10, { ready: false }),
      podOf(2, { ready: false }),
      podOf(1, { deleting: true }),
      podOf(3),
      podOf(0),
    ];
    const problem = { reason: 'CrashLoop', message: 'demo-10: it ends again and again.' } as const;
    const reports = byName(
      reportOf('demo-0', { status: { version: '1.2.3', catalogRevision: 5 } }),
      silent('demo-3', 31_000),
    );
    expect(clusterStatus(factsOf({ pods, podProblems: [problem], reports })).agents).toEqual([
      { name: 'demo-0', phase: 'Ready', node: 'node-0', version: '1.2.3', revision: 5 },
      { name: 'demo-1', phase: 'Draining', node: 'node-1' },
      { name: 'demo-2', phase: 'Starting', node: 'node-2' },
      {
        name: 'demo-3',
        phase: 'Unreachable',
        node: 'node-3',
        version: '0.1.0',
        revision: 2,
        message: 'demo-3 does not answer.',
      },
      { name: 'demo-10', phase: 'Failed', node: 'node-10', message: 'demo-10: it ends again and again.' },
      { name: 'demo-11', phase: 'Pending' },
    ]);
  });

  test('one that has been silent for a moment is still what it was', () => {
    const [agent] = clusterStatus(factsOf({ reports: byName(silent('demo-0', 29_000)) })).agents ?? [];
    expect(agent).toMatchObject({ name: 'demo-0', phase: 'Ready', version: '0.1.0' });
    expect(agent).not.toHaveProperty('message');
  });
});
