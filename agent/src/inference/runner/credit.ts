/** Text sent to the agent but not yet read by the client. While it is more than the window, the job pauses. */
export class Credit {
  readonly #window: number;
  readonly #onGiven: () => void;
  #outstanding = 0;

  /** @param onGiven called when a job that paused may go on */
  constructor(window: number, onGiven: () => void) {
    this.#window = window;
    this.#onGiven = onGiven;
  }

  /** Whether the job pauses. */
  get isSpent(): boolean {
    return this.#outstanding >= this.#window;
  }

  spend(units: number): void {
    this.#outstanding += units;
  }

  give(units: number): void {
    const before = this.#outstanding;
    this.#outstanding -= units;
    if (before >= this.#window && this.#outstanding < this.#window) this.#onGiven();
  }
}
