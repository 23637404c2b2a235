import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { startFakeEngine, type FakeEngine } from '../bench/fake-engine/start.ts';
import { startTwoAgents, type TwoAgents } from '../bench/router/candidates.ts';
import { holdStreams, type Held, type HoldOptions } from '../bench/streams/hold-streams.ts';
import { endless, streamChat } from '../harness/chat-stream.ts';
import { eventually, startLocalCluster, untilServing } from '../harness/local-cluster.ts';

const streams = 1000;

/** The value of a metric that has one sample with these labels. */
const metric = async (metrics: string, name: string, label = ''): Promise<number> => {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(name) && one.includes(label));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
};

const openStreams = (metrics: string): Promise<number> => metric(metrics, 'ollamamax_streams_active{');

describe('a thousand streams through two agents, with the limits everybody has', () => {
  const withAgents = async (
    tokenMs: number,
    use: (agents: TwoAgents, engine: FakeEngine) => Promise<void>,
  ): Promise<void> => {
    const engine = await startFakeEngine(tokenMs);
    try {
      const agents = await startTwoAgents(engine.url);
      try {
        await use(agents, engine);
      } finally {
        await agents.cluster.stop();
      }
    } finally {
      await engine.stop();
    }
  };

  const hold = (
    { entry, token }: TwoAgents,
    options: Pick<HoldOptions, 'tokens' | 'openPerSecond' | 'signal' | 'onAllOpen'>,
  ): Promise<Held> =>
    holdStreams({
      api: entry.api,
      token,
      streams,
      silenceMs: 60_000,
      ...options,
    });

  test('all come to their end', async () => {
    await withAgents(500, async (agents) => {
      let active = Promise.resolve(0);
      const held = await hold(agents, {
        // Long enough that the first one still runs when the last one begins, on a slow machine too.
        tokens: 60,
        openPerSecond: 200,
        signal: AbortSignal.timeout(240_000),
        onAllOpen: () => {
          active = openStreams(agents.entry.metrics);
        },
      });
      expect(held.errors).toEqual([]);
      expect(held.peak).toBe(streams);
      expect(await active).toBe(streams);
      await eventually(
        'the agent has closed all streams',
        async () => (await openStreams(agents.entry.metrics)) === 0,
      );
    });
  }, 300_000);

  test('leave nothing behind when all their clients go in mid-stream', async () => {
    await withAgents(2000, async (agents, engine) => {
      const leave = new AbortController();
      const held = hold(agents, {
        tokens: 2000,
        openPerSecond: 50,
        signal: leave.signal,
        onAllOpen: () => leave.abort(),
      });
      await expect(held).rejects.toMatchObject({ name: 'AbortError' });
      await eventually(
        'the agent has closed all streams',
        async () => (await openStreams(agents.entry.metrics)) === 0,
      );
      // Behind the hop as well: nobody is connected with the engine for a stream that nobody reads.
      const connections = (): number => readdirSync(`/proc/${engine.process.pid ?? 0}/fd`).length;
      await eventually('the engine computes for nobody', () => connections() < streams / 10);
      const next = await streamChat(
        agents.entry.api,
        { messages: [{ role: 'user', content: 'Hi' }], options: { num_predict: 2 } },
        { token: agents.token },
      );
      expect(next).toMatchObject({ complete: true, error: undefined });
    });
  }, 300_000);
});

test('a thousand clients that leave a model with four places free its places and its queue', async () => {
  const cluster = await startLocalCluster({ config: { settings: { parallel: 4, maxQueue: streams } } });
  try {
    await untilServing(cluster);
    const { api, metrics } = cluster.agent('agent-0');
    const busy = (): Promise<number> => metric(metrics, 'ollamamax_inference_slots{', 'state="busy"');
    const agent = new Agent({ keepAlive: false, maxSockets: streams });
    const body = JSON.stringify({ model: 'ollamamax-tiny', ...endless });
    const clients = Array.from({ length: streams }, () => {
      const client = request(new URL('/api/chat', api), { agent, method: 'POST' });
      client.on('error', () => undefined);
      client.end(body);
      return client;
    });
    await eventually(
      'four are answered and all others wait',
      async () => (await openStreams(metrics)) === streams && (await busy()) === 4,
    );
    for (const client of clients) client.destroy();
    const next = await streamChat(api, {
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      options: { temperature: 0 },
    });
    expect(next.text).toBe('The capital of France is Paris.');
    await eventually(
      'nobody is left',
      async () => (await openStreams(metrics)) === 0 && (await busy()) === 0,
    );
  } finally {
    await cluster.stop();
  }
}, 300_000);
