import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { makeRawNode } from './scenario/core.ts';
import { runScenario } from './scenario/run-scenario.ts';

const folder = new URL('./scenarios/', import.meta.url);
const files = readdirSync(folder).sort();

const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');

const document = readFileSync(new URL('../../docs/raft/scenarios.md', import.meta.url), 'utf8');
/** Blocks of the document that are whole files. */
const examples = [...document.matchAll(/```json\n([^`]+)```/g)]
  .map(([, text = '']) => text)
  .filter((text) => text.includes('"format"'));

test.each(examples.map((text) => [(JSON.parse(text) as { name: string }).name, text]))(
  'the example of the document: %s',
  (_name, text) => {
    expect(runScenario(text, makeRawNode)).toMatchObject({ ok: true, message: null });
  },
);

test('the document has examples', () => {
  expect(examples).toHaveLength(2);
});

describe('scenarios', () => {
  test.each(files)('%s', (file) => {
    const { ok, failedStep, message } = runScenario(read(file), makeRawNode);
    expect({ ok, failedStep, message }).toEqual({ ok: true, failedStep: null, message: null });
  });

  test('each tells its own story', () => {
    const stories = files.map((file) => JSON.parse(read(file)) as { name: string; note: string });
    expect(files.length).toBeGreaterThanOrEqual(60);
    expect(new Set(stories.map(({ name }) => name)).size).toBe(files.length);
    expect(stories.filter(({ note }) => note.length < 20)).toEqual([]);
  });
});
