import { once } from 'node:events';
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  ApiError,
  compileValidator,
  describeProblems,
  routes,
  type CatalogBackup,
  type ClusterStatus,
  type ConsensusStatus,
  type Route,
} from '@ollamamax/api';
import { errorBody } from '../http/error-response.ts';

/** What the fake agent answers a call with; an ApiError goes out as problem details. */
export type Answers = Partial<Record<string, (body: unknown) => unknown>>;

export interface FakeApi {
  readonly url: string;
  /** What was asked for, such as `post /api/v1/cluster/join {}`. */
  readonly calls: readonly string[];
  close(): Promise<void>;
}

export const consensus: ConsensusStatus = {
  state: 'member',
  clusterId: 'group-1',
  memberId: 1,
  incarnation: 'disk-1',
  address: '127.0.0.1:7000',
  role: 'leader',
  leader: 'agent-0',
  term: 4,
  commitIndex: 20,
  appliedIndex: 20,
  lastIndex: 21,
  voters: ['agent-0', 'agent-1'],
  learners: ['agent-2'],
  changing: true,
  members: [
    {
      agent: 'agent-0',
      memberId: 1,
      address: '127.0.0.1:7000',
      voting: true,
      alive: true,
      matchIndex: 21,
    },
    {
      agent: 'agent-1',
      memberId: 2,
      address: '127.0.0.1:7001',
      voting: true,
      alive: false,
      matchIndex: 12,
    },
  ],
};

const node: ClusterStatus['nodes'][string] = {
  status: 'online',
  last_seen: '',
  capabilities: ['inference'],
  resources: { cpu_cores: 2, memory_gb: 1, storage_gb: 1 },
  version: '0.1.0',
  api_url: 'http://127.0.0.1:8080',
  catalog_revision: 3,
};

export const clusterStatus: ClusterStatus = {
  cluster_id: 'group-1',
  cluster: 'demo',
  answered_by: 'agent-0',
  status: 'degraded',
  nodes: { 'agent-0': node, 'agent-1': { ...node, status: 'offline' }, 'agent-2': node },
  consensus: {
    leader: 'agent-0',
    term: 4,
    log_index: 20,
    voters: ['agent-0', 'agent-1'],
    learners: ['agent-2'],
  },
  models: { desired: 1, ready: 1 },
  catalog: { revision: 3, settings: {} },
};

export const passwordHash = '$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';

export const backup: CatalogBackup = {
  format: 1,
  takenAt: '2026-01-02T03:04:05.000Z',
  clusterId: 'group-1',
  index: 20,
  desired: { revision: 3, models: [{ name: 'a', source: { file: '/a.gguf' } }], settings: {} },
  desiredOrigin: 'pushed',
  drains: { 'agent-1': { since: 5, reason: 'disk' } },
  users: [{ name: 'root', role: 'admin', passwordHash }],
};

const all = Object.entries(routes) as [string, Route][];

const checked = (what: string, schema: Route['body'], value: unknown): void => {
  if (schema === undefined) {
    if (value !== undefined) throw new Error(`${what} has no body`);
    return;
  }
  const result = compileValidator(schema)(structuredClone(value));
  if (!result.ok) throw new Error(`${what}: ${describeProblems(result.problems)}`);
};

/** An agent's API as the contract has it, with answers that a test chooses. Bodies are checked both ways. */
export const startFakeApi = async (
  answers: Answers,
  options: { readonly token?: string; readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<FakeApi> => {
  const calls: string[] = [];
  const answerTo = async (request: IncomingMessage): Promise<unknown> => {
    const { method = '', url = '', headers } = request;
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    calls.push(`${method.toLowerCase()} ${url}${text === '' ? '' : ` ${text}`}`);
    if (options.token !== undefined && headers.authorization !== `Bearer ${options.token}`)
      throw new ApiError('unauthenticated', 'The token is not valid.');
    const found = all.find(([, route]) => route.path === url && route.method === method.toLowerCase());
    if (found === undefined) throw new ApiError('route_not_found');
    const [id, route] = found;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    checked(`the request of ${id}`, route.body, body);
    const answer = answers[id]?.(body);
    if (answer === undefined) throw new ApiError('not_implemented', `${id} is not expected here.`);
    if (typeof answer !== 'string') checked(`the answer of ${id}`, route.response, answer);
    return answer;
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answerTo(request).then(
      (answer) => response.end(typeof answer === 'string' ? answer : JSON.stringify(answer)),
      (error: unknown) => {
        const told = error instanceof ApiError ? error : new ApiError('internal', String(error));
        response.statusCode = told.status;
        response.end(JSON.stringify(errorBody(told, 'native', 'r-1')));
      },
    );
  };
  const server = options.tls === undefined ? createPlain(listener) : createTls(options.tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    calls,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
