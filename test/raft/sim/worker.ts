import { parentPort, workerData } from 'node:worker_threads';
import { applyMutant } from './mutants/apply.ts';

/*
 * Runs the seeds that it is sent, each to its end. The simulation is loaded only after the mutant is in place, and the
 * mutant is in this thread only.
 */

/** What a worker is started with. */
export interface WorkerInput {
  readonly mutant: string | undefined;
  /** Whether to tell of everything that happens, line by line. */
  readonly verbose: boolean;
}

const { mutant, verbose } = workerData as WorkerInput;
if (mutant !== undefined) applyMutant(mutant);
const { simulate } = await import('./simulation.ts');
const log = verbose ? (line: string) => parentPort?.postMessage(line) : undefined;
parentPort?.on('message', (seed: number) => parentPort?.postMessage(simulate(seed, { log })));
