import { childNames, labels, type OllamaCluster } from '@ollamamax/api';
import type { KubeObject } from '../../kube/index.ts';
import { controllerReference } from '../../runtime/index.ts';

/** An object that the operator makes for a cluster: its kind decides what else it has. */
export type Child = KubeObject & Readonly<Record<string, unknown>>;

/** What every builder is given. Builders are pure: the same input gives the same object. */
export interface DesiredInput {
  readonly cluster: OllamaCluster;
  /** Image of agents when the cluster names none. */
  readonly defaultImage: string;
  readonly defaultPullPolicy: string | undefined;
  /** Namespace of the operator itself, which NetworkPolicies let in. */
  readonly operatorNamespace: string;
  /** Claims that models of the cluster are read from, sorted. */
  readonly modelClaims: readonly string[];
  /** Changes when agents need other certificates: they read them once, at their start. */
  readonly certificateEpoch: string;
  /** Of the DNS of the Kubernetes cluster. */
  readonly clusterDomain: string;
  /** Configuration files, by key, that agents with earlier templates read. */
  readonly earlierConfigs: Readonly<Record<string, string>>;
  /** Further agents that must have certificates: those a scale-down has not removed yet. */
  readonly replicas: number;
  /** A short digest of a text, the same each time. */
  readonly digest: (text: string) => string;
}

export const selectorLabels = (cluster: OllamaCluster): Readonly<Record<string, string>> => ({
  [labels.name]: 'ollamamax',
  [labels.instance]: cluster.metadata.name,
  [labels.component]: 'agent',
});

export const childLabels = (cluster: OllamaCluster): Readonly<Record<string, string>> => ({
  ...selectorLabels(cluster),
  [labels.managedBy]: 'ollamamax-operator',
  [labels.partOf]: 'ollamamax',
  [labels.cluster]: cluster.metadata.name,
});

/** Selector as text, for the scale subresource and for lists. */
export const selectorText = (cluster: OllamaCluster): string =>
  Object.entries(selectorLabels(cluster))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

/** An object of the cluster with the metadata that all of them have. */
export const child = (
  cluster: OllamaCluster,
  apiVersion: string,
  kind: string,
  name: string,
  rest: Readonly<Record<string, unknown>>,
  metadata: {
    readonly annotations?: Readonly<Record<string, string>> | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
  } = {},
): Child => ({
  apiVersion,
  kind,
  metadata: {
    name,
    namespace: cluster.metadata.namespace,
    labels: { ...metadata.labels, ...childLabels(cluster) },
    ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    ownerReferences: [controllerReference(cluster)],
  },
  ...rest,
});

export const namesOf = (cluster: OllamaCluster) => childNames(cluster.metadata.name);
