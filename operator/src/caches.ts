import type { OllamaCluster, OllamaModel } from '@ollamamax/api';
import type { Claim, Pod, StatefulSet, StorageClass } from './cluster/objects.ts';
import type { KubeObject } from './kube/index.ts';
import type { Store } from './runtime/index.ts';

/** Names of the indexes of the caches. */
export const indexes = {
  /** Objects of a cluster: `namespace/name` of the OllamaCluster. */
  cluster: 'cluster',
} as const;

export interface Node extends KubeObject {
  readonly metadata: KubeObject['metadata'];
}

/** What the operator knows of the API server without asking. Objects are shared: nobody may change them. */
export interface Caches {
  readonly clusters: Store<OllamaCluster>;
  readonly models: Store<OllamaModel>;
  readonly statefulSets: Store<StatefulSet>;
  readonly pods: Store<Pod>;
  readonly claims: Store<Claim>;
  /** By kind: ServiceAccount, ConfigMap, Service, Ingress, NetworkPolicy, PodDisruptionBudget. */
  readonly children: ReadonlyMap<string, Store<KubeObject>>;
  /** Undefined where the operator may not read what belongs to no namespace. */
  readonly storageClasses: Store<StorageClass> | undefined;
  readonly nodes: Store<Node> | undefined;
  /** Node that a pod was last seen on, by `namespace/name`: a pod of the same name may follow it. */
  readonly lastNodes: ReadonlyMap<string, string>;
}
