import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { NodeConfig } from '@ollamamax/api';
import { formatYaml, writeFileAtomic } from '@ollamamax/common';
import { environmentSettings } from '../../config/config-schema.ts';
import type { ClusterCredentials } from './credentials.ts';
import type { AgentPorts } from './port-plan.ts';

export interface LocalCluster {
  readonly name: string;
  readonly dataDir: string;
  readonly agentIds: readonly string[];
  readonly ports: readonly AgentPorts[];
  readonly credentials: ClusterCredentials;
  readonly auth?: { readonly usersFile: string; readonly jwtSecretFile: string };
}

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;

/** Longest wait for running streams when a local cluster stops. */
export const localGraceSeconds = 10;

/** How often the agents of a local cluster ask each other what they hold. */
export const localPollMs = 1000;

/**
 * CPU threads of each agent's models. Runners that each take every core fight for them, and then a token
 * takes a hundred times as long.
 */
export const threadsPerAgent = (cores: number, agents: number): number =>
  Math.max(1, Math.floor(cores / agents));

/** Configuration of one agent of a local cluster; the models come by the desired state. */
const nodeConfigOf = (cluster: LocalCluster, index: number): DeepPartial<NodeConfig> => {
  const id = cluster.agentIds[index];
  const ports = cluster.ports[index];
  const tls = cluster.credentials.agents[index];
  if (id === undefined || ports === undefined || tls === undefined) throw new RangeError(`no agent ${index}`);
  const folder = join(cluster.dataDir, id);
  return {
    node: { id },
    cluster: {
      name: cluster.name,
      pollMs: localPollMs,
      peers: cluster.agentIds.flatMap((peer, at) =>
        at === index ? [] : [{ id: peer, address: `127.0.0.1:${cluster.ports[at]?.internal ?? 0}` }],
      ),
    },
    listen: {
      api: `127.0.0.1:${ports.api}`,
      dashboard: `127.0.0.1:${ports.dashboard}`,
      metrics: `127.0.0.1:${ports.metrics}`,
      internal: `127.0.0.1:${ports.internal}`,
      p2p: `/ip4/127.0.0.1/tcp/${ports.p2p}`,
      raft: `127.0.0.1:${ports.raft}`,
    },
    internalTls: { caFile: cluster.credentials.caFile, ...tls },
    storage: {
      dataDir: join(folder, 'state'),
      modelDir: join(folder, 'models'),
      cacheDir: join(folder, 'cache'),
    },
    ...(cluster.auth === undefined ? {} : { auth: { enabled: true, ...cluster.auth } }),
    inference: { threads: threadsPerAgent(availableParallelism(), cluster.agentIds.length) },
    // Nothing balances load in front of a local cluster, so nobody needs time to notice.
    drain: { delaySeconds: 0, graceSeconds: localGraceSeconds },
  };
};

/** Writes the agent's node.yaml. @returns its path */
export const writeNodeFile = async (cluster: LocalCluster, index: number): Promise<string> => {
  const folder = join(cluster.dataDir, cluster.agentIds[index] ?? '');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'node.yaml');
  const text = formatYaml(nodeConfigOf(cluster, index));
  await writeFileAtomic(
    file,
    `# Written by "ollamamax up" at every start; changes here are lost.\n${text}`,
    0o600,
  );
  return file;
};

/** Settings of the environment that may go to every agent alike; others would make the agents collide. */
const shared = new Set(['LOG_LEVEL', 'LOG_FORMAT', 'OLLAMA_ORIGINS']);

/** Environment of the agents: ours without the settings that each agent has its own value of. */
export const agentEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const own = new Set(
    environmentSettings.map(({ variable }) => variable).filter((variable) => !shared.has(variable)),
  );
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || own.has(name) ? [] : [[name, value]],
    ),
  );
};
