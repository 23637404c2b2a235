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

/**
 * Takes an agent out of service without losing a request: announce, wait, refuse new work, let the rest end.
 * @returns whether everything ended by itself
 */
export const drain = async (steps: DrainSteps, times: DrainTimes, hurry: AbortSignal): Promise<boolean> => {
  steps.announce();
  await sleep(times.delayMs, hurry).catch(() => undefined);
  const finished = steps.finish().then(() => true);
  const late = sleep(times.graceMs, hurry).then(
    () => false,
    () => false,
  );
  const clean = await Promise.race([finished, late]);
  if (!clean) {
    steps.abort();
    // Aborted answers still write their last line.
    await Promise.race([finished, sleep(2000)]);
  }
  return clean;
};
