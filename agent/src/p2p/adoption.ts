import { performance } from 'node:perf_hooks';
import { backoffDelay, type Logger } from '@ollamamax/common';
import type { DesiredState } from '@ollamamax/api';
import type { Catalog } from '../catalog/catalog.ts';

export interface AdoptionOptions {
  readonly catalog: Catalog;
  /** Shortest pause after a failure, in milliseconds. */
  readonly pauseMs: number;
  readonly log: Logger;
}

/** A peer that says it has a newer desired state. */
export interface Offer {
  readonly from: string;
  readonly revision: number;
  readonly fetch: () => Promise<DesiredState>;
  /** Whether a failure is worth a line in the log. */
  readonly wanted: () => boolean;
}

/** Takes newer desired states over from peers, one at a time and after failures with growing pauses. */
export const createAdoption = ({
  catalog,
  pauseMs,
  log,
}: AdoptionOptions): ((offer: Offer) => Promise<void>) => {
  let busy = false;
  let failures = 0;
  let notBefore = 0;
  return async ({ from, revision, fetch, wanted }) => {
    if (busy || revision <= catalog.state().revision || performance.now() < notBefore) return;
    busy = true;
    try {
      const { changed } = await catalog.apply(await fetch());
      if (changed) log.info('desired state taken over', { from, revision });
      failures = 0;
      notBefore = 0;
    } catch (error) {
      notBefore = performance.now() + backoffDelay(failures, { minMs: pauseMs, maxMs: 60_000 });
      failures += 1;
      if (wanted()) log.warn('desired state of a peer could not be taken over', { from, revision, error });
    } finally {
      busy = false;
    }
  };
};
