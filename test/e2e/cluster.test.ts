import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { headers } from '@ollamamax/api';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster({
    agents: 3,
    models: [{ name: 'ollamamax-tiny', source: { file: tinyModel }, replicas: 1 }],
  });
  await untilServing(cluster);
});

afterAll(async () => {
  await cluster.stop();
});

const ask = (api: string, body: object): Promise<Response> =>
  fetch(`${api}/api/chat`, { method: 'POST', body: JSON.stringify({ model: 'ollamamax-tiny', ...body }) });

const france = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
  stream: false,
};

describe('a model held by one of three agents', () => {
  test('is answered by every agent, through at most one hop to the holder', async () => {
    const answers = await Promise.all(
      cluster.agents.map(async ({ api }) => {
        const response = await ask(api, france);
        const body = (await response.json()) as { message: { content: string } };
        return {
          status: response.status,
          text: body.message.content,
          by: response.headers.get(headers.servedBy),
        };
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['The capital of France is Paris.']));
    const holders = new Set(answers.map(({ by }) => by));
    expect(holders.size).toBe(1);
    expect(cluster.agents.map(({ id }) => id)).toContain([...holders][0]);
  });

  test('is told the same by every agent', async () => {
    const told = await Promise.all(
      cluster.agents.map(async ({ api }) => {
        const tags = (await (await fetch(`${api}/api/tags`)).json()) as {
          models: { name: string; digest: string }[];
        };
        const show = await fetch(`${api}/api/show`, {
          method: 'POST',
          body: JSON.stringify({ model: 'ollamamax-tiny' }),
        });
        return {
          models: tags.models,
          show: (await show.json()) as { details: { quantization_level: string } },
        };
      }),
    );
    for (const { models, show } of told) {
      expect(models.map(({ name }) => name)).toEqual(['ollamamax-tiny:latest']);
      expect(show.details.quantization_level).toBe('Q8_0');
      expect(show).toEqual(told[0]?.show);
    }
  });
});
