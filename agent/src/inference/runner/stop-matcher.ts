export interface StopResult {
  /** Text that is safe to show: no stop string can begin in it any more. */
  readonly text: string;
  /** True once a stop string has been seen; nothing after it is ever returned. */
  readonly stopped: boolean;
}

/** Where a stop string begins, and which. */
interface Hit {
  readonly at: number;
  readonly stop: string;
}

/** Cuts a stream of text at the first stop string, wherever the pieces are split. */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';
  #stopped: string | undefined;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  push(piece: string): StopResult {
    if (this.#stopped !== undefined) return { text: '', stopped: true };
    const text = this.#held + piece;
    const hit = this.#stops
      .map((stop): Hit => ({ at: text.indexOf(stop), stop }))
      .filter(({ at }) => at >= 0)
      .reduce<Hit | undefined>(
        (first, one) => (first === undefined || one.at < first.at ? one : first),
        undefined,
      );
    if (hit !== undefined) {
      this.#stopped = hit.stop;
      this.#held = '';
      return { text: text.slice(0, hit.at), stopped: true };
    }
    const keep = this.#stops.reduce((most, stop) => Math.max(most, overlap(text, stop)), 0);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stopped: false };
  }

  /** The stop string that was seen. */
  get stoppedBy(): string | undefined {
    return this.#stopped;
  }

  /** The text held back when the stream ends without a stop string. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Length of the longest end of `text` that is a true beginning of `mark`. */
export const overlap = (text: string, mark: string): number => {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--)
    if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
};
