import { expect, test } from '@jest/globals';
import { startFakeEngine } from '../bench/fake-engine/start.ts';
import { startTwoAgents } from '../bench/router/candidates.ts';
import { holdStreams } from '../bench/streams/hold-streams.ts';
import { eventually } from '../harness/local-cluster.ts';

const streams = 1000;

const openStreams = async (metrics: string): Promise<number> => {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  return Number(/^ollamamax_streams_active\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
};

test('a thousand open streams through two agents, with the limits everybody has, all come to their end', async () => {
  const engine = await startFakeEngine(500);
  try {
    const agents = await startTwoAgents(engine.url);
    try {
      let active = Promise.resolve(0);
      const held = await holdStreams({
        api: agents.entry.api,
        token: agents.token,
        streams,
        // Long enough that the first one still runs when the last one begins, on a slow machine too.
        tokens: 60,
        openPerSecond: 200,
        silenceMs: 60_000,
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
    } finally {
      await agents.cluster.stop();
    }
  } finally {
    await engine.stop();
  }
}, 300_000);
