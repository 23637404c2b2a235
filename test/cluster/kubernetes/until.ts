import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until the answer is neither false nor undefined and gives it back. An error counts as "not yet" and is told
 * when time is up.
 */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, false | undefined>> {
  const { timeoutMs = 60_000, everyMs = 100 } = options;
  const deadline = Date.now() + timeoutMs;
  let reason: unknown;
  do {
    try {
      const answer = await check();
      if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    await sleep(everyMs);
  } while (Date.now() < deadline);
  throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}`, { cause: reason });
}
