import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { situations } from './coverage.ts';
import { runSeeds } from './run-seeds.ts';
import type { Outcome } from './simulation.ts';

/** A seed that has failed once. */
interface Case {
  readonly seed: number;
  readonly found: string;
}

const seedCount = 300;
const longestMs = 600_000;
const workers = availableParallelism();

const corpus = JSON.parse(readFileSync(new URL('./corpus.json', import.meta.url), 'utf8')) as readonly Case[];

const run = async (seeds: readonly number[]): Promise<Map<number, Outcome>> => {
  const outcomes = new Map<number, Outcome>();
  await runSeeds({
    seeds,
    workers,
    onOutcome: (outcome) => {
      outcomes.set(outcome.seed, outcome);
      return true;
    },
  });
  return outcomes;
};

const failures = (outcomes: Map<number, Outcome>): string[] =>
  [...outcomes.values()].flatMap(({ seed, failure }) =>
    failure === undefined ? [] : [`npm run simulate -- --seed ${seed} --verbose: ${failure.message}`],
  );

describe('a cluster in a simulated world', () => {
  test(
    `${seedCount} seeds keep every rule, and meet with everything`,
    async () => {
      const outcomes = await run(Array.from({ length: seedCount }, (_, at) => at + 1));
      expect(failures(outcomes)).toEqual([]);
      const met = new Set([...outcomes.values()].flatMap(({ counts }) => counts.map(([what]) => what)));
      expect(situations.filter((what) => !met.has(what))).toEqual([]);
    },
    longestMs,
  );

  test(
    'seeds that have failed once',
    async () => {
      expect(failures(await run(corpus.map(({ seed }) => seed)))).toEqual([]);
    },
    longestMs,
  );

  test(
    'the same seed is the same run, to the last event',
    async () => {
      const seeds = [1, 2, 3, 4, 5, 6];
      const hashes = (outcomes: Map<number, Outcome>): (readonly [string, number] | undefined)[] =>
        seeds.map((seed) => {
          const outcome = outcomes.get(seed);
          return outcome && [outcome.hash, outcome.events];
        });
      const once = hashes(await run(seeds));
      const again = hashes(await run([...seeds].reverse()));
      expect(again).toEqual(once);
      expect(new Set(once.map((pair) => pair?.[0])).size).toBe(seeds.length);
    },
    longestMs,
  );
});
