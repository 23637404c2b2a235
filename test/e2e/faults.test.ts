import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { endless, isWholeStory, longSchema, story, streamChat } from '../harness/chat-stream.ts';
import {
  eventually,
  startLocalCluster,
  tinyModel,
  untilServing,
  type LocalCluster,
} from '../harness/local-cluster.ts';
import { runnersOf } from './runners.ts';

let cluster: LocalCluster;

afterEach(async () => {
  await cluster.stop();
});

const hello = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};

describe('one agent holds the model, two others pass requests on', () => {
  beforeEach(async () => {
    cluster = await startLocalCluster({
      agents: 3,
      models: [
        { name: 'ollamamax-tiny', source: { file: tinyModel }, replicas: 1 },
        { name: 'other', source: { file: tinyModel }, replicas: 3 },
      ],
    });
    await untilServing(cluster);
  });

  const holderOf = async (): Promise<string> => {
    const [agent] = cluster.agents;
    const response = await fetch(`${agent?.api ?? ''}/api/v1/models/ollamamax-tiny`);
    const { agents } = (await response.json()) as { agents: { id: string }[] };
    return agents[0]?.id ?? '';
  };

  test('kill -9 of a runner ends its streams with a clear error in the dialect of each, and it comes back', async () => {
    const holder = await holderOf();
    const { api, process: agentProcess } = cluster.agent(holder);
    const far = cluster.agents.find(({ id }) => id !== holder);
    const started: string[] = [];
    const streams = [api, far?.api ?? ''].map((url) =>
      streamChat(url, endless, { onText: () => started.includes(url) || started.push(url) }),
    );
    const openai = fetch(`${far?.api ?? ''}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'ollamamax-tiny',
        messages: endless.messages,
        response_format: { type: 'json_schema', json_schema: { name: 'words', schema: longSchema } },
        stream: true,
      }),
    });
    await eventually('both streams run', () => started.length === 2);
    await openai;
    const [runner] = runnersOf(agentProcess.pid);
    if (runner === undefined) throw new Error('the holder has no runner');
    process.kill(runner, 'SIGKILL');
    for (const outcome of await Promise.all(streams)) {
      expect(outcome).toMatchObject({ complete: false, broken: undefined, code: 'runner_crashed' });
      expect(outcome.error).toContain('Send the request again');
    }
    const events = await (await openai).text();
    expect(events).toMatch(/data: \{"error":\{.*"code":"runner_crashed"/);
    expect(events).not.toContain('[DONE]');
    // Also while the runner is being started again.
    const next = await Promise.all(cluster.agents.map((agent) => streamChat(agent.api, hello)));
    expect(next.map(({ text }) => text)).toEqual(
      Array.from({ length: 3 }, () => 'The capital of France is Paris.'),
    );
  });

  test('kill -9 of the agent behind the hop ends its streams with a clear error; other models go on everywhere', async () => {
    const holder = await holderOf();
    const entries = cluster.agents.filter(({ id }) => id !== holder);
    let started = 0;
    const cut = entries.map(({ api }) => {
      let first = true;
      return streamChat(api, endless, {
        onText: () => {
          if (first) started += 1;
          first = false;
        },
      });
    });
    await eventually('both streams run', () => started === 2);
    const others = entries.map(({ api }) => streamChat(api, { ...story, model: 'other' }));
    await cluster.kill(holder, 'SIGKILL');
    for (const outcome of await Promise.all(cut))
      expect(outcome).toMatchObject({ complete: false, broken: undefined, code: 'agent_unreachable' });
    // A stream of the other model that was behind the same hop is cut too; those elsewhere are whole.
    for (const outcome of await Promise.all(others))
      expect(outcome.complete ? isWholeStory(outcome.text) : outcome.code === 'agent_unreachable').toBe(true);
    for (const { api } of entries) {
      const outcome = await streamChat(api, { ...hello, model: 'other' });
      expect(outcome).toMatchObject({ complete: true, text: 'The capital of France is Paris.' });
    }
    // Its only holder is gone: the answer says so at once instead of hanging.
    const refused = await streamChat(entries[0]?.api ?? '', hello);
    expect(refused.status === 503 || refused.status === 502).toBe(true);
    await cluster.start(holder);
    await eventually(
      'the model is served again',
      async () => (await streamChat(entries[0]?.api ?? '', hello)).complete,
    );
  });

  test('an agent that hangs: its streams end with a clear error, others go on, and it is used again when it wakes', async () => {
    const holder = await holderOf();
    const entry = cluster.agents.find(({ id }) => id !== holder);
    if (entry === undefined) throw new Error('there is no other agent');
    const started: string[] = [];
    const stream = streamChat(entry.api, endless, { onText: (text) => started.push(text) });
    await eventually('the stream runs', () => started.length > 0);
    const { process: hanging } = cluster.agent(holder);
    hanging.kill('SIGSTOP');
    try {
      const others = await Promise.all(
        Array.from({ length: 8 }, () => streamChat(entry.api, { ...hello, model: 'other' })),
      );
      for (const outcome of others) expect(outcome).toMatchObject({ complete: true, error: undefined });
      expect(await stream).toMatchObject({ complete: false, broken: undefined, code: 'agent_unreachable' });
    } finally {
      hanging.kill('SIGCONT');
    }
    await eventually('it serves again', async () => (await streamChat(entry.api, hello)).complete);
  });

  test('requests that unload the model or want another context at the same time are all answered', async () => {
    const everywhere = (change: (index: number) => object, count: number) =>
      Promise.all(
        Array.from({ length: count }, (_unused, index) => {
          const agent = cluster.agents[index % cluster.agents.length];
          return streamChat(agent?.api ?? '', { ...hello, ...change(index) });
        }),
      );
    const outcomes = [
      ...(await everywhere(() => ({ keep_alive: 0 }), 30)),
      ...(await everywhere(
        (index) => ({ options: { temperature: 0, num_ctx: 256 + 128 * (index % 4) } }),
        12,
      )),
    ];
    expect(outcomes.filter(({ complete }) => !complete)).toEqual([]);
    expect(new Set(outcomes.map(({ text }) => text))).toEqual(new Set(['The capital of France is Paris.']));
  });
});

test('a rolling restart of three agents under 50 streams loses none and cuts none', async () => {
  cluster = await startLocalCluster({
    agents: 3,
    models: [{ name: 'ollamamax-tiny', source: { file: tinyModel }, replicas: 2 }],
    config: { drain: { delaySeconds: 1.5, graceSeconds: 120 } },
  });
  await untilServing(cluster);

  // As a Kubernetes Service does: only agents whose probe says ready get new requests.
  const ready = new Set(cluster.agents.map(({ id }) => id));
  const apis = new Map(cluster.agents.map(({ id, api, metrics }) => [id, { api, metrics }]));
  const running = { probes: true, clients: true };
  const prober = (async () => {
    while (running.probes) {
      await Promise.all(
        [...apis].map(async ([id, { metrics }]) => {
          const response = await fetch(`${metrics}/readyz`).catch(() => undefined);
          if (response?.status === 200) ready.add(id);
          else ready.delete(id);
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();

  let turn = 0;
  const bad: unknown[] = [];
  let finished = 0;
  const client = async (): Promise<void> => {
    while (running.clients) {
      const candidates = [...ready];
      const id = candidates[(turn += 1) % candidates.length] ?? '';
      const outcome = await streamChat(apis.get(id)?.api ?? '', story);
      finished += 1;
      if (!outcome.complete || !isWholeStory(outcome.text)) bad.push({ id, ...outcome });
    }
  };
  const clients = Array.from({ length: 50 }, client);
  await eventually('streams are running', () => finished > 20, 120_000);
  for (const id of ['agent-0', 'agent-1', 'agent-2']) {
    const { code } = await cluster.kill(id, 'SIGTERM');
    expect({ id, code }).toEqual({ id, code: 0 });
    await cluster.start(id);
    await eventually(`${id} serves again`, () => ready.has(id));
    // What a StatefulSet waits for as well: the model is back on it before the next one goes.
    await untilServing(cluster);
  }
  running.clients = false;
  await Promise.all(clients);
  running.probes = false;
  await prober;
  expect(bad).toEqual([]);
  expect(finished).toBeGreaterThan(100);
}, 600_000);
