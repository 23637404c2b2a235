import { annotations, ports, type OllamaCluster } from '@ollamamax/api';
import { formatYaml } from '@ollamamax/common';
import type { Pod, StatefulSet } from '../objects.ts';
import { child, namesOf, type Child, type DesiredInput } from './child.ts';

/** Where things are in the pods. */
export const paths = {
  config: '/etc/ollamamax/config',
  tls: '/etc/ollamamax/tls',
  apiTls: '/etc/ollamamax/api-tls',
  auth: '/etc/ollamamax/auth',
  data: '/data',
  /** Claims of models, each in a folder of its own name. */
  claims: '/models',
} as const;

/** Keys of the Secret with what log-in needs. */
export const authKeys = { signingSecret: 'signing-secret', users: 'users.yaml' } as const;

export const servesHttps = ({ spec }: OllamaCluster): boolean =>
  spec.tls.managed || spec.tls.secretName !== undefined;

/** `node.yaml`, the same for every agent of the cluster: what differs comes from the environment. */
const nodeConfig = ({ cluster, clusterDomain }: DesiredInput): string => {
  const { spec, metadata } = cluster;
  const names = namesOf(cluster);
  return formatYaml({
    cluster: {
      name: metadata.name,
      // Whole: of any shorter name DNS would first ask the world outside.
      peersDns: `${names.headlessService}.${metadata.namespace}.svc.${clusterDomain}:${ports.internal}`,
    },
    listen: {
      api: `:${ports.api}`,
      dashboard: `:${ports.dashboard}`,
      metrics: `:${ports.metrics}`,
      internal: `:${ports.internal}`,
      raft: `:${ports.raft}`,
    },
    ...(servesHttps(cluster)
      ? { tls: { certFile: `${paths.apiTls}/tls.crt`, keyFile: `${paths.apiTls}/tls.key` } }
      : {}),
    internalTls: {
      caFile: `${paths.tls}/ca.crt`,
      certFile: `${paths.tls}/tls.crt`,
      keyFile: `${paths.tls}/tls.key`,
    },
    storage: {
      dataDir: paths.data,
      modelDir: `${paths.data}/models`,
      cacheDir: `${paths.data}/cache`,
    },
    ...(spec.auth.enabled
      ? {
          auth: {
            enabled: true,
            usersFile: `${paths.auth}/${authKeys.users}`,
            jwtSecretFile: `${paths.auth}/${authKeys.signingSecret}`,
            tokenSeconds: spec.auth.tokenLifetimeSeconds,
          },
        }
      : { http: { insecure: true } }),
    drain: { delaySeconds: spec.drain.delaySeconds, graceSeconds: spec.drain.graceSeconds },
    log: { level: spec.logging.level, format: spec.logging.format },
  });
};

/** Changes with everything that agents read only at their start. */
export const configHash = (input: DesiredInput): string =>
  input.digest(JSON.stringify([nodeConfig(input), input.certificateEpoch]));

/** Key of the file that agents with that hash read. */
export const configKey = (hash: string): string => `node-${hash}.yaml`;

const isConfigKey = (key: string): boolean => /^node-[0-9a-f]{16}\.yaml$/.test(key);

/** More earlier files than a roll leaves behind are not kept, unless pods read them. */
const maxEarlier = 20;

/**
 * Files that agents with an earlier template still read: one that starts again before its turn must not find what is
 * meant for the new template.
 * @param live as the ConfigMap is now
 */
export const earlierConfigs = (
  hash: string,
  live: Readonly<Record<string, string>>,
  statefulSet: StatefulSet | undefined,
  pods: readonly Pod[],
): Readonly<Record<string, string>> => {
  const { status, spec, metadata } = statefulSet ?? {};
  const settled =
    spec?.template?.metadata?.annotations?.[annotations.configHash] === hash &&
    status?.observedGeneration === metadata?.generation &&
    status?.currentRevision === status?.updateRevision;
  if (settled) return {};
  const read = new Set(
    pods.map(({ metadata: of }) => configKey(of.annotations?.[annotations.configHash] ?? '')),
  );
  const keys = Object.keys(live)
    .filter((key) => isConfigKey(key) && key !== configKey(hash))
    .sort((a, b) => Number(read.has(b)) - Number(read.has(a)));
  const kept = keys.filter((key, index) => read.has(key) || index < maxEarlier);
  return Object.fromEntries(kept.map((key) => [key, live[key] ?? '']));
};

export const configMap = (input: DesiredInput): Child =>
  child(input.cluster, 'v1', 'ConfigMap', namesOf(input.cluster).config, {
    data: { ...input.earlierConfigs, [configKey(configHash(input))]: nodeConfig(input) },
  });
