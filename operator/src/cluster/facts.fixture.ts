import type { OllamaCluster, OllamaClusterStatus } from '@ollamamax/api';
import { clusterOf, nowMs, podOf, type ClusterFields } from './cluster.fixture.ts';
import { groupView } from './group-view.ts';
import type { StatefulSet } from './objects.ts';
import type { ClusterFacts } from './status.ts';

const statefulSet: StatefulSet = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'demo', uid: 'uid-set' },
  status: { updateRevision: 'new' },
};

/** The condition of a cluster that has served before. */
export const servedBefore = (status: 'True' | 'False' = 'True'): OllamaClusterStatus => ({
  observedGeneration: 1,
  conditions: [
    {
      type: 'Available',
      status,
      reason: status === 'True' ? 'AgentsServing' : 'NoAgentReady',
      message: '',
      observedGeneration: 1,
      lastTransitionTime: '2025-01-01T00:00:00Z',
    },
  ],
});

/** A cluster of three that is well and has served before, unless said otherwise. */
export const factsOf = (more: Partial<ClusterFacts> = {}): ClusterFacts => {
  const cluster = more.cluster ?? servingCluster();
  return {
    cluster,
    statefulSet,
    pods: Array.from({ length: cluster.spec.replicas }, (_unused, ordinal) => podOf(ordinal)),
    podProblems: [],
    reports: new Map(),
    group: groupView(cluster.status?.consensus, more.reports ?? new Map()),
    step: { kind: 'none' },
    consensus: cluster.status?.consensus,
    leaderlessMs: 0,
    scaleBlocked: undefined,
    storage: {
      condition: { status: 'True', reason: 'Bound', message: '3 volumes are bound.' },
      grow: [],
      recreate: false,
    },
    rollout: { kind: 'settled', partition: 0 },
    replicasNow: cluster.spec.replicas,
    models: { total: 0, ready: 0, failed: 0 },
    failure: undefined,
    desiredState: { revision: 2, hash: 'h' },
    image: 'registry.example/agent:1',
    paused: false,
    nowMs,
    ...more,
  };
};

export const servingCluster = (spec: object = {}, fields: ClusterFields = {}): OllamaCluster =>
  clusterOf(spec, { status: servedBefore(), ...fields });

/** Pods by letters: `R` ready, `r` not, `o` ready with an older template, `d` being deleted, `-` none. */
export const podsOf = (letters: string) =>
  letters.split('').flatMap((letter, ordinal) =>
    letter === '-'
      ? []
      : [
          podOf(ordinal, {
            ready: letter === 'R' || letter === 'o',
            revision: letter === 'o' ? 'old' : 'new',
            deleting: letter === 'd',
          }),
        ],
  );
