import { ports } from '@ollamamax/api';
import { child, namesOf, selectorLabels, type Child, type DesiredInput } from './child.ts';
import { servesHttps } from './config-map.ts';

const port = (name: keyof typeof ports) => ({
  name: name.toLowerCase(),
  port: ports[name],
  targetPort: name.toLowerCase(),
  protocol: 'TCP',
});

/** By which agents find each other, also before they are ready. */
export const headlessService = ({ cluster }: DesiredInput): Child =>
  child(cluster, 'v1', 'Service', namesOf(cluster).headlessService, {
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(cluster),
      ports: [port('internal'), port('raft'), port('metrics')],
    },
  });

/** What clients use: ready agents only. */
export const clientService = ({ cluster }: DesiredInput): Child =>
  child(
    cluster,
    'v1',
    'Service',
    namesOf(cluster).service,
    {
      spec: {
        type: cluster.spec.service.type,
        selector: selectorLabels(cluster),
        ports: [port('api'), port('dashboard')],
      },
    },
    {
      annotations: {
        ...(servesHttps(cluster) ? { 'traefik.ingress.kubernetes.io/service.serversscheme': 'https' } : {}),
        ...cluster.spec.service.annotations,
      },
    },
  );

/**
 * Annotations under which common controllers pass a stream on as it comes and do not cut a long answer:
 * ingress-nginx and HAProxy; Traefik does neither buffer nor limit by itself.
 */
const streaming = (https: boolean): Readonly<Record<string, string>> => ({
  'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
  'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
  'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
  'nginx.ingress.kubernetes.io/proxy-send-timeout': '3600',
  'nginx.ingress.kubernetes.io/proxy-body-size': '0',
  ...(https ? { 'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS' } : {}),
  'haproxy.org/timeout-server': '3600s',
  'haproxy.org/timeout-client': '3600s',
  ...(https ? { 'haproxy.org/server-ssl': 'true' } : {}),
});

export const ingress = ({ cluster }: DesiredInput): Child | undefined => {
  const { enabled, host, className, tlsSecretName, annotations } = cluster.spec.ingress;
  if (!enabled || host === undefined) return undefined;
  const names = namesOf(cluster);
  const backend = { service: { name: names.service, port: { name: 'api' } } };
  return child(
    cluster,
    'networking.k8s.io/v1',
    'Ingress',
    names.ingress,
    {
      spec: {
        ...(className === undefined ? {} : { ingressClassName: className }),
        ...(tlsSecretName === undefined ? {} : { tls: [{ hosts: [host], secretName: tlsSecretName }] }),
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      },
    },
    { annotations: { ...streaming(servesHttps(cluster)), ...annotations } },
  );
};

/** Only where losing one agent leaves a majority; a budget for fewer would block drains of nodes for ever. */
export const disruptionBudget = ({ cluster }: DesiredInput): Child | undefined => {
  const { replicas } = cluster.spec;
  if (replicas < 2) return undefined;
  return child(cluster, 'policy/v1', 'PodDisruptionBudget', namesOf(cluster).disruptionBudget, {
    spec: {
      ...(replicas === 2 ? { maxUnavailable: 1 } : { minAvailable: Math.floor(replicas / 2) + 1 }),
      selector: { matchLabels: selectorLabels(cluster) },
      // Pods that are not ready anyway may always be moved: else a broken one blocks the drain of its node.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
};

export const networkPolicy = (input: DesiredInput): Child | undefined => {
  const { cluster, operatorNamespace } = input;
  const { enabled, clients, monitoring } = cluster.spec.networkPolicy;
  if (!enabled) return undefined;
  const tcp = (...names: readonly (keyof typeof ports)[]) =>
    names.map((name) => ({ protocol: 'TCP', port: ports[name] }));
  const agents = { podSelector: { matchLabels: selectorLabels(cluster) } };
  const operator = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } },
    podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } },
  };
  // An empty list of peers would be read as everybody: nobody is meant, so there is no rule.
  const open = (to: readonly (keyof typeof ports)[], peers: readonly unknown[] | undefined) =>
    peers?.length === 0 ? [] : [{ ports: tcp(...to), ...(peers === undefined ? {} : { from: peers }) }];
  return child(cluster, 'networking.k8s.io/v1', 'NetworkPolicy', namesOf(cluster).networkPolicy, {
    spec: {
      podSelector: { matchLabels: selectorLabels(cluster) },
      policyTypes: ['Ingress'],
      ingress: [
        ...open(['api', 'dashboard'], clients),
        ...open(['metrics'], monitoring),
        { ports: tcp('internal'), from: [agents, operator] },
        { ports: tcp('raft'), from: [agents] },
      ],
    },
  });
};
