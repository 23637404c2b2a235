import { describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { clusterConditions, eventReasons, modelConditions, type ConditionText } from '@ollamamax/api';

/* What is listed is written somewhere; that nothing else is written, the compiler says. */

const folder = new URL('./', import.meta.url);
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$|^(kube|runtime|generate)\//.test(name))
  .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));

/** Files in which the text is written as a string of its own. */
const writers = (text: string, under: string): readonly string[] =>
  sources
    .filter((source) => source.name.startsWith(under) && source.text.includes(`'${text}'`))
    .map(({ name }) => name);

const listOf = (conditions: Readonly<Record<string, ConditionText>>): [string, string][] =>
  Object.entries(conditions).flatMap(([type, { reasons }]) =>
    Object.keys(reasons).map((reason): [string, string] => [type, reason]),
  );

describe('every reason that is listed is written', () => {
  test.each(listOf(clusterConditions))('OllamaCluster %s: %s', (_type, reason) => {
    expect(writers(reason, 'cluster/')).not.toEqual([]);
  });

  test.each(listOf(modelConditions))('OllamaModel %s: %s', (_type, reason) => {
    expect([...writers(reason, 'model/'), ...writers(reason, 'agents/')]).not.toEqual([]);
  });

  test.each(Object.keys(eventReasons))('Event %s', (reason) => {
    expect(writers(reason, '')).not.toEqual([]);
  });
});

test('every reason that is written is listed', () => {
  const listed = new Set([
    ...listOf(clusterConditions).map(([, reason]) => reason),
    ...listOf(modelConditions).map(([, reason]) => reason),
    ...Object.keys(eventReasons),
  ]);
  const written = sources
    .filter(({ name }) => /^(cluster|model|agents)\//.test(name))
    .flatMap(({ name, text }) =>
      [...text.matchAll(/\breason(?: =|:|\s\?) '([A-Za-z]+)'/g)].map(([, reason]) => ({ name, reason })),
    );
  expect(written.length).toBeGreaterThan(40);
  expect(written.filter(({ reason }) => !listed.has(reason!))).toEqual([]);
});
