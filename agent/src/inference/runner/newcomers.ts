/** A step waits for newcomers for this part of what it will take, and no longer than that. */
const usualShare = 1 / 3;
const longestMs = 50;

const usualWaitMs = (stepMs: number): number => Math.min(longestMs, stepMs * usualShare);

/**
 * Requests that are being prepared. A step that nobody's answer waits for is worth a moment if it then serves them as
 * well: several prompts take less time together, and whose answers begin together go on together.
 */
export class Newcomers {
  readonly #onAllThere: () => void;
  readonly #waitMs: (stepMs: number) => number;
  #expected = 0;
  #until: number | undefined;

  /**
   * @param onAllThere nobody is expected any more
   * @param waitMs how long a step may wait that will take so long
   */
  constructor(onAllThere: () => void, waitMs = usualWaitMs) {
    this.#onAllThere = onAllThere;
    this.#waitMs = waitMs;
  }

  /** @returns to be called when the request has come or will not come */
  expect(): () => void {
    this.#expected += 1;
    let hasCome = false;
    return () => {
      if (hasCome) return;
      hasCome = true;
      this.#expected -= 1;
      if (this.#expected > 0) return;
      this.#until = undefined;
      this.#onAllThere();
    };
  }

  /**
   * How long the next step may still wait, in milliseconds; 0: it is to begin. The wait is one for all steps until
   * nobody is expected: one whom preparation takes long does not hold up each of them.
   */
  wait(stepMs: number, now = performance.now()): number {
    if (this.#expected === 0) return 0;
    this.#until ??= now + this.#waitMs(stepMs);
    return Math.max(0, this.#until - now);
  }
}
