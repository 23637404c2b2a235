import { agentName, type OllamaCluster, type OllamaModel } from '@ollamamax/api';
import { planModels, type ModelPlan } from '../agents/desired-state.ts';
import { indexes, type Caches } from '../caches.ts';
import { ownedBy } from '../runtime/index.ts';
import { namesOf } from './desired/child.ts';
import { byOrdinal, isReady, ordinalOf, type Claim, type Pod, type StatefulSet } from './objects.ts';

/** What the caches know of a cluster. */
export interface Scope {
  readonly cluster: OllamaCluster;
  /** `namespace/name`. */
  readonly key: string;
  readonly statefulSet: StatefulSet | undefined;
  /** By ordinal: caches give them in any order, and what is said of them must not change with it. */
  readonly pods: readonly Pod[];
  readonly claims: readonly Claim[];
  /** Models that name the cluster and are not being deleted. */
  readonly models: readonly OllamaModel[];
  readonly plans: readonly ModelPlan[];
  /** Names of pods that are ready. */
  readonly readyAgents: ReadonlySet<string>;
}

/** Of the StatefulSet, or left by one that is being made anew: the next one takes it up. */
const isAgent = (pod: Pod, cluster: OllamaCluster, statefulSet: StatefulSet | undefined): boolean => {
  if (statefulSet?.metadata.uid !== undefined && ownedBy(pod, statefulSet.metadata.uid)) return true;
  const { name, ownerReferences } = pod.metadata;
  const ordinal = ordinalOf(pod);
  return (
    (ownerReferences ?? []).length === 0 &&
    ordinal !== undefined &&
    name === agentName(cluster.metadata.name, ordinal)
  );
};

export const gatherScope = (caches: Caches, cluster: OllamaCluster): Scope => {
  const { uid, namespace, name } = cluster.metadata;
  const key = `${namespace}/${name}`;
  const found = caches.statefulSets.get(`${namespace}/${namesOf(cluster).statefulSet}`);
  const statefulSet = found !== undefined && ownedBy(found, uid) ? found : undefined;
  const pods = caches.pods
    .byIndex(indexes.cluster, key)
    .filter((pod) => isAgent(pod, cluster, statefulSet))
    .sort(byOrdinal);
  const models = caches.models
    .byIndex(indexes.cluster, key)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const { nodes } = caches;
  const nodeLabelsOf = (nodeName: string | undefined) => {
    if (nodeName === undefined) return undefined;
    // Where nodes may not be read, nothing will ever be known of their labels.
    return nodes === undefined ? {} : nodes.get(nodeName)?.metadata.labels;
  };
  const nodeOf = new Map(pods.map(({ metadata, spec: of }) => [metadata.name, of?.nodeName]));
  // One that is between two pods is expected back where it was: its models must not move for that.
  const places = Array.from({ length: cluster.spec.replicas }, (_unused, ordinal) => {
    const agent = agentName(name, ordinal);
    const node = nodeOf.get(agent) ?? caches.lastNodes.get(`${namespace}/${agent}`);
    return { name: agent, nodeLabels: nodeLabelsOf(node) };
  });
  return {
    cluster,
    key,
    statefulSet,
    pods,
    claims: caches.claims.byIndex(indexes.cluster, key),
    models,
    plans: planModels(cluster, models, places),
    readyAgents: new Set(pods.filter(isReady).map((pod) => pod.metadata.name ?? '')),
  };
};
