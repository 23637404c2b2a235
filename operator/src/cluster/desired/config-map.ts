import { ports, type OllamaCluster } from '@ollamamax/api';
import { formatYaml } from '@ollamamax/common';
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
const nodeConfig = ({ cluster }: DesiredInput): string => {
  const { spec, metadata } = cluster;
  const names = namesOf(cluster);
  return formatYaml({
    cluster: {
      name: metadata.name,
      peersDns: `${names.headlessService}.${metadata.namespace}.svc:${ports.internal}`,
    },
    listen: {
      api: `:${ports.api}`,
      dashboard: `:${ports.dashboard}`,
      metrics: `:${ports.metrics}`,
      internal: `:${ports.internal}`,
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

export const configKey = 'node.yaml';

export const configMap = (input: DesiredInput): Child =>
  child(input.cluster, 'v1', 'ConfigMap', namesOf(input.cluster).config, {
    data: { [configKey]: nodeConfig(input) },
  });
