import { writeFile } from 'node:fs/promises';
import { BenchRefused } from './bench.ts';
import type { Bench, BenchResult } from './bench.ts';
import { machineFacts } from './machine.ts';
import { belowFloor, fewestRounds, formatReport, makeReport } from './report.ts';

export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Whether rows below their floor are a failure. */
  readonly check: boolean;
  /** Where the figures are written as JSON, too. */
  readonly jsonFile?: string;
  readonly signal: AbortSignal;
  /** Takes the table. */
  readonly out: (text: string) => void;
  /** Takes progress and complaints. */
  readonly complain: (text: string) => void;
}

/** 0: measured; 1: `check` found rows below their floor; 2: there are no figures to report. */
export type ExitCode = 0 | 1 | 2;

/** Runs a bench and reports it, or says why there is nothing to report. */
export const runBench = async (bench: Bench, options: RunOptions): Promise<ExitCode> => {
  const { check, complain, jsonFile, rounds, seconds, signal } = options;
  const refuse = (why: string): ExitCode => {
    complain(`${bench.name}: no figures: ${why}\n`);
    return 2;
  };
  if (rounds < fewestRounds)
    return refuse(`${rounds} rounds are asked for, at least ${fewestRounds} are needed`);
  // Before the run: its end says how much the bench itself loaded the machine.
  const machine = machineFacts();
  let result: BenchResult;
  try {
    result = await bench.run({ rounds, seconds, signal, progress: (text) => complain(`${text}\n`) });
  } catch (error) {
    if (signal.aborted) return refuse('stopped');
    if (error instanceof BenchRefused) return refuse(error.message);
    return refuse(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  try {
    const report = makeReport(bench.name, result, new Date(), machine);
    options.out(formatReport(report));
    if (jsonFile !== undefined) await writeFile(jsonFile, `${JSON.stringify(report, undefined, 2)}\n`);
    const below = check ? belowFloor(report) : [];
    for (const row of below) complain(`below floor: ${row}\n`);
    return below.length > 0 ? 1 : 0;
  } catch (error) {
    if (error instanceof BenchRefused) return refuse(error.message);
    throw error;
  }
};
