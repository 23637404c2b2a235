import { BenchRefused } from '../harness/bench.ts';
import { residentBytes } from '../harness/process-cost.ts';

/** A server that answers /v1/chat/completions with the model of the bench. */
export interface Engine {
  readonly name: string;
  readonly url: string;
  /** The model's name in requests. */
  readonly model: string;
  /** The process that holds the model. */
  readonly holder: () => number;
  /** All processes of the engine. */
  readonly processes: () => readonly number[];
  /** File name of the CPU kernels that it says it has loaded, where it is asked. */
  readonly kernels?: () => string | undefined;
  stop(): Promise<void>;
}

/** How an engine is started; the same for all that are compared. */
export interface EngineSetup {
  /** GGUF file. */
  readonly file: string;
  /** Requests worked on at a time. */
  readonly parallel: number;
  /** Context tokens of each of them. */
  readonly contextSize: number;
  /** GGUF file of a smaller model, for engines that let one guess. */
  readonly draft?: string;
  readonly threads: number;
}

/** The process that has most in memory: of an engine with several, the one with the model. */
export const largestOf = (pids: readonly number[]): number => {
  const [largest] = pids.toSorted((a, b) => residentBytes([b]) - residentBytes([a]));
  if (largest === undefined) throw new BenchRefused('an engine has no process that could hold the model');
  return largest;
};
