import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { read } from '../conventions/repository.ts';
import { startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { send, type Answer } from './agent-client.ts';
import { commonOrders, cosine, factsOf, shapeOf, vectorsOf, without } from './ollama-answer-shape.ts';
import { answered } from './ollama-comparisons.ts';
import { differences, type Comparison, type Difference } from './ollama-differences.ts';
import { oracleModels, oracleSources, startOracle, type Oracle } from './ollama-oracle.ts';
import { refused } from './ollama-refusals.ts';

const command = process.env.OLLAMAMAX_OLLAMA_CLI;
const comparisons = [...refused, ...answered];

const sentenceOf = (text: string): string => (JSON.parse(text) as { error: string }).error;

const expectSameRefusal = (ours: Answer, theirs: Answer, comparison: Comparison): void => {
  expect(typeof sentenceOf(ours.text)).toBe('string');
  if (comparison.ourStatus !== undefined) return;
  // A difference that is gone is to be struck from the list.
  if (comparison.ourWords === true)
    expect(theirs.text).not.toBe(JSON.stringify({ error: sentenceOf(ours.text) }));
  else expect(sentenceOf(ours.text)).toBe(sentenceOf(theirs.text));
};

const expectSameVectors = (ours: Answer, theirs: Answer): void => {
  const [a, b] = [vectorsOf(ours.text), vectorsOf(theirs.text)];
  expect(a.map(({ length }) => length)).toEqual(b.map(({ length }) => length));
  for (const [index, vector] of a.entries())
    if (vector.length > 0) expect(cosine(vector, b[index] ?? [])).toBeGreaterThan(0.99);
};

const expectSameAnswer = (ours: Answer, theirs: Answer, comparison: Comparison): void => {
  const { onlyOurs, onlyTheirs, ourFacts } = comparison;
  expect(without(shapeOf(ours.text), onlyOurs)).toEqual(without(shapeOf(theirs.text), onlyTheirs));
  for (const path of onlyOurs ?? []) expect(shapeOf(ours.text).join('\n')).toContain(path);
  for (const path of onlyTheirs ?? []) expect(shapeOf(theirs.text).join('\n')).toContain(path);
  for (const at of [0, -1] as const) {
    const [ourOrder, theirOrder] = commonOrders(ours.text, theirs.text, at);
    expect(ourOrder).toEqual(theirOrder);
  }
  expect(factsOf(ours.text, ourFacts)).toEqual(factsOf(theirs.text, ourFacts));
  if (ourFacts?.includes('vectors') !== true) expectSameVectors(ours, theirs);
  expect(ours.headers.get('content-type')).toBe(theirs.headers.get('content-type'));
};

/** Where no real Ollama is at hand the same requests are only held to the statuses that are meant. */
describe('beside the real Ollama', () => {
  let cluster: LocalCluster;
  let oracle: Oracle | undefined;

  beforeAll(async () => {
    cluster = await startLocalCluster({
      models: Object.entries(oracleSources).map(([name, file]) => ({ name, source: { file } })),
    });
    await untilServing(cluster);
    if (command !== undefined) oracle = await startOracle(command);
  }, 180_000);
  afterAll(async () => {
    await oracle?.stop();
    await cluster.stop();
  });

  const ask = (base: string, { path, body, method }: Comparison): Promise<Answer> =>
    send(base, path, { method: method ?? (body === undefined ? 'GET' : 'POST'), body });

  test.each(comparisons.map((comparison) => [comparison.name, comparison] as const))(
    '%s',
    async (_name, comparison) => {
      const ours = await ask(cluster.agent('agent-0').api, comparison);
      if (comparison.ourStatus !== undefined) expect(ours.status).toBe(comparison.ourStatus);
      expect(ours.status).toBeLessThan(500);
      if (oracle === undefined) return;

      const theirs = await ask(oracle.url, comparison);
      if (comparison.ourStatus === undefined) expect(ours.status).toBe(theirs.status);
      // A difference that is gone is to be struck from the list.
      else expect(theirs.status).not.toBe(comparison.ourStatus);
      if (ours.status >= 400) expectSameRefusal(ours, theirs, comparison);
      else if (theirs.status < 400) expectSameAnswer(ours, theirs, comparison);
    },
  );

  test('names the model in answers as the client did', async () => {
    for (const path of ['/api/generate', '/api/chat']) {
      const { text } = await send(cluster.agent('agent-0').api, path, {
        method: 'POST',
        body: { model: oracleModels.chat, stream: false },
      });
      expect(JSON.parse(text)).toEqual(expect.objectContaining({ model: oracleModels.chat }));
    }
  });
});

describe('the list of differences', () => {
  const used = new Set<Difference>(comparisons.flatMap(({ because }) => because ?? []));

  test('has a reason for everything that differs, and none that nothing needs', () => {
    const unfounded = comparisons
      .filter(({ because }) => because === undefined)
      .filter(({ ourStatus, ourWords, ourFacts, onlyOurs, onlyTheirs }) =>
        [ourStatus, ourWords, ourFacts, onlyOurs, onlyTheirs].some((part) => part !== undefined),
      );
    expect(unfounded).toEqual([]);
    expect(Object.keys(differences).filter((id) => !used.has(id as Difference))).toEqual([]);
  });

  test.each(Object.entries(differences))('%s is told in docs/compatibility.md', (_id, sentence) => {
    expect(read('docs/compatibility.md').replaceAll(/\s+/g, ' ')).toContain(sentence);
  });
});
