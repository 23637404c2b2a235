import { fileURLToPath } from 'node:url';
import { nodeAddress } from './addresses.ts';
import { ingressImage } from './images.ts';
import { kubectl } from './kubectl.ts';
import type { NodeCluster } from './node-cluster.ts';
import { until } from './until.ts';

const manifest = (name: string): string => fileURLToPath(new URL(`manifests/${name}`, import.meta.url));

/** An ingress controller, and where it answers: by HTTP, and by HTTPS with whatever certificates Ingresses name. */
export interface IngressController {
  /** For `ingressClassName`. */
  readonly className: string;
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** As the manifests of the controllers say. */
const ports = {
  traefik: { httpPort: 30081, httpsPort: 30443 },
  skipper: { httpPort: 30082, httpsPort: 30444 },
} as const;

export type IngressName = keyof typeof ports;

/** Runs an ingress controller on node 1, where all nodes' ports of its service lead. */
export async function installIngressController(
  cluster: NodeCluster,
  name: IngressName,
): Promise<IngressController> {
  await cluster.node(1).loadImage(await ingressImage(name));
  await kubectl(cluster.kubeconfig, ['apply', '-f', manifest(`${name}.yaml`)]);
  await kubectl(cluster.kubeconfig, ['-n', name, 'rollout', 'status', `deploy/${name}`, '--timeout=90s'], {
    timeoutMs: 100_000,
  });
  const address = nodeAddress(1);
  // Ready is not yet reachable: the node's proxy hears of it a moment later.
  await until('the ingress controller answers', () =>
    fetch(`http://${address}:${ports[name].httpPort}/`, { signal: AbortSignal.timeout(2000) }),
  );
  return { className: name, address, ...ports[name] };
}

/** Makes the kinds ServiceMonitor and PrometheusRule known, as prometheus-operator publishes them. */
export async function installMonitoringKinds(kubeconfig: string): Promise<void> {
  const folder = ['-f', manifest('monitoring')];
  await kubectl(kubeconfig, ['apply', '--server-side', ...folder]);
  // Right after its creation a definition has no conditions, and kubectl takes that for an error.
  await until('the kinds are established', () =>
    kubectl(kubeconfig, ['wait', '--for=condition=Established', '--timeout=30s', ...folder]),
  );
}
