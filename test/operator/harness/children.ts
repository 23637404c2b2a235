import type { KubeObject, Kind } from './objects.ts';
import type { Plane } from './plane.ts';

/** Kinds of which the operator may make objects in any Kubernetes, and those of Prometheus. */
export const childKinds = [
  'ConfigMap',
  'Ingress',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'Secret',
  'Service',
  'ServiceAccount',
  'StatefulSet',
] as const satisfies readonly Kind[];
export const monitoringKinds = ['PrometheusRule', 'ServiceMonitor'] as const satisfies readonly Kind[];

/** What Kubernetes itself puts into every namespace. */
const everywhere: ReadonlySet<string> = new Set(['ConfigMap kube-root-ca.crt', 'ServiceAccount default']);

export const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;

/** Everything of these kinds in a namespace, by kind and name. */
export const childrenOf = async (
  { objects }: Plane,
  namespace: string,
  kinds: readonly Kind[] = childKinds,
): Promise<readonly KubeObject[]> => {
  const lists = await Promise.all(kinds.map((kind) => objects.list(kind, namespace)));
  return lists
    .flat()
    .filter((object) => !everywhere.has(nameOf(object)))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
};

/** Children of every cluster, whatever its spec. */
export const childrenOfEvery = (name: string): readonly string[] => [
  `ConfigMap ${name}-config`,
  `Secret ${name}-agent-tls`,
  `Secret ${name}-ca`,
  `Secret ${name}-operator-tls`,
  `Service ${name}`,
  `Service ${name}-agents`,
  `ServiceAccount ${name}-agent`,
  `StatefulSet ${name}`,
];

/** Children of a cluster of three without any wish. */
export const childrenOfPlain = (name: string): readonly string[] =>
  [
    ...childrenOfEvery(name),
    `NetworkPolicy ${name}`,
    `PodDisruptionBudget ${name}`,
    `Secret ${name}-admin`,
    `Secret ${name}-auth`,
  ].sort();
