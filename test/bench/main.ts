import { parseArgs } from 'node:util';
import type { Bench } from './harness/bench.ts';
import { fewestRounds } from './harness/report.ts';
import { runBench } from './harness/run-bench.ts';
import { idleBench } from './idle/bench.ts';
import { inferenceBench } from './inference/bench.ts';
import { identityBench } from './inference/identity-bench.ts';
import { operatorBench } from './operator/bench.ts';
import { raftBench } from './raft/bench.ts';
import { routerBench } from './router/bench.ts';
import { streamsBench } from './streams/bench.ts';

/*
 * npm run bench -- NAME [--check] [--json FILE] [--rounds N] [--seconds S]
 * Ends with 0; 1: `--check` found rows below their floor; 2: there are no figures, and a sentence says why.
 */

const benches: readonly Bench[] = [
  routerBench,
  streamsBench,
  idleBench,
  operatorBench,
  raftBench,
  inferenceBench,
  identityBench,
];

const usage = [
  'Usage: npm run bench -- NAME [--check] [--json FILE] [--rounds N] [--seconds S]',
  '',
  ...benches.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`),
  '',
  '  --check      end with 1 and name the rows that are below their floor',
  '  --json FILE  write the figures there as well',
  `  --rounds N   measurements of each candidate, at least ${fewestRounds}`,
  '  --seconds S  length of one measurement',
  '',
].join('\n');

const fail = (message: string): never => {
  process.stderr.write(`${message}\n\n${usage}`);
  process.exit(2);
};

const positive = (option: string, text: string): number => {
  const value = Number(text);
  return Number.isFinite(value) && value > 0
    ? value
    : fail(`--${option} takes a number above 0, not "${text}"`);
};

const readArguments = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        json: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
};

const main = async (): Promise<void> => {
  const { values, positionals } = readArguments();
  const [name, ...more] = positionals;
  if (name === undefined || values.help) {
    process.stdout.write(usage);
    return;
  }
  const bench = benches.find((candidate) => candidate.name === name);
  if (bench === undefined || more.length > 0) return fail(`there is no bench "${positionals.join(' ')}"`);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  process.exitCode = await runBench(bench, {
    rounds:
      values.rounds === undefined ? bench.defaults.rounds : Math.floor(positive('rounds', values.rounds)),
    seconds: values.seconds === undefined ? bench.defaults.seconds : positive('seconds', values.seconds),
    check: values.check,
    ...(values.json === undefined ? {} : { jsonFile: values.json }),
    signal: stop.signal,
    out: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
};

await main();
