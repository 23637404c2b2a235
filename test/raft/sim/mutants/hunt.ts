import { runSeeds } from '../run-seeds.ts';
import type { Outcome } from '../simulation.ts';

/** What a mutant came to. */
export interface Catch {
  /** The first seed that found it; undefined when none did. */
  readonly outcome: Outcome | undefined;
  readonly seeds: number;
}

/** Runs a mutant, one seed after the other, until one finds it. */
export const hunt = async (mutant: string, seeds: Iterable<number>): Promise<Catch> => {
  let found: Outcome | undefined;
  let count = 0;
  await runSeeds({
    seeds,
    workers: 1,
    mutant,
    onOutcome: (outcome) => {
      count += 1;
      if (outcome.failure !== undefined) found = outcome;
      return found === undefined;
    },
  });
  return { outcome: found, seeds: count };
};
