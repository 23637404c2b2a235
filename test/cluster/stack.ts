import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildAgentImage, buildOperatorImage, saveImage } from '../container/image.ts';
import { ensureDocker } from '../container/docker.ts';
import { helmCommand } from '../../scripts/helm.mjs';
import { startCluster, type Cluster } from './kubernetes/cluster.ts';
import type { IngressController } from './kubernetes/add-ons.ts';

const run = promisify(execFile);
export const chart = fileURLToPath(new URL('../../helm/ollamamax', import.meta.url));

/** A Kubernetes with our images on its nodes, an ingress controller, and the operator installed by Helm. */
export interface Stack {
  readonly cluster: Cluster;
  readonly ingress: IngressController;
  readonly operatorNamespace: string;
  readonly agentImage: string;
  /** Runs Helm against the cluster. Returns what it printed. */
  helm(args: readonly string[]): Promise<string>;
  /** Installs the chart as it was at the start, or brings it back to that. */
  installChart(): Promise<void>;
  stop(): Promise<void>;
}

export interface StackOptions {
  readonly progress?: (text: string) => void;
  /** Lets the cluster outlive this process, until `npm run cluster:down`. */
  readonly keep?: boolean;
}

export const operatorNamespace = 'ollamamax-system';

const imageValues = (image: string, key: string): string[] => {
  const [repository = '', tag = ''] = image.split(':');
  return [
    `--set=${key}.repository=${repository}`,
    `--set=${key}.tag=${tag}`,
    `--set=${key}.pullPolicy=Never`,
  ];
};

/** Builds both images, starts a cluster of three nodes, loads them, and installs chart and ingress controller. */
export const startStack = async (options: StackOptions = {}): Promise<Stack> => {
  const { progress = () => undefined, keep = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-images-'));
  let cluster: Cluster | undefined;
  try {
    progress('Building the images of operator and agent');
    const stopDocker = await ensureDocker();
    let images: readonly string[];
    const archives: string[] = [];
    try {
      const built = [await buildAgentImage(), await buildOperatorImage()];
      for (const image of built) {
        const archive = join(folder, `${image.name.replace(':', '-')}.tar`);
        await saveImage(image, archive);
        archives.push(archive);
      }
      images = built.map(({ name }) => name);
    } finally {
      await stopDocker();
    }
    const [agentImage = '', operatorImage = ''] = images;
    progress('Starting three nodes');
    cluster = await startCluster({ nodes: 3, keep });
    progress('Loading the images into the nodes');
    for (const archive of archives) await cluster.loadImage(archive);
    progress('Installing an ingress controller');
    const ingress = await cluster.installIngress();
    const found = await helmCommand();
    if ('missing' in found) throw new Error(found.missing);
    const program = found.env.OLLAMAMAX_HELM ?? 'helm';
    const { kubeconfig } = cluster;
    const cache = join(folder, 'helm');
    mkdirSync(cache);
    const helm = async (args: readonly string[]): Promise<string> => {
      const { stdout } = await run(program, [...args, `--kubeconfig=${kubeconfig}`], {
        env: {
          PATH: process.env.PATH,
          HOME: cache,
          HELM_CACHE_HOME: cache,
          HELM_CONFIG_HOME: cache,
          HELM_DATA_HOME: cache,
        },
        timeout: 180_000,
        maxBuffer: 16 * 1024 * 1024,
      });
      return stdout;
    };
    const installChart = async (): Promise<void> => {
      await helm([
        'upgrade',
        '--install',
        'ollamamax',
        chart,
        `--namespace=${operatorNamespace}`,
        '--create-namespace',
        '--wait',
        '--timeout=120s',
        // A kept cluster may run what was built before under the same name.
        `--set-string=pod.annotations.loaded=${Date.now()}`,
        ...imageValues(operatorImage, 'image'),
        ...imageValues(agentImage, 'agentImage'),
      ]);
    };
    progress('Installing the chart');
    await installChart();
    const running = cluster;
    return {
      cluster: running,
      ingress,
      operatorNamespace,
      agentImage,
      helm,
      installChart,
      stop: async () => {
        rmSync(folder, { recursive: true, force: true });
        await running.stop();
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    await cluster?.stop();
    throw error;
  }
};
