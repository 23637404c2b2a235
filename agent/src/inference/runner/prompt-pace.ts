/** How long those who answer may wait for a step that also computes prompts, in milliseconds. */
const stepTargetMs = 250;
const leastTokens = 32;
/** Before anything was measured. */
const firstGuess = 128;
/** Weight of the newest measurement. */
const weight = 0.3;

/** Learns how many tokens of prompts a step may hold so that running answers do not stall. */
export class PromptPace {
  readonly #most: number;
  #tokensPerMs: number | undefined;

  /** @param most tokens of a batch */
  constructor(most: number) {
    this.#most = most;
  }

  /** A power of two, so that the shapes of batches, and with them compute buffers, repeat. */
  get budget(): number {
    const wanted = this.#tokensPerMs === undefined ? firstGuess : this.#tokensPerMs * stepTargetMs;
    const power = 2 ** Math.floor(Math.log2(Math.max(leastTokens, wanted)));
    return Math.min(this.#most, power);
  }

  /** What computing one token of a prompt takes; undefined before it was measured. */
  get tokenMs(): number | undefined {
    return this.#tokensPerMs === undefined ? undefined : 1 / this.#tokensPerMs;
  }

  /** A step computed so many tokens of prompts. Short ones say little. */
  measured(tokens: number, ms: number): void {
    if (tokens < leastTokens || ms <= 0) return;
    const rate = tokens / ms;
    this.#tokensPerMs =
      this.#tokensPerMs === undefined ? rate : this.#tokensPerMs * (1 - weight) + rate * weight;
  }
}
