import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { mutate, urlOf } from './apply.ts';
import { mutants } from './catalogue.ts';
import { hunt } from './hunt.ts';

/** Mistakes of every kind, with a seed that finds each: the rest is for `npm run simulate:mutants`. */
const known: readonly (readonly [string, number])[] = [
  ['half-elects', 1],
  ['half-commits', 1],
  ['votes-twice-in-a-term', 5],
  ['late-append-truncates', 4],
  ['heartbeat-commits-all', 1],
  ['forwarded-is-refused', 1],
  ['machine-not-restored', 4],
  ['never-synced', 1],
];

describe('mistakes that the simulation is measured by', () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))('%s is one', (_, mutant) => {
    const source = readFileSync(urlOf(mutant), 'utf8');
    const mutated = mutate(source, mutant);
    expect(mutated).not.toBe(source);
    expect(() => stripTypeScriptTypes(mutated)).not.toThrow();
  });

  test('each has a name of its own, and most of the pitfalls have one', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(new Set(mutants.map(({ pitfall }) => pitfall)).size).toBeGreaterThanOrEqual(30);
  });

  test.each(known)(
    '%s is found by seed %i',
    async (name, seed) => {
      const { outcome } = await hunt(name, [seed]);
      expect(outcome?.failure?.rule).toBeDefined();
    },
    120_000,
  );
});
