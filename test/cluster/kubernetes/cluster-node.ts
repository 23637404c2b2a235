import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import { addresses, nodeAddress, nodeName, volumesInNode } from './addresses.ts';
import type { ApiClient } from './api-client.ts';
import { createCgroup, removeCgroups } from './cgroups.ts';
import { writeKubeconfig } from './certificates.ts';
import type { ControlPlaneDaemons } from './control-plane-daemons.ts';
import { baseImages } from './images.ts';
import { connect, disconnect, routeToPods } from './network.ts';
import { containerdSettings, kubeletSettings, podNetworkSettings, proxySettings } from './node-settings.ts';
import { run } from './run.ts';
import type { RunOptions } from './run.ts';
import { until } from './until.ts';

interface NodeObject {
  readonly spec?: { readonly podCIDR?: string };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime: string;
    }[];
  };
}

/**
 * A node: a container runtime, a kubelet and a proxy in namespaces of their own, as `kind` has them in a container.
 */
export class ClusterNode {
  readonly number: number;
  readonly name: string;
  readonly folder: string;
  readonly #controlPlane: ControlPlaneDaemons;

  constructor(number: number, clusterFolder: string, controlPlane: ControlPlaneDaemons) {
    this.number = number;
    this.name = nodeName(number);
    this.folder = join(clusterFolder, this.name);
    this.#controlPlane = controlPlane;
  }

  get running(): boolean {
    return this.#controlPlane.daemons.find(this.name) !== undefined;
  }

  /** Starts it and waits until it is ready. What an earlier one of that number kept is there again. */
  async start(client: ApiClient): Promise<void> {
    if (this.running) return;
    // Times of the API have whole seconds.
    const started = Math.floor(Date.now() / 1000) * 1000;
    const [programs, images] = await Promise.all([kubernetesPrograms('all'), baseImages()]);
    await this.#writeSettings();
    createCgroup(this.number);
    this.#controlPlane.daemons.start(
      this.name,
      [
        'unshare',
        ...['--pid', '--mount', '--net', '--ipc', '--uts', '--fork', '--kill-child'],
        'bash',
        fileURLToPath(new URL('node-init.sh', import.meta.url)),
      ],
      {
        NODE_NAME: this.name,
        NODE_ADDRESS: nodeAddress(this.number),
        NODE_FOLDER: this.folder,
        GATEWAY: addresses.controlPlane,
        PROGRAMS: programs,
        IMAGES: images,
        VOLUMES: volumesInNode,
      },
    );
    const pid = await until(`${this.name} begins`, () => this.#init(), { timeoutMs: 10_000, everyMs: 20 });
    await connect(this.number, pid);
    try {
      await this.#joinPodNetwork(client);
      await until(`${this.name} is ready`, async () => this.#readySince(await this.#object(client), started));
    } catch (error) {
      const log = join(this.folder, 'log');
      throw new Error(
        `${this.name} does not get ready; logs are in ${log}. ${this.#controlPlane.daemons.lastWords(this.name)}`,
        { cause: error },
      );
    }
  }

  /** Ends it with all its pods at once, as a power cut does. */
  async stop(): Promise<void> {
    // All that it runs ends with its first process, and `unshare` ends after that.
    await this.#controlPlane.daemons.stop(this.name, 0);
    await disconnect(this.number);
    await removeCgroups(this.number);
  }

  /** Runs a program inside. */
  async exec(command: readonly string[], options?: RunOptions): Promise<string> {
    const pid = this.#init();
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    const env = { PATH: `${await kubernetesPrograms('all')}:${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
    const enter = ['--target', String(pid), '--mount', '--pid', '--net', '--uts', '--ipc', '--'];
    return run('nsenter', [...enter, ...command], { ...options, env });
  }

  /** Loads an archive as `docker save` writes it. */
  async loadImage(archive: string): Promise<void> {
    await this.exec(['ctr', '-n', 'k8s.io', 'images', 'import', '-'], {
      stdin: { file: archive },
      timeoutMs: 120_000,
    });
  }

  /** The range of addresses of its pods. */
  async podRange(client: ApiClient): Promise<string> {
    return until(
      `${this.name} has addresses for its pods`,
      async () => (await this.#object(client)).spec?.podCIDR,
    );
  }

  /** Tells it the way to the pods of another node. */
  async routeTo(other: ClusterNode, podRange: string): Promise<void> {
    await this.exec(['ip', 'route', 'replace', podRange, 'via', nodeAddress(other.number)]);
  }

  async #writeSettings(): Promise<void> {
    const { certificates, url } = this.#controlPlane;
    const address = nodeAddress(this.number);
    mkdirSync(join(this.folder, 'log'), { recursive: true });
    mkdirSync(join(this.folder, 'cni-settings'), { recursive: true });
    mkdirSync(join(this.folder, 'volumes'), { recursive: true });
    await Promise.all([
      certificates.issue(this.name, {
        user: `system:node:${this.name}`,
        groups: ['system:nodes'],
        names: [`DNS:${this.name}`, `IP:${address}`],
      }),
      certificates.issue(`proxy-${this.name}`, { user: 'system:kube-proxy' }),
    ]);
    const file = (name: string) => join(this.folder, name);
    writeKubeconfig(file('kubelet.kubeconfig'), url, certificates, this.name);
    writeKubeconfig(file('kube-proxy.kubeconfig'), url, certificates, `proxy-${this.name}`);
    const files = {
      number: this.number,
      resolvConf: file('resolv.conf'),
      authority: certificates.file('ca.crt'),
      certificate: certificates.file(`${this.name}.crt`),
      key: certificates.file(`${this.name}.key`),
      proxyKubeconfig: file('kube-proxy.kubeconfig'),
    };
    // No name server outside the cluster.
    writeFileSync(files.resolvConf, 'options ndots:5\n');
    writeFileSync(file('containerd.toml'), containerdSettings());
    writeFileSync(file('kubelet.json'), kubeletSettings(files));
    writeFileSync(file('kube-proxy.json'), proxySettings(files));
  }

  async #joinPodNetwork(client: ApiClient): Promise<void> {
    const range = await this.podRange(client);
    // The runtime watches this folder: the file comes whole.
    const settings = join(this.folder, 'cni-settings', '10-pods.conflist');
    writeFileSync(`${settings}.new`, podNetworkSettings(range));
    renameSync(`${settings}.new`, settings);
    await routeToPods(range, this.number);
  }

  async #object(client: ApiClient): Promise<NodeObject> {
    if (!this.running) throw new Error(`${this.name} does not run`);
    return client.get<NodeObject>(`/api/v1/nodes/${this.name}`);
  }

  /** A node that went away counts as ready for a while: only what it has said since counts. */
  #readySince({ status }: NodeObject, time: number): boolean {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' && Date.parse(ready.lastHeartbeatTime) >= time;
  }

  /** The first process of the node: the child of `unshare`. */
  #init(): number | undefined {
    const outer = this.#controlPlane.daemons.find(this.name);
    if (outer === undefined) return undefined;
    const path = `/proc/${outer.pid}/task/${outer.pid}/children`;
    const child = existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ')[0] : undefined;
    return child === undefined || child === '' ? undefined : Number(child);
  }
}
