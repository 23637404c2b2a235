import { annotations, ports } from '@ollamamax/api';
import { childLabels, namesOf, selectorLabels, type DesiredInput } from './child.ts';
import { configHash, configKey, paths, servesHttps } from './config-map.ts';

/** Name of the container; people need it for `kubectl logs -c`. */
const containerName = 'agent';
export const dataVolume = 'data';
/** As agents look for it in their folder. */
const configFile = 'node.yaml';

/** Longest time between the end of the grace time and the end of the process. */
const exitSlackSeconds = 20;
const userId = 65532;

const gpuResources = { nvidia: 'nvidia.com/gpu', amd: 'amd.com/gpu', intel: 'gpu.intel.com/i915' } as const;

export const imageOf = ({ cluster, defaultImage }: DesiredInput): string =>
  cluster.spec.image ?? defaultImage;

const resourcesOf = ({ cluster: { spec } }: DesiredInput): object => {
  if (spec.gpu === undefined) return spec.resources;
  const { vendor, resourceName = gpuResources[vendor], count } = spec.gpu;
  // Extended resources cannot be overcommitted: request and limit must be equal.
  return {
    requests: { ...spec.resources.requests, [resourceName]: String(count) },
    limits: { ...spec.resources.limits, [resourceName]: String(count) },
  };
};

const environment = (input: DesiredInput): object[] => {
  const { cluster, clusterDomain } = input;
  const { namespace } = cluster.metadata;
  const scheme = servesHttps(cluster) ? 'https' : 'http';
  const host = `$(NODE_ID).${namesOf(cluster).headlessService}.${namespace}.svc`;
  return [
    { name: 'NODE_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    { name: 'ADVERTISE_API', value: `${scheme}://${host}:${ports.api}` },
    // Whole: it is looked up again with every connection, and stays while pods come and go.
    { name: 'ADVERTISE_RAFT', value: `${host}.${clusterDomain}:${ports.raft}` },
    ...(cluster.spec.pod.env ?? []),
  ];
};

const probe = (path: string, times: object): object => ({
  httpGet: { path, port: 'metrics', scheme: 'HTTP' },
  ...times,
});

const mounts = ({ cluster, modelClaims, digest }: DesiredInput): object[] => [
  { name: dataVolume, mountPath: paths.data },
  { name: 'tmp', mountPath: '/tmp' },
  { name: 'config', mountPath: paths.config, readOnly: true },
  // Each agent sees its own key and no other: hence single files, which change only with a new pod.
  { name: 'tls', mountPath: `${paths.tls}/ca.crt`, subPath: 'ca.crt', readOnly: true },
  { name: 'tls', mountPath: `${paths.tls}/tls.crt`, subPathExpr: '$(NODE_ID).crt', readOnly: true },
  { name: 'tls', mountPath: `${paths.tls}/tls.key`, subPathExpr: '$(NODE_ID).key', readOnly: true },
  ...(servesHttps(cluster) ? [{ name: 'api-tls', mountPath: paths.apiTls, readOnly: true }] : []),
  ...(cluster.spec.auth.enabled ? [{ name: 'auth', mountPath: paths.auth, readOnly: true }] : []),
  ...modelClaims.map((claim) => ({
    name: claimVolume(claim, digest),
    mountPath: `${paths.claims}/${claim}`,
    readOnly: true,
  })),
  ...(cluster.spec.pod.volumeMounts ?? []),
];

/** Volume names are shorter than names of claims may be. */
const claimVolume = (claim: string, digest: DesiredInput['digest']): string => `model-${digest(claim)}`;

const volumes = (input: DesiredInput): object[] => {
  const { cluster, modelClaims, digest } = input;
  const { spec } = cluster;
  const names = namesOf(cluster);
  return [
    ...(spec.storage.ephemeral ? [{ name: dataVolume, emptyDir: { sizeLimit: spec.storage.size } }] : []),
    { name: 'tmp', emptyDir: {} },
    {
      name: 'config',
      configMap: {
        name: names.config,
        items: [{ key: configKey(configHash(input)), path: configFile }],
      },
    },
    { name: 'tls', secret: { secretName: names.agentCertificates, defaultMode: 0o440 } },
    ...(servesHttps(cluster)
      ? [
          {
            name: 'api-tls',
            secret: { secretName: spec.tls.secretName ?? names.apiCertificate, defaultMode: 0o440 },
          },
        ]
      : []),
    ...(spec.auth.enabled ? [{ name: 'auth', secret: { secretName: names.auth, defaultMode: 0o440 } }] : []),
    ...modelClaims.map((claim) => ({
      name: claimVolume(claim, digest),
      persistentVolumeClaim: { claimName: claim, readOnly: true },
    })),
    ...(spec.pod.volumes ?? []),
  ];
};

/**
 * Over nodes. Not over zones in the same list: where nodes have no zone, the scheduler would leave the whole list out of
 * account.
 */
const softSpread = (input: DesiredInput): object[] => [
  {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorLabels(input.cluster) },
  },
];

/** Over zones, where there are any. */
const zoneSpread = (input: DesiredInput): object => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 50,
        podAffinityTerm: {
          topologyKey: 'topology.kubernetes.io/zone',
          labelSelector: { matchLabels: selectorLabels(input.cluster) },
        },
      },
    ],
  },
});

const defined = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Template of the agents' pods. It meets the restricted level of Pod Security. */
export const podTemplate = (input: DesiredInput): Readonly<Record<string, unknown>> => {
  const { cluster } = input;
  const { spec } = cluster;
  const { scheduling } = spec;
  return {
    metadata: {
      labels: { ...spec.pod.labels, ...childLabels(cluster) },
      annotations: {
        ...spec.pod.annotations,
        [annotations.configHash]: configHash(input),
        ...defined({ [annotations.restart]: cluster.metadata.annotations?.[annotations.restart] }),
      },
    },
    spec: {
      serviceAccountName: namesOf(cluster).serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: spec.drain.delaySeconds + spec.drain.graceSeconds + exitSlackSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: userId,
        runAsGroup: userId,
        fsGroup: userId,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...defined({
        imagePullSecrets: spec.imagePullSecrets,
        nodeSelector: scheduling.nodeSelector,
        tolerations: scheduling.tolerations,
        affinity: scheduling.affinity ?? zoneSpread(input),
        priorityClassName: scheduling.priorityClassName,
      }),
      topologySpreadConstraints: scheduling.topologySpreadConstraints ?? softSpread(input),
      containers: [
        {
          name: containerName,
          image: imageOf(input),
          ...defined({ imagePullPolicy: spec.imagePullPolicy ?? input.defaultPullPolicy }),
          args: ['--config', `${paths.config}/${configFile}`],
          env: environment(input),
          ports: [
            { name: 'api', containerPort: ports.api, protocol: 'TCP' },
            { name: 'dashboard', containerPort: ports.dashboard, protocol: 'TCP' },
            { name: 'metrics', containerPort: ports.metrics, protocol: 'TCP' },
            { name: 'internal', containerPort: ports.internal, protocol: 'TCP' },
            { name: 'raft', containerPort: ports.raft, protocol: 'TCP' },
          ],
          resources: resourcesOf(input),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          startupProbe: probe('/startupz', { periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 90 }),
          // Neither peers nor models may restart an agent: it says only that the process answers.
          livenessProbe: probe('/livez', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
          readinessProbe: probe('/readyz', { periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 2 }),
          volumeMounts: mounts(input),
        },
      ],
      volumes: volumes(input),
    },
  };
};
