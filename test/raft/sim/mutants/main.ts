import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { mutants } from './catalogue.ts';
import { hunt } from './hunt.ts';
import { markdownTable, type Row } from './table.ts';

/*
 * npm run simulate:mutants -- [--seeds N] [--from S] [--table] [NAME…]
 * Which of the seeds from S, or 1, to N finds which mistake: how good the simulation is. With --table as Markdown, all
 * at the end. Ends with 1 when one is not found, and it is not known why.
 */

const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Beside a table, which may be redirected. */
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

const row = (name: string, pitfall: string, seed: string, rule: string): string =>
  `${name.padEnd(40)} ${pitfall.padStart(7)} ${seed.padStart(6)}  ${rule}`;

const read = () => {
  const { values, positionals } = parseArgs({
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '1' },
      table: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const seeds = Number(values.seeds);
  const from = Number(values.from);
  if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || from < 1 || seeds < from)
    throw new RangeError(`there are no seeds from ${values.from} to ${values.seeds}`);
  const stranger = positionals.find((wanted) => !mutants.some(({ name }) => name === wanted));
  if (stranger !== undefined) throw new RangeError(`there is no mutant ${stranger}`);
  const chosen = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { seeds, from, chosen, table: values.table };
};

const main = async (): Promise<void> => {
  const { seeds, from, chosen, table } = read();
  const say = table ? tell : print;
  const rows = new Map<string, Row>();
  say(row('mutant', 'pitfall', 'seed', 'found by'));
  const queue = [...chosen];
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { name, pitfall } = mutant;
      const found = await hunt(
        name,
        Array.from({ length: seeds - from + 1 }, (_, at) => from + at),
      );
      rows.set(name, { mutant, found });
      const { outcome } = found;
      const seed = String(outcome?.seed ?? '-');
      say(row(name, String(pitfall), seed, outcome?.failure?.message.slice(0, 120) ?? 'survives'));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const inOrder = chosen.flatMap(({ name }) => rows.get(name) ?? []);
  const survivors = inOrder.filter(({ found }) => found.outcome === undefined).map(({ mutant }) => mutant);
  const killed = chosen.length - survivors.length;
  const share = Math.round((100 * killed) / chosen.length);
  say(`${killed} of ${chosen.length} found within ${seeds} seeds (${share} %)`);
  for (const { name, why, survives } of survivors)
    say(`not found: ${name}: ${why}${survives === undefined ? '' : `; ${survives}`}`);
  if (table) for (const line of markdownTable(inOrder, seeds)) print(line);
  process.exitCode = survivors.every(({ survives }) => survives !== undefined) ? 0 : 1;
};

try {
  await main();
} catch (error) {
  if (!(error instanceof RangeError || (error instanceof TypeError && 'code' in error))) throw error;
  tell(`${error.message}\nUsage: npm run simulate:mutants -- [--seeds N] [--from S] [--table] [NAME…]`);
  process.exitCode = 2;
}
