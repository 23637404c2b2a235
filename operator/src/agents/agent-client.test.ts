import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import { createAgentClient, type AgentClient } from './agent-client.ts';
import { AgentServer, Authority, eventually } from './agent-server.fixture.ts';

const ip = '127.0.0.1';
const address = { name: 'demo-0', ip };
const state = { revision: 3, models: [], settings: { parallel: 2 } };

let authority: Authority;
let operator: TlsMaterial;
beforeAll(async () => {
  authority = await Authority.create();
  operator = await authority.operator();
});

let server: AgentServer;
let client: AgentClient;
let port: number;
const start = async (identity?: string): Promise<void> => {
  server = await AgentServer.create(authority, 'demo-0', identity);
  port = await server.listen(ip, 0);
  client = createAgentClient('demo', operator, port);
};
beforeEach(() => start());
afterEach(async () => {
  client.close();
  await server.close();
});

describe('AgentClient', () => {
  test('asks as the operator, and gives the whole desired state', async () => {
    expect(await client.status(address)).toEqual(server.status);
    await client.push(address, state);
    expect(server.pushed).toEqual([state]);
    expect((await client.status(address)).catalogRevision).toBe(3);
    expect([...server.callers]).toEqual(['spiffe://demo/operator']);
  });

  test('keeps its connection', async () => {
    for (let count = 0; count < 5; count += 1) await client.status(address);
    expect(server.connectionsMade).toBe(1);
  });

  test('leaves none open when it is closed', async () => {
    await client.status(address);
    client.close();
    await eventually(
      () => server.connections.size,
      (count) => count === 0,
      'without connections',
    );
  });

  test.each([
    ['another agent', 'spiffe://demo/agent/demo-1'],
    ['an agent of another cluster', 'spiffe://other/agent/demo-0'],
    ['the operator', 'spiffe://demo/operator'],
  ])('tells nothing to %s at that address', async (_what, identity) => {
    client.close();
    await server.close();
    await start(identity);
    await expect(client.push(address, state)).rejects.toMatchObject({
      code: 'agent_unreachable',
      message: expect.stringContaining(`The other end is ${identity}, which is not who was called.`),
    });
    expect(server.pushed).toEqual([]);
    expect(server.asked).toBe(0);
  });

  test('tells nothing to one whom another authority has signed', async () => {
    client.close();
    const stranger = await Authority.create();
    client = createAgentClient('demo', { ...operator, ca: stranger.pair.cert }, port);
    await expect(client.status(address)).rejects.toMatchObject({ code: 'agent_unreachable' });
    expect(server.asked).toBe(0);
  });

  test('an agent that does not know the operator is not reached', async () => {
    client.close();
    const stranger = await (await Authority.create()).operator();
    client = createAgentClient('demo', { ...stranger, ca: authority.pair.cert }, port);
    await expect(client.status(address)).rejects.toMatchObject({ code: 'agent_unreachable' });
    expect(server.asked).toBe(0);
  });

  test.each([
    ['stale_revision', 'there is a newer one'],
    ['forbidden', 'not for you'],
    ['config_invalid', 'models[0].name is required'],
  ] as const)('says what the agent refuses: %s', async (code, detail) => {
    server.refuse = new ApiError(code, detail);
    await expect(client.push(address, state)).rejects.toMatchObject({ code, message: `demo-0: ${detail}` });
  });

  test.each([
    ['no JSON', { status: 502, body: '<html>' }, 'demo-0 answered with HTTP status 502.'],
    [
      'an error that is none of ours',
      { status: 500, body: '{"code":"x"}' },
      'demo-0 answered with HTTP status 500.',
    ],
    ['nothing', { status: 503, body: '' }, 'demo-0 answered with HTTP status 503.'],
    ['a status that is none', { status: 200, body: '{"id":1}' }, /^demo-0 says what is not understood: /],
    ['a status that is no JSON', { status: 200, body: 'ok' }, /^demo-0 says what is not understood: /],
    ['no status', { status: 200, body: '' }, /^demo-0 says what is not understood: /],
    [
      'more than anybody reads',
      { status: 200, body: `"${'x'.repeat(17_000_000)}"` },
      /its answer is too long/,
    ],
  ])('an answer that is not understood is none: %s', async (_what, answer, message) => {
    server.refuse = answer;
    const error = await client.status(address).then(
      () => undefined,
      (reason: unknown) => reason as ApiError,
    );
    expect(error?.code).toBe('agent_unreachable');
    expect(error?.message).toMatch(message);
  });

  test('nobody at the address', async () => {
    await server.close();
    await expect(client.status(address)).rejects.toMatchObject({
      code: 'agent_unreachable',
      message: `demo-0 does not answer at 127.0.0.1: connect ECONNREFUSED 127.0.0.1:${port}.`,
    });
  });

  test('does not wait for ever', async () => {
    server.mute = true;
    await expect(client.status(address)).rejects.toMatchObject({
      code: 'agent_unreachable',
      message: 'demo-0 does not answer at 127.0.0.1: no answer within 4000 ms.',
    });
  });
});
