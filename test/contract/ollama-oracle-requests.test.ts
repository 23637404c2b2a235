import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { expectListed, expectTold } from './expect-listed.ts';
import { DifferenceList } from './listed-differences.ts';
import { openAiRequests } from './ollama-openai-requests.ts';
import { optionRequests } from './ollama-options-requests.ts';
import { oracleSources, startOracle, type Oracle } from './ollama-oracle.ts';
import { ollamaRequestDifferences } from './ollama-request-differences.ts';

const command = process.env.OLLAMAMAX_OLLAMA_CLI ?? '';
const requests = [...optionRequests, ...openAiRequests];
const list = new DifferenceList(ollamaRequestDifferences);

describe('options, names and the routes of OpenAI beside the real Ollama', () => {
  let cluster: LocalCluster;
  let oracle: Oracle | undefined;

  beforeAll(async () => {
    if (command === '') throw new Error('OLLAMAMAX_OLLAMA_CLI must name the ollama command');
    oracle = await startOracle(command);
    cluster = await startLocalCluster({
      models: Object.entries(oracleSources).map(([name, file]) => ({ name, source: { file } })),
    });
    await untilServing(cluster);
  }, 180_000);
  afterAll(async () => {
    await oracle?.stop();
    await cluster.stop();
  });

  test.each(requests.map((request) => [request.name, request] as const))('%s', async (_name, request) => {
    await expectListed(list, request, cluster.agent('agent-0').api, oracle?.url ?? '');
  });

  test('every difference is needed, and told in docs/compatibility.md', () => {
    expectTold(list, requests, ollamaRequestDifferences);
    expect(requests.length).toBeGreaterThanOrEqual(180);
  });
});
