/** How long those who answer may wait for a step that also computes one prompt, in milliseconds. */
const stepTargetMs = 250;
/** Of a step that computes a prompt, at least so much is for that. */
const leastShare = 1 / 2;
const leastTokens = 32;
/** Before anything was measured. */
const firstGuess = 128;
/** Weight of the newest measurement. */
const weight = 0.3;
/** Weight of one that is slower than those before: others used the machine, or the batch was a small one. */
const weightOfSlower = 0.1;

/** Learns how many tokens of prompts a step may hold so that running answers do not stall. */
export class PromptPace {
  readonly #most: number;
  #tokensPerMs: number | undefined;
  /** What a step takes that computes answers only. */
  #answersMs: number | undefined;

  /** @param most tokens of a batch */
  constructor(most: number) {
    this.#most = most;
  }

  get budget(): number {
    const forPrompts = Math.max(stepTargetMs - (this.#answersMs ?? 0), stepTargetMs * leastShare);
    const wanted = this.#tokensPerMs === undefined ? firstGuess : this.#tokensPerMs * forPrompts;
    return Math.min(this.#most, Math.floor(Math.max(leastTokens, wanted)));
  }

  /** What computing one token of a prompt takes; undefined before it was measured. */
  get tokenMs(): number | undefined {
    return this.#tokensPerMs === undefined ? undefined : 1 / this.#tokensPerMs;
  }

  /**
   * A step has been computed.
   * @param promptTokens of it; few of them say little
   * @param answers how many answers went on with it
   */
  measured(promptTokens: number, answers: number, ms: number): void {
    if (ms <= 0) return;
    if (promptTokens === 0) this.#answersMs = mean(this.#answersMs, ms, weight);
    if (promptTokens < leastTokens) return;
    const forAnswers = answers === 0 ? 0 : (this.#answersMs ?? 0);
    const rate = promptTokens / Math.max(ms - forAnswers, ms * leastShare);
    const isFaster = rate > (this.#tokensPerMs ?? 0);
    this.#tokensPerMs = mean(this.#tokensPerMs, rate, isFaster ? weight : weightOfSlower);
  }
}

const mean = (before: number | undefined, now: number, weightOfNow: number): number =>
  before === undefined ? now : before * (1 - weightOfNow) + now * weightOfNow;
