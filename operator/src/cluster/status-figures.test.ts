import { describe, expect, test } from '@jest/globals';
import type { OllamaClusterStatus } from '@ollamamax/api';
import { byName, reportOf, silent } from './agents.fixture.ts';
import { clusterOf, podOf } from './cluster.fixture.ts';
import { factsOf, podsOf, servingCluster } from './facts.fixture.ts';
import { clusterStatus, type ClusterFacts } from './status.ts';

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
