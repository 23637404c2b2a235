import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headers } from '@ollamamax/api';
import {
  eventually,
  freePorts,
  login,
  startLocalCluster,
  tinyModel,
  untilServing,
} from '../../harness/local-cluster.ts';
import type { AgentHandle, LocalCluster } from '../../harness/local-cluster.ts';
import { BenchRefused } from '../harness/bench.ts';
import { own, pidOf, startChild, stopChild } from '../harness/child-process.ts';
import type { PeerPrograms } from './peer-programs.ts';

/** One way to the engine. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Processes that make up this way; none for the engine itself. */
  readonly pids: readonly number[];
}

/** A candidate that was started for the bench. */
export interface StartedCandidate extends Candidate {
  stop(): Promise<void>;
}

const agentProgram = fileURLToPath(new URL('../agent/main.ts', import.meta.url));
const benchUser = { name: 'bench', password: 'a password only for the bench', role: 'user' } as const;

/** A cluster of two agents of which one holds the model, so that the other has to send every request on. */
export interface TwoAgents {
  readonly cluster: LocalCluster;
  readonly entry: AgentHandle;
  readonly holder: AgentHandle;
  readonly token: string;
}

const servedBy = async (agent: AgentHandle, token: string): Promise<string | null> => {
  const response = await fetch(`${agent.api}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'ollamamax-tiny',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'Who are you?' }],
    }),
  });
  await response.text();
  return response.headers.get(headers.servedBy);
};

/** Log-in, validation and mutual TLS as users have them; only the engine is another one. */
export const startTwoAgents = async (
  engineUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<TwoAgents> => {
  const cluster = await startLocalCluster({
    agents: 2,
    models: [{ name: 'ollamamax-tiny', source: { file: tinyModel }, replicas: 1 }],
    users: [benchUser],
    module: agentProgram,
    environment: { ENGINE_URL: engineUrl, ...environment },
    config: { cluster: { pollMs: 1000 } },
  });
  try {
    const [first, second] = cluster.agents;
    if (first === undefined || second === undefined) throw new BenchRefused('an agent is missing');
    own(first.process);
    own(second.process);
    const token = await login(first, benchUser);
    await untilServing(cluster, token);
    const holder = await servedBy(first, token);
    const [entry, other] = holder === first.id ? [second, first] : [first, second];
    if (holder !== other.id || (await servedBy(entry, token)) !== other.id)
      throw new BenchRefused('requests do not take the one hop that is to be measured');
    return { cluster, entry, holder: other, token };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

/** Ours with the hop that every request may take, and without: the same two agents, asked at either one. */
export const ours = async (
  engineUrl: string,
): Promise<{ readonly candidates: readonly Candidate[]; stop(): Promise<void> }> => {
  const { cluster, entry, holder, token } = await startTwoAgents(engineUrl);
  const common = { headers: { authorization: `Bearer ${token}` } };
  return {
    candidates: [
      { ...common, name: 'ours, no hop', url: holder.api, pids: [pidOf(holder.process)] },
      { ...common, name: 'ours', url: entry.api, pids: [pidOf(entry.process), pidOf(holder.process)] },
    ],
    stop: () => cluster.stop(),
  };
};

export const direct = (engineUrl: string): Candidate => ({
  name: 'direct',
  url: engineUrl,
  headers: {},
  pids: [],
});

const answers = async (url: string): Promise<boolean> => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'ollamamax-tiny', messages: [{ role: 'user', content: 'hello' }] }),
    signal: AbortSignal.timeout(2000),
  }).catch(() => undefined);
  await response?.text();
  return response?.status === 200;
};

const startProxy = async (
  name: string,
  port: number,
  file: string,
  args: readonly string[],
  cleanUp: () => Promise<void> = async () => undefined,
): Promise<StartedCandidate> => {
  const url = `http://127.0.0.1:${port}`;
  const { child, output } = startChild(file, args);
  const stop = async (): Promise<void> => {
    await stopChild(child);
    await cleanUp();
  };
  try {
    await eventually(`${name} answers`, () => {
      if (child.exitCode !== null) throw new BenchRefused(`${name} ended: ${output()}`);
      return answers(url);
    });
  } catch (error) {
    await stop();
    throw error instanceof BenchRefused ? error : new BenchRefused(`${name} does not answer: ${output()}`);
  }
  return { name, url, headers: {}, pids: [pidOf(child)], stop };
};

/** Envoy as a plain reverse proxy over kept-alive connections. */
export const envoy = async (programs: PeerPrograms, engineUrl: string): Promise<StartedCandidate> => {
  const [port = 0] = await freePorts(1);
  const folder = await mkdtemp(join(tmpdir(), 'ollamamax-bench-'));
  const socket = (portValue: number): object => ({
    socket_address: { address: '127.0.0.1', port_value: portValue },
  });
  const config = {
    static_resources: {
      listeners: [
        {
          address: socket(port),
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'bench',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'engine',
                          domains: ['*'],
                          routes: [{ match: { prefix: '/' }, route: { cluster: 'engine', timeout: '0s' } }],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: {
                          '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                        },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'engine',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'engine',
            endpoints: [
              { lb_endpoints: [{ endpoint: { address: socket(Number(new URL(engineUrl).port)) } }] },
            ],
          },
        },
      ],
    },
  };
  const file = join(folder, 'envoy.json');
  await writeFile(file, JSON.stringify(config));
  return startProxy(
    'envoy',
    port,
    programs.envoy,
    ['--config-path', file, '--use-dynamic-base-id', '--log-level', 'warning'],
    () => rm(folder, { recursive: true, force: true }),
  );
};

/** smg, routing by prefix cache over two workers: with one there would be nothing to route. */
export const smg = async (
  programs: PeerPrograms,
  engineUrls: readonly string[],
): Promise<StartedCandidate> => {
  const [port = 0, metrics = 0] = await freePorts(2);
  return startProxy('smg', port, programs.smg, [
    ...['launch', '--host', '127.0.0.1', '--port', String(port)],
    ...['--worker-urls', ...engineUrls, '--policy', 'cache_aware'],
    ...['--disable-tokenizer-autoload', '--disable-load-monitoring', '--log-level', 'error'],
    ...['--prometheus-host', '127.0.0.1', '--prometheus-port', String(metrics)],
  ]);
};
