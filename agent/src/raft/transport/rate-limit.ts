const smallestPieceBytes = 4096;

/** Bytes per second for several senders together. */
export class RateLimit {
  /** To be taken at a time, at most: so that there is always something on its way, however slow it is. */
  readonly pieceBytes: number;
  readonly #bytesPerSecond: number;
  readonly #now: () => number;
  /** When what was taken so far has had its time. */
  #paidUntil = 0;

  /** @param now monotonic, in milliseconds */
  constructor(bytesPerSecond: number, now: () => number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.pieceBytes = Math.max(smallestPieceBytes, Math.floor(bytesPerSecond / 4));
    this.#now = now;
  }

  /** @returns milliseconds to wait before these bytes may be sent */
  take(bytes: number): number {
    const at = this.#now();
    const from = Math.max(at, this.#paidUntil);
    this.#paidUntil = from + (bytes / this.#bytesPerSecond) * 1000;
    return from - at;
  }
}
