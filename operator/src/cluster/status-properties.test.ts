import { expect, test } from '@jest/globals';
import {
  clusterConditions,
  compileValidator,
  OllamaClusterStatus as statusSchema,
  type ClusterConditionType,
  type OllamaClusterStatus,
} from '@ollamamax/api';
import { byName, memberOf, noMember, reportOf, silent } from './agents.fixture.ts';
import { chances } from './chances.fixture.ts';
import { clusterOf, nowMs, podOf, schemaWithoutExtensions } from './cluster.fixture.ts';
import { factsOf, servedBefore } from './facts.fixture.ts';
import { clusterStatus, type ClusterFacts } from './status.ts';

const group = { clusterId: 'group-1', begun: true, voters: ['demo-0', 'demo-1', 'demo-2'], learners: [] };

/** Facts as they may come together in some moment. */
const generated = (seed: number): ClusterFacts => {
  const chance = chances(seed);
  const often = (share: number): boolean => chance() < share;
  const upTo = (count: number): number => Math.floor(chance() * (count + 1));
  const oneOf = <T>(...values: readonly T[]): T => values[upTo(values.length - 1)]!;
  const replicas = 1 + upTo(5);
  const before = oneOf<OllamaClusterStatus | undefined>(
    undefined,
    servedBefore('True'),
    servedBefore('False'),
    {
      observedGeneration: 1,
    },
  );
  const pods = Array.from({ length: upTo(7) }, (_unused, ordinal) =>
    podOf(ordinal, {
      ready: often(0.6),
      revision: oneOf('new', 'old'),
      deleting: often(0.1),
      ...(often(0.2) ? { node: undefined } : {}),
    }),
  );
  const problem = { kind: 'refused', message: 'no' } as const;
  return factsOf({
    cluster: clusterOf(
      { replicas, ...(often(0.5) ? { tls: { managed: true } } : {}) },
      {
        generation: 1 + upTo(3),
        ...(before === undefined
          ? {}
          : { status: { ...before, ...(often(0.5) ? { consensus: group } : {}) } }),
      },
    ),
    pods,
    podProblems: pods
      .filter(() => often(0.2))
      .map(({ metadata }) => ({ reason: 'CrashLoop' as const, message: `${metadata.name ?? ''}: it ends` })),
    reports: byName(
      ...pods
        .filter(() => often(0.8))
        .map(({ metadata: { name = '' } }) =>
          oneOf(
            reportOf(name),
            reportOf(name, { problem }),
            silent(name, upTo(60_000)),
            silent(name, 1, { status: undefined }),
            reportOf(name, { status: { consensus: memberOf(name, { leader: oneOf('demo-0', undefined) }) } }),
            reportOf(name, {
              status: { consensus: { ...noMember, state: oneOf('none', 'left', 'refused', 'failed') } },
            }),
          ),
        ),
    ),
    storage: {
      condition: oneOf(
        { status: 'True', reason: 'Bound', message: 'b' } as const,
        { status: 'False', reason: 'WaitingForVolumes', message: 'w' } as const,
      ),
      grow: [],
      recreate: false,
    },
    rollout: oneOf(
      { kind: 'settled', partition: 0 } as const,
      { kind: 'rolling', partition: 1, updated: 1 } as const,
      { kind: 'blocked', partition: 1, updated: 1, why: 'w' } as const,
      undefined,
    ),
    replicasNow: replicas + upTo(1),
    scaleBlocked: oneOf(undefined, 's'),
    step: oneOf(
      { kind: 'none' } as const,
      { kind: 'wait', why: 'w' } as const,
      { kind: 'draw', why: 'lost' } as const,
    ),
    leaderlessMs: upTo(20_000),
    models: often(0.2) ? undefined : { total: 3, ready: upTo(3), failed: upTo(1) },
    failure: often(0.2) ? { reason: 'ApplyFailed', message: 'f' } : undefined,
    paused: often(0.1),
    ...(often(0.2) ? { statefulSet: undefined } : {}),
  });
};

const validate = compileValidator(schemaWithoutExtensions(statusSchema));

const statusOf = (status: OllamaClusterStatus, type: ClusterConditionType) =>
  status.conditions?.find((condition) => condition.type === type)?.status;

test('whatever was found out, the status is whole, says what is listed, and is the same when judged again', () => {
  const reasons = new Map<string, Set<string>>();
  for (let seed = 1; seed <= 3000; seed += 1) {
    const facts = generated(seed);
    const status = clusterStatus(facts);
    expect(validate(structuredClone(status))).toMatchObject({ ok: true });
    expect(status.conditions?.map(({ type }) => type)).toEqual(Object.keys(clusterConditions));
    for (const { type, reason, message } of status.conditions ?? []) {
      const listed = clusterConditions[type as ClusterConditionType].reasons;
      if (!Object.hasOwn(listed, reason)) throw new Error(`${type}: ${reason} is not listed`);
      expect(message).not.toBe('');
      reasons.set(type, (reasons.get(type) ?? new Set()).add(reason));
    }
    // The order in which caches and agents answer says nothing.
    const turned = clusterStatus({
      ...facts,
      pods: facts.pods.toReversed(),
      reports: new Map([...facts.reports].toReversed()),
    });
    expect(turned).toEqual(status);
    const ready = ['Available', 'QuorumReady', 'StorageReady'] as const;
    const { metadata, status: earlier } = facts.cluster;
    const unseen = facts.paused && earlier?.observedGeneration !== metadata.generation;
    expect(statusOf(status, 'Ready') === 'True').toBe(
      ready.every((type) => statusOf(status, type) === 'True') &&
        statusOf(status, 'Progressing') === 'False' &&
        statusOf(status, 'Degraded') === 'False' &&
        !unseen,
    );
    const again = clusterStatus({
      ...facts,
      cluster: { ...facts.cluster, status },
      nowMs: nowMs + 60_000,
    });
    // Only what remembers that the cluster has served before may differ.
    if (facts.cluster.status?.conditions !== undefined || statusOf(status, 'Available') === 'False')
      expect(again).toEqual(status);
  }
  expect([...reasons.keys()]).toEqual(Object.keys(clusterConditions));
  // The facts are rich enough to say something.
  for (const [type, found] of reasons) expect([type, found.size > 1]).toEqual([type, true]);
});
