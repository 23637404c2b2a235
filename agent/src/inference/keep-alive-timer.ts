/** Timers end where dates begin to be none. */
export const longestTimerMs = 2 ** 31 - 1;

/** Ends a model that nobody has used for a while. */
export class KeepAliveTimer {
  readonly #onEnd: (reason: string) => void;
  #running: { readonly endsAt: number; readonly timer: NodeJS.Timeout } | undefined;

  constructor(onEnd: (reason: string) => void) {
    this.#onEnd = onEnd;
  }

  /** Milliseconds since 1970; undefined while it does not run. */
  get endsAt(): number | undefined {
    return this.#running?.endsAt;
  }

  /** @param seconds negative: never; 0: now */
  start(seconds: number): void {
    this.stop();
    if (seconds < 0) return;
    if (seconds === 0) {
      this.#onEnd('keep_alive is 0');
      return;
    }
    const ms = Math.min(seconds * 1000, longestTimerMs);
    const timer = setTimeout(() => this.#onEnd('unused'), ms);
    timer.unref();
    this.#running = { endsAt: Date.now() + ms, timer };
  }

  stop(): void {
    clearTimeout(this.#running?.timer);
    this.#running = undefined;
  }
}
