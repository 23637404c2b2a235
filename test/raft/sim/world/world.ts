import { Violation } from '../failure.ts';
import { Chance } from './chance.ts';
import { Clock } from './clock.ts';
import { RollingHash } from './rolling-hash.ts';
import { Tally } from './tally.ts';

/** What all parts of one run share. */
export class World {
  readonly seed: number;
  readonly clock = new Clock();
  readonly hash = new RollingHash();
  readonly tally = new Tally();
  readonly chance: Chance;
  /** Told of everything that happens, when somebody watches. */
  readonly log: ((what: string) => void) | undefined;
  #failure: Violation | undefined;

  constructor(seed: number, log?: (what: string) => void) {
    this.seed = seed;
    this.chance = new Chance(seed, 'world');
    this.log = log;
  }

  get failure(): Violation | undefined {
    return this.#failure;
  }

  /** Ends the run. Code under test may catch what is thrown through it, so a violation is kept here. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure =
      error instanceof Violation ? error : new Violation('unexpected error', String(error), { cause: error });
  }

  /** Something has happened: it counts for the hash of the run. */
  note(what: number, ...values: readonly number[]): void {
    this.hash.add(this.clock.now);
    this.hash.add(what);
    for (const value of values) this.hash.add(value);
  }
}
