import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentPhase, ConsensusStatus, ModelStatus } from '@ollamamax/api';
import type { Peer } from '../p2p/peers.ts';
import { createAgentHealth } from './agent-health.ts';
import { AgentMetrics } from './agent-metrics.ts';
import { createMetricsHandler } from './metrics-handler.ts';

let phase: AgentPhase;
let server: Server;

const failed: ModelStatus = { name: 'a:latest', state: 'failed', sizeBytes: 0, completedBytes: 0 };
const away: Peer = { id: 'b', address: 'b:9443', online: false, lastSeen: undefined, status: undefined };
const end = new Date('2031-02-03T04:05:06.000Z');

const consensus = (): ConsensusStatus => ({ state: 'none', voters: [], learners: [] });

beforeEach(async () => {
  phase = 'ready';
  const metrics = new AgentMetrics({
    agentId: 'agent-0',
    models: () => [failed],
    resident: () => new Map(),
    peersOnline: () => 0,
    eventConnections: () => 0,
    certificates: () => [{ use: 'internal', expiresAt: end }],
    consensus,
    consensusFigures: () => undefined,
    knownModels: () => new Set(),
  });
  // Everything that could be wrong elsewhere is wrong.
  const health = createAgentHealth({
    phase: () => phase,
    started: () => phase !== 'starting',
    consensus,
    models: () => [failed],
    peers: () => [away],
  });
  server = createServer(createMetricsHandler(metrics.registry, health));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const get = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  return { status: answer.status, text: await answer.text() };
};

describe('probes depend on the phase of the agent alone', () => {
  test.each<[AgentPhase, Readonly<Record<string, number>>]>([
    ['starting', { '/startupz': 503, '/livez': 200, '/healthz': 200, '/readyz': 503 }],
    ['ready', { '/startupz': 200, '/livez': 200, '/healthz': 200, '/readyz': 200 }],
    ['draining', { '/startupz': 200, '/livez': 200, '/healthz': 200, '/readyz': 503 }],
  ])('%s', async (now, expected) => {
    phase = now;
    for (const [path, status] of Object.entries(expected))
      expect([path, (await get(path)).status]).toEqual([path, status]);
  });

  test('say why, and more when asked to', async () => {
    expect(await get('/startupz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await get('/startupz?verbose')).text).toBe('[+]started ok\nstartupz check passed\n');
    phase = 'starting';
    expect((await get('/startupz')).text).toBe('[-]started the agent is starting\nstartupz check failed\n');
  });
});

test.each(['/livez', '/healthz', '/readyz', '/startupz'])(
  '%s answers HEAD, and refuses other methods',
  async (path) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    const head = await fetch(url, { method: 'HEAD' });
    expect({ status: head.status, text: await head.text() }).toEqual({ status: 200, text: '' });
    const post = await fetch(url, { method: 'POST' });
    expect({ status: post.status, allow: post.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'GET, HEAD',
    });
  },
);

test('metrics tell when certificates end', async () => {
  expect((await get('/metrics')).text).toContain(
    `ollamamax_certificate_expiry_timestamp_seconds{use="internal"} ${end.getTime() / 1000}\n`,
  );
  expect((await get('/other')).status).toBe(404);
});
