import { Worker } from 'node:worker_threads';
import type { Outcome } from './simulation.ts';
import type { WorkerInput } from './worker.ts';

/** A seed that takes longer does not come to an end at all. Real time: it only ends what hangs. */
const longestSeedMs = 120_000;

export interface SeedsOptions {
  readonly seeds: Iterable<number>;
  readonly workers: number;
  readonly mutant?: string | undefined;
  /** Told of everything that happens. */
  readonly verbose?: (line: string) => void;
  /** @returns whether to go on */
  readonly onOutcome: (outcome: Outcome) => boolean;
}

const hung = (seed: number): Outcome => ({
  seed,
  failure: { rule: 'hangs', message: 'hangs: it does not come to an end', stack: '' },
  hash: '',
  events: 0,
  virtualMicros: 0,
  counts: [],
});

const startWorker = (input: WorkerInput): Worker =>
  new Worker(new URL('./worker.ts', import.meta.url), { workerData: input, execArgv: [] });

/** One thread that takes seed after seed. */
const work = async (next: () => number | undefined, options: SeedsOptions): Promise<void> => {
  const { mutant, verbose, onOutcome } = options;
  const input = { mutant, verbose: verbose !== undefined };
  let worker = startWorker(input);
  for (let seed = next(); seed !== undefined; seed = next()) {
    const outcome = await runOne(worker, seed, verbose);
    if (outcome.failure?.rule === 'hangs') {
      await worker.terminate();
      worker = startWorker(input);
    }
    if (!onOutcome(outcome)) break;
  }
  await worker.terminate();
};

const runOne = (worker: Worker, seed: number, verbose?: (line: string) => void): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => resolve(hung(seed))), longestSeedMs);
    const onMessage = (said: Outcome | string): void => {
      if (typeof said === 'string') verbose?.(said);
      else settle(() => resolve(said));
    };
    const onError = (error: unknown): void => settle(() => reject(error));
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('error', onError);
      how();
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(seed);
  });

/** Runs seeds in threads of their own, until none are left or somebody has seen enough. */
export const runSeeds = async (options: SeedsOptions): Promise<void> => {
  const seeds = options.seeds[Symbol.iterator]();
  let isEnough = false;
  const next = (): number | undefined => {
    if (isEnough) return undefined;
    const result: IteratorResult<number, unknown> = seeds.next();
    return result.done === true ? undefined : result.value;
  };
  const onOutcome = (outcome: Outcome): boolean => {
    if (isEnough) return false;
    isEnough = !options.onOutcome(outcome);
    return !isEnough;
  };
  await Promise.all(Array.from({ length: options.workers }, () => work(next, { ...options, onOutcome })));
};
