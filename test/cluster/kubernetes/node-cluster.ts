import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache, missingForNodes } from '../../../scripts/kubernetes-programs.mjs';
import { withLock } from '../../../scripts/step.mjs';
import { addresses } from './addresses.ts';
import { ApiClient } from './api-client.ts';
import { removeCgroups } from './cgroups.ts';
import { ClusterNode } from './cluster-node.ts';
import { ControlPlaneDaemons } from './control-plane-daemons.ts';
import { clusterFolder, isAbandoned, readOwner, removeFolder, thisProcess, writeOwner } from './folders.ts';
import type { Owner } from './folders.ts';
import { baseImages } from './images.ts';
import { kubectl } from './kubectl.ts';
import { createBridge, removeNetwork, routeToServices } from './network.ts';

export type Progress = (line: string) => void;

const provisioner = 'volume-provisioner';
const manifest = (name: string): string => fileURLToPath(new URL(`manifests/${name}`, import.meta.url));

/** The cluster with nodes on this machine, whoever has started it. */
export class NodeCluster {
  readonly controlPlane = new ControlPlaneDaemons({
    folder: clusterFolder,
    address: addresses.controlPlane,
    nodeGraceSeconds: 20,
    endpoints: true,
  });
  readonly #completed = join(clusterFolder, 'completed');

  get kubeconfig(): string {
    return this.controlPlane.kubeconfig;
  }

  /** Whether it came up as a whole and its control plane still runs. */
  get up(): boolean {
    const names = this.controlPlane.daemons.names();
    const needed = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', provisioner];
    return existsSync(this.#completed) && needed.every((name) => names.includes(name));
  }

  /** All nodes that it has, running or stopped. */
  get nodes(): readonly ClusterNode[] {
    if (!existsSync(clusterFolder)) return [];
    return readdirSync(clusterFolder)
      .flatMap((name) => /^node-(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
      .map((number) => this.#node(number));
  }

  /** A node that it has. */
  node(number: number): ClusterNode {
    const found = this.nodes.find((node) => node.number === number);
    if (found === undefined) throw new Error(`no node ${number}: there are ${this.nodes.length}`);
    return found;
  }

  /**
   * Starts what is missing of a cluster with so many nodes. What somebody left half done is removed first.
   * @throws when another process uses a cluster
   */
  async start(options: { nodes: number; owner: Owner; progress: Progress }): Promise<void> {
    const missing = missingForNodes();
    if (missing !== undefined) throw new Error(missing);
    await withLock(join(cache, 'cluster.lock'), async () => {
      this.#refuseIfTaken(options.owner);
      // Only one to be kept is taken over; a test begins with a new one.
      if (!(this.up && options.owner === 'kept' && readOwner(clusterFolder) === 'kept')) {
        await this.#remove();
        writeOwner(clusterFolder, options.owner);
        await this.#startControlPlane(options.progress);
      }
      await this.#startNodes(options.nodes, options.progress);
      writeFileSync(this.#completed, '');
    });
  }

  /** Ends it, whoever has started it and however far, and removes every trace. */
  async stop(): Promise<void> {
    await withLock(join(cache, 'cluster.lock'), () => this.#remove());
  }

  /** The same, unless it is another's: it is kept, or in use by a process that lives. */
  async stopUnlessTaken(): Promise<void> {
    await withLock(join(cache, 'cluster.lock'), async () => {
      const owner = readOwner(clusterFolder);
      const mine = owner !== undefined && owner !== 'kept' && owner.pid === thisProcess().pid;
      if (existsSync(clusterFolder) && (mine || isAbandoned(clusterFolder))) await this.#remove();
    });
  }

  /** Starts a node again that was stopped. */
  async startNode(number: number): Promise<void> {
    const client = new ApiClient(this.kubeconfig);
    try {
      const node = this.node(number);
      await node.start(client);
      await this.#connectAll(client);
    } finally {
      client.close();
    }
  }

  async stopNode(number: number): Promise<void> {
    await this.node(number).stop();
    await this.#routeToServices();
  }

  #node(number: number): ClusterNode {
    return new ClusterNode(number, clusterFolder, this.controlPlane);
  }

  #refuseIfTaken(owner: Owner): void {
    if (!existsSync(clusterFolder) || isAbandoned(clusterFolder)) return;
    const other = readOwner(clusterFolder);
    if (other === undefined) return;
    if (other === 'kept') {
      if (owner === 'kept' || !this.up) return;
      throw new Error(
        'a cluster is up that is to be kept: end it with `npm run cluster -- down`, or let the tests use it with ' +
          `OLLAMAMAX_TEST_CLUSTER=existing KUBECONFIG=${this.kubeconfig}`,
      );
    }
    if (other.pid !== thisProcess().pid) throw new Error(`process ${other.pid} uses the cluster`);
  }

  async #startControlPlane(progress: Progress): Promise<void> {
    progress('Images');
    await baseImages();
    progress('Control plane');
    await createBridge();
    await this.controlPlane.start();
    this.controlPlane.daemons.start(provisioner, [
      process.execPath,
      fileURLToPath(new URL('volume-provisioner/main.ts', import.meta.url)),
      this.kubeconfig,
      clusterFolder,
    ]);
    await kubectl(this.kubeconfig, [
      'apply',
      ...['-f', manifest('coredns.yaml')],
      ...['-f', manifest('storage-class.yaml')],
    ]);
  }

  async #startNodes(count: number, progress: Progress): Promise<void> {
    const nodes = Array.from({ length: count }, (_unused, index) => this.#node(index + 1));
    const client = new ApiClient(this.kubeconfig);
    try {
      await Promise.all(
        nodes.map(async (node) => {
          if (node.running) return;
          await node.start(client);
          progress(`${node.name} is ready`);
        }),
      );
      await this.#connectAll(client);
      await kubectl(this.kubeconfig, [
        '-n',
        'kube-system',
        'rollout',
        'status',
        'ds/coredns',
        '--timeout=90s',
      ]);
      progress('Names are served');
    } finally {
      client.close();
    }
  }

  /** Every node learns the way to the pods of every other. */
  async #connectAll(client: ApiClient): Promise<void> {
    const running = this.nodes.filter((node) => node.running);
    const ranges = await Promise.all(
      running.map(async (node) => ({ node, range: await node.podRange(client) })),
    );
    await Promise.all(
      running.flatMap((node) =>
        ranges
          .filter((other) => other.node.number !== node.number)
          .map((other) => node.routeTo(other.node, other.range)),
      ),
    );
    await this.#routeToServices();
  }

  async #routeToServices(): Promise<void> {
    const first = this.nodes.find((node) => node.running);
    if (first !== undefined) await routeToServices(first.number);
  }

  async #remove(): Promise<void> {
    rmSync(this.#completed, { force: true });
    // All in one blow: nobody needs an orderly end, and what they have written goes with them.
    await removeFolder(clusterFolder);
    if (process.getuid?.() !== 0) return;
    await removeNetwork();
    await removeCgroups();
  }
}
