/** Names that the operator gives to what it makes, and labels and annotations that people may use. */

export const apiGroup = 'ollamamax.io';
export const apiVersion = `${apiGroup}/v1alpha1`;

export const labels = {
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  managedBy: 'app.kubernetes.io/managed-by',
  version: 'app.kubernetes.io/version',
  /** Name of the OllamaCluster that an object belongs to. */
  cluster: `${apiGroup}/cluster`,
} as const;

export const annotations = {
  /** `"true"`: the operator leaves the object alone. */
  paused: `${apiGroup}/paused`,
  /** Any new value restarts the agents one by one. */
  restart: `${apiGroup}/restarted-at`,
  /** On pods: hash of the configuration that they were started with. */
  configHash: `${apiGroup}/config-hash`,
  /** `"true"`: delete an OllamaModel or OllamaCluster without asking the agents. */
  skipFinalizer: `${apiGroup}/skip-finalizer`,
} as const;

export const finalizer = `${apiGroup}/finalizer`;

/** Field managers of server-side apply, one per writer. */
export const fieldManagers = {
  cluster: 'ollamamax-operator',
  clusterStatus: 'ollamamax-operator-status',
  modelStatus: 'ollamamax-operator-model-status',
  finalizer: 'ollamamax-operator-finalizer',
} as const;

/** Longest name of an OllamaCluster: the longest suffix and an ordinal still fit into a label value. */
export const maxClusterNameLength = 40;

/** Children of an OllamaCluster, by its name. */
export const childNames = (cluster: string) => ({
  statefulSet: cluster,
  serviceAccount: `${cluster}-agent`,
  config: `${cluster}-config`,
  authority: `${cluster}-ca`,
  agentCertificates: `${cluster}-agent-tls`,
  operatorIdentity: `${cluster}-operator-tls`,
  apiCertificate: `${cluster}-api-tls`,
  auth: `${cluster}-auth`,
  admin: `${cluster}-admin`,
  headlessService: `${cluster}-agents`,
  service: cluster,
  ingress: cluster,
  disruptionBudget: cluster,
  networkPolicy: cluster,
  serviceMonitor: cluster,
  prometheusRule: cluster,
});

/** Name of the agent with an ordinal. */
export const agentName = (cluster: string, ordinal: number): string => `${cluster}-${ordinal}`;
