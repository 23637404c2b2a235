/** Weight of the newest step without guesses. */
const weight = 0.2;
/** What every step with guesses leaves of the weight of those before it. */
const keep = 0.9;
/** And every one without: what is not tried for long may have become cheaper, or was an exception. */
const keepUntried = 0.98;
/** What is assumed before anything was measured counts as so many steps. */
const assumedWeight = 0.5;
/** Prompts are computed in large batches: what a token of them takes says what one takes among so many. */
const assumedTokens = 16;

/** Sums over steps: weight, tokens, their squares, milliseconds, and tokens times milliseconds. */
type Sums = Readonly<Record<'one' | 'x' | 'xx' | 'y' | 'xy', number>>;

/**
 * What guesses add to a step: so much for having any, since one token is computed by other means than several are, and
 * so much for each. Both are learned from steps of different lengths, newer ones counting for more (a line through
 * weighted points, by least squares).
 */
export class GuessCost {
  #plainMs: number;
  #sums: Sums = { one: 0, x: 0, xx: 0, y: 0, xy: 0 };

  /** @param plainMs what the first step took */
  constructor(plainMs: number) {
    this.#plainMs = plainMs;
  }

  /** What a step takes without any. */
  get plainMs(): number {
    return this.#plainMs;
  }

  /** @param tokens guessed in the step, of all answers together */
  measured(tokens: number, ms: number): void {
    if (tokens === 0) {
      this.#plainMs += (ms - this.#plainMs) * weight;
      this.#sums = lessWeight(this.#sums, keepUntried);
      return;
    }
    const point = { tokens, ms: Math.max(0, ms - this.#plainMs), weight: 1 };
    this.#sums = pointAdded(lessWeight(this.#sums, keep), point);
  }

  /** Milliseconds that so many add. @param promptMs what computing one token of a prompt takes */
  of(tokens: number, promptMs: number): number {
    const sums = pointAdded(this.#sums, {
      tokens: assumedTokens,
      ms: assumedTokens * promptMs,
      weight: assumedWeight,
    });
    const spread = sums.one * sums.xx - sums.x ** 2;
    // With one length only, a line from nothing.
    const slope = spread < 1e-6 * sums.xx ? sums.y / sums.x : (sums.one * sums.xy - sums.x * sums.y) / spread;
    const inclined = Math.min(Math.max(0, slope), sums.y / sums.x);
    const base = (sums.y - inclined * sums.x) / sums.one;
    return base + inclined * tokens;
  }
}

const lessWeight = ({ one, x, xx, y, xy }: Sums, share: number): Sums => ({
  one: one * share,
  x: x * share,
  xx: xx * share,
  y: y * share,
  xy: xy * share,
});

const pointAdded = (
  sums: Sums,
  point: { readonly tokens: number; readonly ms: number; readonly weight: number },
): Sums => ({
  one: sums.one + point.weight,
  x: sums.x + point.weight * point.tokens,
  xx: sums.xx + point.weight * point.tokens ** 2,
  y: sums.y + point.weight * point.ms,
  xy: sums.xy + point.weight * point.tokens * point.ms,
});
