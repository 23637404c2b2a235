/** For how long work for the disk has been under way, in ticks. What is begun first is done first. */
export class DiskWatch {
  /** At which tick each was begun that is not done. */
  readonly #begun: number[] = [];
  readonly #stalledTicks: number;
  readonly #hungTicks: number;

  /**
   * A member whose disk has not answered for three elections is of no use as a leader; whose disk has not answered for
   * thirty, of none at all. With the usual settings that is 3 s, longer than any disk takes that works, and 30 s.
   */
  constructor(electionTicks: number) {
    this.#stalledTicks = 3 * electionTicks;
    this.#hungTicks = 30 * electionTicks;
  }

  begin(tick: number): void {
    this.#begun.push(tick);
  }

  end(): void {
    this.#begun.shift();
  }

  look(tick: number): 'well' | 'stalled' | 'hung' {
    const ticks = tick - (this.#begun[0] ?? tick);
    if (ticks < this.#stalledTicks) return 'well';
    return ticks < this.#hungTicks ? 'stalled' : 'hung';
  }
}
