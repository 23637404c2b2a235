import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { describeCoverage, situations } from './coverage.ts';
import { runSeeds } from './run-seeds.ts';
import { simulate, type Outcome } from './simulation.ts';
import { mutants } from './mutants/catalogue.ts';

/*
 * npm run simulate -- [--seeds N] [--from S] [--seed X] [--mutant NAME] [--verbose] [--counts]
 * Ends with 1 when a seed fails, 2 when the arguments make no sense.
 */

const usage = `Usage: npm run simulate -- [--seeds N] [--from S] [--seed X] [--mutant NAME] [--verbose] [--counts]
  --seeds N      so many seeds, one after the other; 500 when left out
  --from S       the first of them; 1 when left out
  --seed X       this one only
  --mutant NAME  with this mistake put into the code: ${mutants.map(({ name }) => name).join(', ')}
  --verbose      with --seed: one line for everything that happens
  --counts       how often everything else that is counted came about as well
`;

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${text} is no number of a seed`);
  return value;
};

const read = () => {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '500' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      mutant: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      counts: { type: 'boolean', default: false },
    },
  });
  const { mutant, verbose, counts, seed } = values;
  if (mutant !== undefined && !mutants.some(({ name }) => name === mutant))
    throw new RangeError(`there is no mutant ${mutant}`);
  if (verbose && seed === undefined) throw new RangeError('--verbose needs --seed');
  const first = wholeNumber(seed ?? values.from);
  const count = seed === undefined ? wholeNumber(values.seeds) : 1;
  return { mutant, verbose, counts, first, count };
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** All of a run in one thread, with everything that happens. */
const watch = async (seed: number, mutant: string | undefined): Promise<Outcome> => {
  if (mutant === undefined) return simulate(seed, { log: print });
  const outcomes: Outcome[] = [];
  await runSeeds({
    seeds: [seed],
    workers: 1,
    mutant,
    verbose: print,
    onOutcome: (outcome) => outcomes.push(outcome) > 0,
  });
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error('the run has not come to an end');
  return outcome;
};

const tell = ({ seed, failure }: Outcome, mutant: string | undefined): void => {
  if (failure === undefined) return;
  print(`seed ${seed}: ${failure.message}`);
  const suffix = mutant === undefined ? '' : ` --mutant ${mutant}`;
  print(`  npm run simulate -- --seed ${seed} --verbose${suffix}`);
};

const main = async (): Promise<void> => {
  const { mutant, verbose, counts, first, count } = read();
  const started = performance.now();
  const total = { seeds: 0, failed: 0, events: 0, micros: 0 };
  const sums = new Map<string, number>();
  const add = (outcome: Outcome): boolean => {
    total.seeds += 1;
    total.events += outcome.events;
    total.micros += outcome.virtualMicros;
    if (outcome.failure !== undefined) total.failed += 1;
    for (const [what, times] of outcome.counts) sums.set(what, (sums.get(what) ?? 0) + times);
    tell(outcome, mutant);
    return true;
  };
  if (verbose) {
    const outcome = await watch(first, mutant);
    add(outcome);
    if (outcome.failure !== undefined) print(outcome.failure.stack);
  } else {
    const seeds = Array.from({ length: count }, (_, at) => first + at);
    await runSeeds({ seeds, workers: Math.min(count, availableParallelism()), mutant, onOutcome: add });
  }
  if (counts)
    for (const [what, times] of [...sums].sort())
      if (!situations.includes(what)) print(`${String(times).padStart(10)} ${what}`);
  for (const line of describeCoverage(sums)) print(line);
  const real = (performance.now() - started) / 1000;
  const rate = (total.seeds / real).toFixed(1);
  print(
    `${total.seeds} seeds, ${total.failed} failed; ${total.events} events, ${rate} seeds/s, ` +
      `${(total.micros / 1e6 / real).toFixed(0)} times as fast as time`,
  );
  process.exitCode = total.failed === 0 ? 0 : 1;
};

try {
  await main();
} catch (error) {
  if (!(error instanceof RangeError || (error instanceof TypeError && 'code' in error))) throw error;
  process.stderr.write(`${error.message}\n${usage}`);
  process.exitCode = 2;
}
