import { existsSync, realpathSync } from 'node:fs';
import { installIngressController, installMonitoringKinds } from './add-ons.ts';
import type { IngressController, IngressName } from './add-ons.ts';
import type { AuditedWrite } from './audit-log.ts';
import type { Subject } from './certificates.ts';
import { auditedWrites, kubeconfigFor } from './control-plane.ts';
import { clusterFolder, removeControlPlanes, thisProcess } from './folders.ts';
import { kubectl } from './kubectl.ts';
import type { KubectlOptions } from './kubectl.ts';
import { blockApiServer, setPlugged, unblockApiServer } from './network.ts';
import { NodeCluster } from './node-cluster.ts';

/** A real Kubernetes. Nodes have the numbers 1, 2, 3 and the names `node-1`, `node-2`, `node-3`. */
export interface Cluster {
  /** Path of one that may do everything. */
  readonly kubeconfig: string;
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Makes ServiceMonitor and PrometheusRule known. */
  installMonitoringKinds(): Promise<void>;
  /** Path of one for a user of that name, who may do what RBAC says. */
  kubeconfigFor(subject: Pick<Subject, 'user' | 'groups'>): Promise<string>;
  /** Every request so far that changed something or tried to, oldest first, by anybody or by one user. */
  auditedWrites(user?: string): readonly AuditedWrite[];
  /** Loads an archive as `docker save` writes it, into those nodes that run, or these. */
  loadImage(archive: string, nodes?: readonly number[]): Promise<void>;
  /** Runs a program inside a node. Returns what it printed. */
  execOnNode(node: number, command: readonly string[]): Promise<string>;
  /** Ends a node with all its pods, as a power cut does. It counts as dead after 20 seconds. */
  stopNode(node: number): Promise<void>;
  /** Starts it again, with its volumes, and waits until it is ready. */
  startNode(node: number): Promise<void>;
  /** Pulls the cable of a node, or plugs it in again: its pods go on. */
  partitionNode(node: number, partitioned: boolean): Promise<void>;
  /** Cuts every connection to the API server, and comes back. */
  restartApiServer(): Promise<void>;
  /** Drops every packet to the API server, from an address or range, or from everywhere: here as well. */
  blockApiServer(source?: string): Promise<void>;
  unblockApiServer(): Promise<void>;
  installIngress(name?: IngressName): Promise<IngressController>;
  /** Ends it, when it was started here. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster of this process, or with OLLAMAMAX_TEST_CLUSTER=existing takes the one that KUBECONFIG names.
 * Faults can be made in that one when it is that of `npm run cluster`. With `keep` it outlives this process.
 */
export async function startCluster(
  options: { readonly nodes?: number; readonly keep?: boolean } = {},
): Promise<Cluster> {
  const cluster = new NodeCluster();
  const given = process.env.KUBECONFIG ?? '';
  if (process.env.OLLAMAMAX_TEST_CLUSTER === 'existing' && given !== '') {
    const ours = existsSync(cluster.kubeconfig) && realpathSync(given) === realpathSync(cluster.kubeconfig);
    return ours ? clusterOfNodes(cluster, unblockApiServer) : foreignCluster(given);
  }
  await removeControlPlanes();
  try {
    await cluster.start({
      nodes: options.nodes ?? 3,
      owner: options.keep === true ? 'kept' : thisProcess(),
      progress: () => undefined,
    });
  } catch (error) {
    await cluster.stopUnlessTaken();
    throw error;
  }
  return clusterOfNodes(cluster, () => cluster.stop());
}

function clusterOfNodes(cluster: NodeCluster, stop: () => Promise<void>): Cluster {
  const { kubeconfig, controlPlane } = cluster;
  return {
    kubeconfig,
    kubectl: (args, options) => kubectl(kubeconfig, args, options),
    installMonitoringKinds: () => installMonitoringKinds(kubeconfig),
    kubeconfigFor: (subject) => kubeconfigFor(controlPlane, clusterFolder, subject),
    auditedWrites: (user) => auditedWrites(controlPlane.auditLogFile, user),
    loadImage: async (archive, numbers) => {
      const nodes =
        numbers?.map((number) => cluster.node(number)) ?? cluster.nodes.filter((node) => node.running);
      await Promise.all(nodes.map((node) => node.loadImage(archive)));
    },
    execOnNode: (node, command) => cluster.node(node).exec(command),
    stopNode: (node) => cluster.stopNode(node),
    startNode: (node) => cluster.startNode(node),
    partitionNode: (node, partitioned) => setPlugged(cluster.node(node).number, !partitioned),
    restartApiServer: () => controlPlane.restartApiServer(),
    blockApiServer: (source) => blockApiServer(Number(new URL(controlPlane.url).port), source),
    unblockApiServer,
    installIngress: (name = 'traefik') => installIngressController(cluster, name),
    stop,
  };
}

/** One about which no more is known than how to talk to it. */
function foreignCluster(kubeconfig: string): Cluster {
  const reason = 'is possible only in a cluster of ours, and KUBECONFIG names another';
  const unavailable = (what: string) => () => Promise.reject(new Error(`${what} ${reason}`));
  return {
    kubeconfig,
    kubectl: (args, options) => kubectl(kubeconfig, args, options),
    installMonitoringKinds: () => installMonitoringKinds(kubeconfig),
    kubeconfigFor: unavailable('Making a user'),
    auditedWrites: () => {
      throw new Error(`Reading the audit log ${reason}`);
    },
    loadImage: unavailable('Loading an image'),
    execOnNode: unavailable('Entering a node'),
    stopNode: unavailable('Stopping a node'),
    startNode: unavailable('Starting a node'),
    partitionNode: unavailable('Cutting off a node'),
    restartApiServer: unavailable('Restarting the API server'),
    blockApiServer: unavailable('Cutting off the API server'),
    unblockApiServer: unavailable('Cutting off the API server'),
    installIngress: unavailable('Installing an ingress controller'),
    stop: () => Promise.resolve(),
  };
}
