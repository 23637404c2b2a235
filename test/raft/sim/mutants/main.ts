import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { mutants } from './catalogue.ts';
import { hunt } from './hunt.ts';
import type { Mutant } from './mutant.ts';

/*
 * npm run simulate:mutants -- [--seeds N] [NAME…]
 * Which seed finds which mistake: how good the simulation is. Ends with 1 when one is not found.
 */

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const row = (name: string, pitfall: string, seed: string, rule: string): string =>
  `${name.padEnd(40)} ${pitfall.padStart(7)} ${seed.padStart(6)}  ${rule}`;

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    options: { seeds: { type: 'string', default: '2000' } },
    allowPositionals: true,
  });
  const seeds = Number(values.seeds);
  const chosen = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const survivors: Mutant[] = [];
  print(row('mutant', 'pitfall', 'seed', 'found by'));
  const queue = [...chosen];
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { name, pitfall } = mutant;
      const { outcome } = await hunt(
        name,
        Array.from({ length: seeds }, (_, at) => at + 1),
      );
      if (outcome === undefined) survivors.push(mutant);
      print(
        row(
          name,
          String(pitfall),
          String(outcome?.seed ?? '-'),
          outcome?.failure?.message.slice(0, 120) ?? 'survives',
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const killed = chosen.length - survivors.length;
  print(
    `${killed} of ${chosen.length} found within ${seeds} seeds (${Math.round((100 * killed) / chosen.length)} %)`,
  );
  for (const { name, why } of survivors) print(`not found: ${name}: ${why}`);
  process.exitCode = survivors.length === 0 ? 0 : 1;
};

await main();
