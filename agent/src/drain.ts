import { sleep } from '@ollamamax/common';

export interface DrainSteps {
  /** Tells probes and peers; from here on readiness is false. */
  announce(): void;
  /** Takes no new work; resolves when everything that runs has ended. */
  finish(): Promise<void>;
  /** Ends what still runs. */
  abort(): void;
}

export interface DrainTimes {
  /** Milliseconds in which load balancers and peers may notice while requests are still taken. */
  readonly delayMs: number;
  /** Milliseconds for running streams afterwards. */
  readonly graceMs: number;
}

const lastLineMs = 2000;

/** Whether the work ended by itself in that time; leaves no timer behind. */
const within = async (ms: number, work: Promise<boolean>, hurry?: AbortSignal): Promise<boolean> => {
  const done = new AbortController();
  const signal = hurry === undefined ? done.signal : AbortSignal.any([done.signal, hurry]);
  const late = sleep(ms, signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
};

/**
 * Takes an agent out of service without losing a request: announce, wait, refuse new work, let the rest end.
 * @returns whether everything ended by itself
 */
export const drain = async (steps: DrainSteps, times: DrainTimes, hurry: AbortSignal): Promise<boolean> => {
  steps.announce();
  await sleep(times.delayMs, hurry).catch(() => undefined);
  const finished = steps.finish().then(() => true);
  const clean = await within(times.graceMs, finished, hurry);
  if (!clean) {
    steps.abort();
    // Aborted answers still write their last line.
    await within(lastLineMs, finished);
  }
  return clean;
};
