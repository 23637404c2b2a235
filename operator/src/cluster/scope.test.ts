import { describe, expect, test } from '@jest/globals';
import type { OllamaCluster, OllamaModel } from '@ollamamax/api';
import { indexes, type Caches, type Node } from '../caches.ts';
import type { KubeObject } from '../kube/index.ts';
import { modelOf } from '../model/model.fixture.ts';
import { ObjectCache } from '../runtime/object-cache.ts';
import { claimOf, clusterOf, ownerOf, podOf } from './cluster.fixture.ts';
import type { Claim, Pod, StatefulSet, StorageClass } from './objects.ts';
import { gatherScope } from './scope.ts';

const cacheOf = <T extends KubeObject>(objects: readonly T[], keysOf: (object: T) => readonly string[]) => {
  const cache = new ObjectCache<T>({ indexes: { [indexes.cluster]: keysOf } });
  for (const object of objects) cache.put(object, true);
  return cache;
};

const byLabel = ({ metadata }: KubeObject): readonly string[] => [
  `${metadata.namespace ?? ''}/${metadata.labels?.['ollamamax.io/cluster'] ?? ''}`,
];

interface World {
  readonly statefulSets?: readonly StatefulSet[];
  readonly pods?: readonly Pod[];
  readonly claims?: readonly Claim[];
  readonly models?: readonly OllamaModel[];
  readonly nodes?: readonly Node[] | undefined;
  readonly lastNodes?: ReadonlyMap<string, string>;
}

const cachesOf = (cluster: OllamaCluster, world: World): Caches => ({
  clusters: cacheOf([cluster as OllamaCluster & KubeObject], () => []),
  models: cacheOf((world.models ?? []) as readonly (OllamaModel & KubeObject)[], ({ metadata, spec }) => [
    `${metadata.namespace}/${spec.clusterRef.name}`,
  ]),
  statefulSets: cacheOf(world.statefulSets ?? [setOf(cluster)], byLabel),
  pods: cacheOf(world.pods ?? [], byLabel),
  claims: cacheOf(world.claims ?? [], byLabel),
  children: new Map(),
  storageClasses: cacheOf<StorageClass>([], () => []),
  nodes: 'nodes' in world && world.nodes === undefined ? undefined : cacheOf(world.nodes ?? [], () => []),
  lastNodes: world.lastNodes ?? new Map(),
});

const setOf = (cluster: OllamaCluster): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'demo', namespace: 'team', uid: 'uid-set', ownerReferences: ownerOf(cluster) },
});

const nodeOf = (name: string, labels: Readonly<Record<string, string>>): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
});

const cluster = clusterOf();
const scopeOf = (world: World) => gatherScope(cachesOf(cluster, world), cluster);
const names = (objects: readonly KubeObject[]): readonly string[] =>
  objects.map(({ metadata }) => metadata.name ?? '');

describe('gatherScope', () => {
  test('has the pods of the StatefulSet by ordinal, whatever the cache', () => {
    const pods = [podOf(10), podOf(2, { ready: false }), podOf(0)];
    const scope = scopeOf({ pods, claims: [claimOf(0)] });
    expect(names(scope.pods)).toEqual(['demo-0', 'demo-2', 'demo-10']);
    expect(scope.readyAgents).toEqual(new Set(['demo-0', 'demo-10']));
    expect(names(scope.claims)).toEqual(['data-demo-0']);
    expect(scope.key).toBe('team/demo');
  });

  test('does not take what belongs to somebody else', () => {
    const stranger = clusterOf({}, { uid: 'uid-other' });
    const other = scopeOf({ statefulSets: [setOf(stranger)], pods: [podOf(0)] });
    expect(other.statefulSet).toBeUndefined();
    expect(other.pods).toEqual([]);
  });

  test.each<[string, readonly StatefulSet[]]>([
    ['as long as the StatefulSet is there', [setOf(cluster)]],
    ['while it is made anew', []],
  ])('takes up pods that have no owner and the name of an agent, %s', (_when, statefulSets) => {
    const podNamed = (name: string, more: object = {}): Pod => {
      const { ownerReferences: _dropped, ...metadata } = podOf(1).metadata;
      return { ...podOf(1), metadata: { ...metadata, name, ...more } };
    };
    const job = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'demo', uid: 'uid-job' }];
    const pods = [
      podNamed('demo-1'),
      podNamed('demo-2', { ownerReferences: [] }),
      podNamed('demo-3', { ownerReferences: job }),
      podNamed('demo-04'),
      podNamed('demo-x'),
      podNamed('demo'),
      podNamed('other-5'),
    ];
    const scope = scopeOf({ statefulSets, pods });
    expect(names(scope.pods)).toEqual(['demo-1', 'demo-2']);
    expect(scope.readyAgents).toEqual(new Set(['demo-1', 'demo-2']));
  });

  test('has the models that name the cluster and stay', () => {
    const models = [
      modelOf('a'),
      modelOf('b', { clusterRef: { name: 'other' } }),
      modelOf('c', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ];
    const scope = scopeOf({ models });
    expect(scope.models.map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(scope.plans.map(({ spec }) => spec?.name)).toEqual(['a:latest']);
  });

  const selecting = [modelOf('m', { nodeSelector: { disk: 'ssd' } })];
  const nodes = [nodeOf('node-0', {}), nodeOf('node-1', { disk: 'ssd' })];
  test.each<[string, World, readonly string[] | string | undefined]>([
    ['a node that matches', { pods: [podOf(0), podOf(1)], nodes }, ['demo-1']],
    ['none does', { pods: [0, 1, 2].map((o) => podOf(o, { node: 'node-0' })), nodes }, 'NoMatchingNode'],
    ['none does yet', { pods: [podOf(0), podOf(1, { node: undefined })], nodes }, 'WaitingForCluster'],
    ['there are no agents yet', { pods: [], nodes }, 'WaitingForCluster'],
    [
      'a node that is not known yet',
      { pods: [0, 1, 2].map((o) => podOf(o)), nodes: [] },
      'WaitingForCluster',
    ],
    ['nodes may not be read', { pods: [0, 1, 2].map((o) => podOf(o)), nodes: undefined }, 'NoMatchingNode'],
    [
      'one without a pod is expected back where it was',
      { pods: [podOf(0)], nodes, lastNodes: new Map([['team/demo-1', 'node-1']]) },
      ['demo-1'],
    ],
    [
      'so is one whose pod has no node yet',
      { pods: [podOf(2, { node: undefined })], nodes, lastNodes: new Map([['team/demo-2', 'node-1']]) },
      ['demo-2'],
    ],
    [
      'not where one of the same name in another namespace was',
      { pods: [podOf(0)], nodes, lastNodes: new Map([['other/demo-1', 'node-1']]) },
      'WaitingForCluster',
    ],
    [
      'where a pod is now, not where it was',
      {
        pods: [podOf(0), podOf(1, { node: 'node-0' }), podOf(2, { node: 'node-1' })],
        nodes,
        lastNodes: new Map([
          ['team/demo-1', 'node-1'],
          ['team/demo-2', 'node-0'],
        ]),
      },
      ['demo-2'],
    ],
    [
      'one that a scale-down removes counts no more',
      {
        pods: [0, 1, 2].map((o) => podOf(o, { node: 'node-0' })).concat(podOf(3, { node: 'node-1' })),
        nodes,
      },
      'NoMatchingNode',
    ],
  ])('knows on which nodes agents run: %s', (_what, world, expected) => {
    const [plan] = scopeOf({ ...world, models: selecting }).plans;
    expect(plan?.spec?.agents ?? plan?.refusal?.reason).toEqual(expected);
  });
});
