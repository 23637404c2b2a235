import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { eventually, startLocalCluster, tinyModel, type LocalCluster } from '../harness/local-cluster.ts';
import { hello, modelCalls } from './model-calls.ts';

const source = { file: tinyModel };
/** How long the cluster keeps what says nothing of its own. */
const ofCluster = 600;

let cluster: LocalCluster;
const { json, names, everywhere } = modelCalls(() => cluster);

beforeAll(async () => {
  const models: ModelSpec[] = [
    { name: 'usual', source, replicas: 1 },
    { name: 'long', source, replicas: 1, keepAliveSeconds: 7200 },
    { name: 'always', source, replicas: 1, keepAliveSeconds: -1 },
    { name: 'never', source, replicas: 1, keepAliveSeconds: 0 },
  ];
  cluster = await startLocalCluster({
    agents: 2,
    models,
    config: { settings: { keepAliveSeconds: ofCluster, maxLoadedModels: 4 } },
  });
  await everywhere('all models', async (id) => (await names(id)).length === models.length);
}, 120_000);
afterAll(() => cluster.stop());

const ask = async (agent: string, model: string, fields: object = {}): Promise<void> => {
  const body = { model, messages: hello, options: { num_predict: 1 }, stream: false, ...fields };
  expect(await json(agent, 'POST', '/api/chat', body)).toMatchObject({ http: 200, done: true });
};

/** When a model leaves memory, in milliseconds since 1970; undefined when it is in none. */
const expiry = async (model: string): Promise<number | undefined> => {
  const { models } = (await json('agent-0', 'GET', '/api/ps')) as {
    models: { name: string; expires_at: string }[];
  };
  const found = models.find(({ name }) => name === `${model}:latest`);
  return found === undefined ? undefined : Date.parse(found.expires_at);
};

const untilExpiry = (model: string, fits: (at: number | undefined) => boolean): Promise<void> =>
  eventually(`another end of ${model}`, async () => fits(await expiry(model)));

/** From the end of the answer on, which is between the call and now. */
const counts =
  (since: number, seconds: number) =>
  (at: number | undefined): boolean =>
    at !== undefined && at >= since + seconds * 1000 && at <= Date.now() + seconds * 1000;

const inAYear = (): number => Date.now() + 366 * 24 * 3_600_000;

describe('how long a model stays in memory', () => {
  test.each([
    ['usual', ofCluster],
    ['long', 7200],
  ])(
    '%s: %i seconds, from whichever agent it is asked',
    async (model, seconds) => {
      for (const { id } of cluster.agents) {
        const since = Date.now();
        await ask(id, model);
        await untilExpiry(model, counts(since, seconds));
      }
    },
    120_000,
  );

  test('always: for ever, and never: no longer than it is used', async () => {
    await ask('agent-0', 'always');
    await untilExpiry('always', (at) => at !== undefined && at > inAYear());
    await ask('agent-0', 'never');
    await untilExpiry('never', (at) => at === undefined);
  }, 120_000);

  test('a request that says it counts before the model', async () => {
    const since = Date.now();
    await ask('agent-1', 'never', { keep_alive: '30m' });
    await untilExpiry('never', counts(since, 1800));
    await ask('agent-1', 'always', { keep_alive: 0 });
    await untilExpiry('always', (at) => at === undefined);
    const again = Date.now();
    await ask('agent-1', 'long', { keep_alive: 60 });
    await untilExpiry('long', counts(again, 60));
    // One that says nothing is the model's own again.
    const last = Date.now();
    await ask('agent-1', 'long');
    await untilExpiry('long', counts(last, 7200));
    await ask('agent-1', 'never');
    await untilExpiry('never', (at) => at === undefined);
  }, 120_000);
});

test.each([
  ['usual', undefined],
  ['long', '# Unless a request says otherwise it stays in memory for 7200 idle seconds.'],
  ['always', '# Unless a request says otherwise it stays in memory for ever.'],
  ['never', '# Unless a request says otherwise it stays in memory no longer than it is used.'],
])('the Modelfile of %s tells of it', async (model, line) => {
  for (const { id } of cluster.agents) {
    const { modelfile } = (await json(id, 'POST', '/api/show', { model })) as { modelfile: string };
    if (line === undefined) expect(modelfile).not.toContain('stays in memory');
    else expect(modelfile.split('\n')[1]).toBe(line);
  }
});
