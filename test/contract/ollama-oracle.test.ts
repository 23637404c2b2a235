import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { send, type Answer } from './agent-client.ts';
import { comparisons, oracleModel, type Comparison } from './ollama-differences.ts';
import { startOracle, type Oracle } from './ollama-oracle.ts';

const command = process.env.OLLAMAMAX_OLLAMA_CLI;

/** Every field of a value with its type, as `models[].details.family string`. */
const fieldsOf = (value: unknown, path = ''): string[] => {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null)
    return [`${path} ${value === null ? 'null' : typeof value}`];
  // What a GGUF file tells is not part of the form.
  if (path === 'model_info') return [`${path} object`];
  return Object.entries(value).flatMap(([name, part]) =>
    fieldsOf(part, path === '' ? name : `${path}.${name}`),
  );
};

const shape = (text: string): string[] =>
  [
    ...new Set(
      text
        .trim()
        .split('\n')
        .flatMap((line) => fieldsOf(JSON.parse(line))),
    ),
  ].toSorted();

const without = (fields: readonly string[], paths: readonly string[] = []): string[] =>
  fields.filter(
    (field) => !paths.some((path) => field.startsWith(`${path} `) || field.startsWith(`${path}[`)),
  );

/** Where no real Ollama is at hand the same requests are only held to the statuses that are meant. */
describe('beside the real Ollama', () => {
  let cluster: LocalCluster;
  let oracle: Oracle | undefined;

  beforeAll(async () => {
    cluster = await startLocalCluster({
      models: [{ name: oracleModel, source: { file: tinyModel } }],
    });
    await untilServing(cluster);
    if (command !== undefined) oracle = await startOracle(command, oracleModel);
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
      if (theirs.status >= 400 || ours.status >= 400) {
        expect(typeof (JSON.parse(ours.text) as { error: unknown }).error).toBe('string');
        return;
      }
      const { onlyOurs, onlyTheirs } = comparison;
      expect(without(shape(ours.text), onlyOurs)).toEqual(without(shape(theirs.text), onlyTheirs));
      for (const path of onlyOurs ?? []) expect(shape(ours.text).join('\n')).toContain(path);
      for (const path of onlyTheirs ?? []) expect(shape(theirs.text).join('\n')).toContain(path);
      expect(ours.headers.get('content-type')).toBe(theirs.headers.get('content-type'));
    },
  );

  test('names the model in answers as the client did', async () => {
    for (const path of ['/api/generate', '/api/chat']) {
      const { text } = await send(cluster.agent('agent-0').api, path, {
        method: 'POST',
        body: { model: oracleModel, stream: false },
      });
      expect(JSON.parse(text)).toEqual(expect.objectContaining({ model: oracleModel }));
    }
  });
});
