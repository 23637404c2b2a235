import { performance } from 'node:perf_hooks';

/** Time as everything that waits sees it; tests hold one that they move by hand. */
export interface Clock {
  /** Wall clock, milliseconds since 1970: for what is written down, never for measuring. */
  now(): number;
  /** Milliseconds that never go back: for measuring. */
  monotonic(): number;
  /** Calls back once after that many milliseconds; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
}

/** Longest time a timer of Node can hold; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, ms), longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/** Waits on the clock; rejects with the signal's reason when it aborts. */
export const wait = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });

export interface Deadline {
  readonly signal: AbortSignal;
  /** True once the time is up; false when the outer signal aborted. */
  readonly expired: () => boolean;
  /** Must be called when the work is over, or the timer and the listener stay. */
  readonly clear: () => void;
}

/** A signal that aborts when the time is up or the outer signal aborts. */
export const deadline = (clock: Clock, ms: number, reason: () => Error, outer?: AbortSignal): Deadline => {
  const controller = new AbortController();
  let late = false;
  const onAbort = (): void => controller.abort(outer?.reason);
  const cancel = clock.after(ms, () => {
    late = true;
    outer?.removeEventListener('abort', onAbort);
    controller.abort(reason());
  });
  if (outer?.aborted === true) onAbort();
  else outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    expired: () => late,
    clear: () => {
      cancel();
      outer?.removeEventListener('abort', onAbort);
    },
  };
};
