import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentIdentity, operatorIdentity, type ModelSpec, type NodeConfig, type Role } from '@ollamamax/api';
import { createCertificateAuthority, formatYaml, issueCertificate } from '@ollamamax/common';
import { createInternalClient } from '../../agent/src/cli/up/internal-client.ts';
import { PasswordHasher } from '../../agent/src/auth/password.ts';
import type { AgentMessage } from '../../agent/src/main.ts';

const mainModule = fileURLToPath(new URL('../../agent/src/main.ts', import.meta.url));

/** The bundled chat model, as a path. */
export const tinyModel = fileURLToPath(new URL('../../models/ollamamax-tiny-q8_0.gguf', import.meta.url));

/** Long enough for a busy machine; a test that gets here has failed. */
const startDeadlineMs = 60_000;

export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;

export interface TestUser {
  readonly name: string;
  readonly password: string;
  readonly role: Role;
}

export interface LocalClusterOptions {
  readonly agents?: number;
  /** The bundled model on every agent when left out. */
  readonly models?: readonly ModelSpec[];
  /** Users; authentication is on when there are any. */
  readonly users?: readonly TestUser[];
  /** Merged into every agent's configuration, first level by first level. */
  readonly config?: DeepPartial<NodeConfig>;
  /** Program of the agents, for benches that put another engine in. */
  readonly module?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface AgentHandle {
  readonly id: string;
  readonly api: string;
  readonly dashboard: string;
  readonly metrics: string;
  readonly process: ChildProcess;
}

export interface LocalCluster {
  readonly folder: string;
  /** Agents that run, in order of their ids. */
  readonly agents: readonly AgentHandle[];
  agent(id: string): AgentHandle;
  /** Starts an agent again after it ended. */
  start(id: string): Promise<AgentHandle>;
  /** Sends the signal and waits for the end. */
  kill(id: string, signal: NodeJS.Signals): Promise<{ readonly code: number | null }>;
  /** Text an agent has logged so far is in this file. */
  logFile(id: string): string;
  stop(): Promise<void>;
}

/** Ports that were free a moment ago; all are held until every one is known. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
};

/** Polls until the check holds. @throws Error with what was waited for */
export const eventually = async (
  what: string,
  check: () => boolean | Promise<boolean>,
  deadlineMs = startDeadlineMs,
): Promise<void> => {
  const end = Date.now() + deadlineMs;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const isReady = async (handle: AgentHandle): Promise<boolean> => {
  const response = await fetch(`${handle.metrics}/readyz`).catch(() => undefined);
  return response?.status === 200;
};

/** A cluster of real agent processes on loopback with mutual TLS between them, in a folder of its own. */
export const startLocalCluster = async (options: LocalClusterOptions = {}): Promise<LocalCluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-test-'));
  const cluster = 'test';
  const ids = Array.from({ length: options.agents ?? 1 }, (_unused, index) => `agent-${index}`);
  const ports = await freePorts(ids.length * 5);
  const portsOf = (index: number) => {
    const [api = 0, dashboard = 0, metrics = 0, internal = 0, raft = 0] = ports.slice(index * 5);
    return { api, dashboard, metrics, internal, raft };
  };
  const authority = await createCertificateAuthority({ commonName: 'test CA', days: 2 });
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const caFile = write('ca.crt', authority.cert);
  const operator = await issueCertificate(authority, { uriSan: operatorIdentity(cluster), days: 1 });
  const credentials = {
    caFile,
    operator: {
      certFile: write('operator.crt', operator.cert),
      keyFile: write('operator.key', operator.key),
    },
    agents: [],
  };

  const users = options.users ?? [];
  const hasher = new PasswordHasher();
  const records = await Promise.all(
    users.map(async ({ name, role, password }) => ({
      name,
      role,
      passwordHash: await hasher.hash(password),
    })),
  );
  const auth =
    users.length === 0
      ? {}
      : {
          enabled: true,
          usersFile: write('users.yaml', formatYaml({ users: records })),
          jwtSecretFile: write('jwt.secret', 'a secret of the test cluster that is long enough'),
        };

  const models = options.models ?? [{ name: 'ollamamax-tiny', source: { file: tinyModel } }];
  const extra = options.config ?? {};
  for (const [index, id] of ids.entries()) {
    const own = portsOf(index);
    const pair = await issueCertificate(authority, { uriSan: agentIdentity(cluster, id), days: 1 });
    const base = join(folder, id);
    mkdirSync(base);
    const config = {
      ...extra,
      node: { id },
      cluster: {
        name: cluster,
        pollMs: 200,
        peers: ids.flatMap((peer, other) =>
          other === index ? [] : [{ id: peer, address: `127.0.0.1:${portsOf(other).internal}` }],
        ),
        ...extra.cluster,
      },
      listen: {
        api: `127.0.0.1:${own.api}`,
        dashboard: `127.0.0.1:${own.dashboard}`,
        metrics: `127.0.0.1:${own.metrics}`,
        internal: `127.0.0.1:${own.internal}`,
        raft: `127.0.0.1:${own.raft}`,
        ...extra.listen,
      },
      internalTls: {
        caFile,
        certFile: write(`${id}.crt`, pair.cert),
        keyFile: write(`${id}.key`, pair.key),
      },
      storage: { dataDir: join(base, 'data'), modelDir: join(base, 'models'), cacheDir: join(base, 'cache') },
      auth: { ...auth, ...extra.auth },
      drain: { delaySeconds: 0, graceSeconds: 30, ...extra.drain },
      models,
    };
    write(`${id}.yaml`, formatYaml(config));
  }

  const running = new Map<string, AgentHandle>();
  const logFile = (id: string): string => join(folder, `${id}.log`);

  const start = async (id: string): Promise<AgentHandle> => {
    const child = fork(options.module ?? mainModule, ['--config', join(folder, `${id}.yaml`)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...options.environment,
      },
    });
    child.stderr?.pipe(createWriteStream(logFile(id), { flags: 'a' }));
    const message = await new Promise<AgentMessage>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${id} did not start in time; see ${logFile(id)}`)),
        startDeadlineMs,
      );
      child.once('message', (received) => {
        clearTimeout(timer);
        resolve(received as AgentMessage);
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`${id} ended with ${String(code)} at its start; see ${logFile(id)}`));
      });
    });
    if (message.type === 'failed') throw new Error(`${id}: ${message.error.code}: ${message.error.message}`);
    const { api, dashboard, metrics } = message;
    const handle: AgentHandle = { id, api, dashboard, metrics, process: child };
    running.set(id, handle);
    child.once('exit', () => running.delete(id));
    return handle;
  };

  const kill = async (id: string, signal: NodeJS.Signals): Promise<{ readonly code: number | null }> => {
    const handle = running.get(id);
    if (handle === undefined) throw new Error(`${id} does not run`);
    const ended = once(handle.process, 'exit');
    handle.process.kill(signal);
    const [code] = (await ended) as [number | null];
    return { code };
  };

  const stop = async (): Promise<void> => {
    // Tests are over: nothing that still runs is waited for.
    await Promise.all([...running.keys()].map((id) => kill(id, 'SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    await Promise.all(ids.map(start));
    for (const handle of running.values()) await eventually(`${handle.id} is ready`, () => isReady(handle));
    const client = await createInternalClient(cluster, credentials);
    try {
      // One that is alone begins a group by itself.
      if (ids.length > 1) await client.bootstrap('agent-0', portsOf(0).internal, 'test-group');
      for (const [index, id] of ids.entries())
        await eventually(`${id} is in the group and knows its models`, async () => {
          const { catalogRevision, consensus } = await client.status(id, portsOf(index).internal);
          const { voters = [], learners = [] } = consensus ?? {};
          // Several agents that are configured to serve nothing hand nothing to their group.
          const knows = models.length === 0 || catalogRevision > 0;
          return knows && voters.length + learners.length === ids.length;
        });
    } finally {
      client.close();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    folder,
    get agents() {
      return [...running.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    agent: (id) => {
      const handle = running.get(id);
      if (handle === undefined) throw new Error(`${id} does not run`);
      return handle;
    },
    start,
    kill,
    logFile,
    stop,
  };
};

/** Waits until every agent sees every other and every model is ready where it is placed. */
export const untilServing = async (cluster: LocalCluster, token?: string): Promise<void> => {
  for (const handle of cluster.agents)
    await eventually(`${handle.id} sees the whole cluster ready`, async () => {
      const response = await fetch(`${handle.api}/api/v1/cluster/status`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
      if (!response.ok) return false;
      const status = (await response.json()) as { status: string; nodes: object };
      return status.status === 'healthy' && Object.keys(status.nodes).length === cluster.agents.length;
    });
};

/** Logs in and returns the token. */
export const login = async (handle: AgentHandle, user: TestUser): Promise<string> => {
  const response = await fetch(`${handle.api}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: user.name, password: user.password }),
  });
  if (!response.ok) throw new Error(`log-in answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { token: string }).token;
};
