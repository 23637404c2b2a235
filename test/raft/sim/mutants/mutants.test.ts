import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { mutate, urlOf } from './apply.ts';
import { mutants } from './catalogue.ts';
import { hunt } from './hunt.ts';

/** Mistakes of every kind that are found soon: all of them are for `npm run simulate:mutants`. */
const soon = [
  'half-elects',
  'half-commits',
  'votes-twice-in-a-term',
  'heartbeat-commits-all',
  'forwarded-is-refused',
  'machine-not-restored',
  'never-synced',
];
const seeds = Array.from({ length: 20 }, (_, at) => at + 1);

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

  test.each(soon)(
    `%s is found within ${seeds.length} seeds`,
    async (name) => {
      const { outcome } = await hunt(name, seeds);
      expect(outcome?.failure?.rule).toBeDefined();
    },
    120_000,
  );
});
