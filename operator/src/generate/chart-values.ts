/*
 * Every value of the Helm chart, once: its values.yaml, the schema that Helm checks values with and the table in its
 * README are made from this.
 */

type Type = 'boolean' | 'integer' | 'string' | 'object' | 'array';

interface Described {
  /** A sentence for the person who sets it. */
  readonly description: string;
}

/** One value, in JSON Schema that Helm of any age understands (draft 7). */
export interface ChartValue extends Described {
  readonly type: Type | readonly Type[];
  readonly default: unknown;
  readonly [keyword: string]: unknown;
}

/** Values below one key. */
export interface ChartSection extends Described {
  readonly values: Readonly<Record<string, ChartValue | ChartSection>>;
}

export const isSection = (node: ChartValue | ChartSection): node is ChartSection => 'values' in node;

const text = (
  description: string,
  value = '',
  rules: Readonly<Record<string, unknown>> = {},
): ChartValue => ({
  type: 'string',
  description,
  default: value,
  ...rules,
});

const oneOf = (description: string, choices: readonly [string, ...string[]]): ChartValue =>
  text(description, choices[0], { enum: choices });

const flag = (description: string, value: boolean): ChartValue => ({
  type: 'boolean',
  description,
  default: value,
});

const whole = (
  description: string,
  value: number,
  [minimum, maximum]: readonly [number, number],
): ChartValue => ({
  type: 'integer',
  description,
  default: value,
  minimum,
  maximum,
});

const texts = (description: string): ChartValue => ({
  type: 'object',
  description,
  default: {},
  additionalProperties: { type: 'string' },
});

/** A part of an object that Kubernetes itself defines and checks. */
const passedOn = (description: string, value: Readonly<Record<string, unknown>> = {}): ChartValue => ({
  type: 'object',
  description,
  default: value,
});

const listPassedOn = (description: string): ChartValue => ({
  type: 'array',
  description,
  default: [],
  items: { type: 'object' },
});

const amounts = {
  type: 'object',
  additionalProperties: { type: ['string', 'number'] },
};

const image = (whose: string, repository: string, pullPolicy: string): ChartSection => ({
  description: `Image of ${whose}.`,
  values: {
    repository: text('Where it lies, with the registry.', repository, {
      minLength: 1,
      pattern: '^[^\\s@]+$',
    }),
    tag: text('Its tag. Empty: the appVersion of the chart.', '', { pattern: '^[A-Za-z0-9_.-]*$' }),
    digest: text('Its digest (`sha256:…`), which wins over the tag.', '', {
      pattern: '^(sha256:[0-9a-f]{64})?$',
    }),
    pullPolicy: oneOf(pullPolicy, ['IfNotPresent', 'Always', 'Never']),
  },
});

const objectName = { maxLength: 63, pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$' };

export const chartValues: Readonly<Record<string, ChartValue | ChartSection>> = {
  nameOverride: text(
    'Value of the label app.kubernetes.io/name. Empty: the name of the chart.',
    '',
    objectName,
  ),
  fullnameOverride: text(
    'Beginning of the name of everything that is made. Empty: made of the names of release and chart.',
    '',
    objectName,
  ),
  replicas: whole(
    'Number of operators. One is enough: agents serve without it, and a second one only waits until the first has not renewed its lease for seconds.',
    1,
    [0, 5],
  ),
  image: image('the operator', 'ollamamax-operator', 'When nodes fetch it.'),
  agentImage: image(
    'the agents, unless an OllamaCluster names one itself (spec.image)',
    'ollamamax-agent',
    'When nodes fetch it, unless an OllamaCluster says so itself (spec.imagePullPolicy).',
  ),
  imagePullSecrets: listPassedOn(
    "Secrets with credentials for the operator's image, as `- name: …`. Those of agents are in spec.imagePullSecrets of the OllamaCluster.",
  ),
  watch: {
    description: 'Where the operator looks after OllamaClusters and OllamaModels.',
    values: {
      namespaces: {
        type: 'array',
        description:
          'Namespaces. Empty: all of them, with rights in the whole cluster. Otherwise it has rights in these only; they must exist.',
        default: [],
        uniqueItems: true,
        items: { type: 'string', minLength: 1, ...objectName },
      },
    },
  },
  leaderElection: {
    description: 'The lease in the namespace of the operator that one of several holds while it acts.',
    values: {
      enabled: flag(
        'Whether there is one. Needed even for one replica: at an upgrade the old one and the new one run side by side for a moment. Without it the old one is stopped first.',
        true,
      ),
    },
  },
  concurrency: whole('Objects that are worked on at a time.', 8, [1, 64]),
  clusterDomain: text('DNS domain of the Kubernetes cluster.', 'cluster.local', {
    minLength: 1,
    maxLength: 253,
    pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
  }),
  log: {
    description: 'Logs of the operator.',
    values: {
      level: oneOf('What is logged.', ['info', 'error', 'warn', 'debug']),
      format: oneOf('How it is written.', ['json', 'text']),
    },
  },
  crds: {
    description: 'Definitions of the kinds OllamaCluster and OllamaModel. They belong to the whole cluster.',
    values: {
      enabled: flag('Install and upgrade them. Not for a second release in the same cluster.', true),
      keep: flag(
        'Leave them when the release is uninstalled. Without it uninstalling deletes every OllamaCluster and OllamaModel.',
        true,
      ),
    },
  },
  rbac: {
    description: 'What the operator, and people, may do.',
    values: {
      create: flag("Make the operator's roles and bindings. Without it somebody else has to.", true),
      clusterReads: flag(
        'Let the operator read nodes and StorageClasses although it has rights in some namespaces only. Without it models cannot select nodes, and a StorageClass that does not exist is told late. Has no meaning where it looks after all namespaces: then it may.',
        false,
      ),
      userRoles: flag(
        "Add OllamaClusters and OllamaModels to Kubernetes' own roles view, edit and admin, so that whoever has one of those in a namespace may use them there.",
        true,
      ),
    },
  },
  serviceAccount: {
    description: 'ServiceAccount of the operator.',
    values: {
      create: flag('Whether to make it.', true),
      name: text('Its name. Empty: made of the name of the release, or `default` when it is not made.', '', {
        maxLength: 253,
        pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$',
      }),
      annotations: texts('Its annotations.'),
    },
  },
  resources: {
    type: 'object',
    description:
      'CPU and memory of the operator. No limit on CPU: it is idle most of the time, and a limit would slow down its start.',
    default: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '384Mi' } },
    properties: { requests: amounts, limits: amounts, claims: { type: 'array' } },
    additionalProperties: false,
  },
  pod: {
    description: "Additions to the operator's pods.",
    values: {
      labels: texts('Labels.'),
      annotations: texts('Annotations.'),
      env: listPassedOn('Environment variables, for example for a proxy before the API server (EnvVar).'),
      securityContext: passedOn(
        'Security context of the pod: what the Pod Security level "restricted" demands.',
        {
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          fsGroup: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      ),
      containerSecurityContext: passedOn('Security context of the container, likewise.', {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      }),
      terminationGracePeriodSeconds: whole(
        'Seconds that a stopping operator has to finish what it writes and to give the lease back.',
        30,
        [1, 600],
      ),
    },
  },
  scheduling: {
    description: 'Which nodes the operator runs on.',
    values: {
      nodeSelector: texts('Labels that a node must have.'),
      tolerations: listPassedOn('Further taints of nodes that it tolerates.'),
      affinity: passedOn('Affinity.'),
      topologySpreadConstraints: listPassedOn(
        'How several spread. Empty: over zones and nodes as well as it goes.',
      ),
      priorityClassName: text('PriorityClass.', '', { maxLength: 253 }),
    },
  },
  metrics: {
    description:
      'Metrics of the operator, on port 8080. Those of agents are in spec.monitoring of the OllamaCluster.',
    values: {
      service: {
        description: 'Service before the metrics port.',
        values: {
          enabled: flag('Whether there is one.', true),
          annotations: texts('Its annotations.'),
        },
      },
      serviceMonitor: {
        description: 'ServiceMonitor for the Prometheus operator. Needs the Service.',
        values: {
          enabled: flag('Make one, when the cluster knows that kind.', true),
          interval: text('How often Prometheus scrapes.', '30s', { pattern: '^[0-9]+(ms|s|m)$' }),
          labels: texts('Its labels, for a Prometheus that selects by label.'),
        },
      },
    },
  },
  podDisruptionBudget: {
    description: 'PodDisruptionBudget of the operator: one pod at a time may be evicted.',
    values: { enabled: flag('Whether there is one. Has a use with two replicas or more.', false) },
  },
  networkPolicy: {
    description:
      'NetworkPolicy of the operator: in to its metrics and probes, out to DNS, the API server and the agents. Nothing else.',
    values: {
      enabled: flag('Whether there is one.', false),
      metricsFrom: listPassedOn('NetworkPolicyPeers that may reach port 8080. Empty: everybody.'),
      apiServerPorts: {
        type: 'array',
        description:
          'Ports on which API servers listen: a policy cannot name them, so these are open to any address.',
        default: [443, 6443],
        minItems: 1,
        items: { type: 'integer', minimum: 1, maximum: 65535 },
      },
    },
  },
};

/** What Helm or a chart around this one adds to the values: allowed, and not in values.yaml. */
export const foreignValues = {
  global: { type: 'object', description: 'Values that a chart around this one shares; not used.' },
  enabled: { type: 'boolean', description: 'Condition of a chart around this one; not used.' },
};
