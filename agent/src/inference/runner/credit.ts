/** Text sent to the agent but not yet read by the client. While it is more than the window, the job pauses. */
export class Credit {
  readonly #window: number;
  #outstanding = 0;
  #wake: (() => void) | undefined;
  #released = false;

  constructor(window: number) {
    this.#window = window;
  }

  spend(units: number): void {
    this.#outstanding += units;
  }

  give(units: number): void {
    this.#outstanding -= units;
    if (this.#outstanding < this.#window) this.#resume();
  }

  get paused(): boolean {
    return this.#wake !== undefined;
  }

  /** Waits until there is credit; at once when there is. */
  async available(): Promise<void> {
    if (this.#outstanding < this.#window || this.#released) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Ends every wait, now and later: the job was cancelled. */
  release(): void {
    this.#released = true;
    this.#resume();
  }

  #resume(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
