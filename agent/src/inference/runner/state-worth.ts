/** Fewer tokens are not worth a copy of their state. */
export const leastTokens = 128;
/** Those who answer wait for no longer than this while states are copied, in milliseconds. */
export const longestPauseMs = 250;
/** Restoring has to be so much cheaper than computing: what it pushes out may be wanted as well. */
const usualGain = 2;
/** Weight of a measurement that is worse than those before: others used the machine as well. */
const weightOfWorse = 0.1;
/** What a refusal leaves of the costs it rests on, so that one bad measurement does not hold for ever. */
const doubt = 0.9;

/** What a unit costs, as far as is known: little at first, since one learns by trying. */
class Cost {
  #perUnit: number | undefined;

  measured(units: number, amount: number): void {
    const now = amount / units;
    const before = this.#perUnit;
    this.#perUnit =
      before === undefined || now < before ? now : before * (1 - weightOfWorse) + now * weightOfWorse;
  }

  of(units: number): number {
    return (this.#perUnit ?? 0) * units;
  }

  doubt(): void {
    if (this.#perUnit !== undefined) this.#perUnit *= doubt;
  }
}

/** Learns what copies of states cost, and says when one is worth it. */
export class StateWorth {
  readonly #leastGain: number;
  readonly #bytesPerToken = new Cost();
  readonly #saving = new Cost();
  readonly #restoring = new Cost();
  readonly #reading = new Cost();

  /** @param leastGain so many times cheaper than computing has restoring to be; 0: whatever it costs */
  constructor(leastGain = usualGain) {
    this.#leastGain = leastGain;
  }

  /** About how many bytes the state of so many tokens has; 0 before one was seen. */
  bytesOf(tokens: number): number {
    return this.#bytesPerToken.of(tokens);
  }

  /** Whether it is over soon, for others who wait for it. */
  savesSoon(tokens: number): boolean {
    return this.#isShort(this.#saving, this.bytesOf(tokens));
  }

  /** Whether it is over soon, for others who wait for it. */
  restoresSoon(bytes: number): boolean {
    return this.#isShort(this.#restoring, bytes);
  }

  /**
   * Whether it is sooner done to bring a state back than to compute what it holds.
   * @param gained tokens that need not be computed then
   * @param promptMs what computing one takes; undefined: not known yet
   */
  isSooner(gained: number, bytes: number, isInMemory: boolean, promptMs: number | undefined): boolean {
    const costs = isInMemory ? [this.#restoring] : [this.#restoring, this.#reading];
    const ms = costs.reduce((sum, cost) => sum + cost.of(bytes), 0);
    const isSooner = promptMs === undefined || this.#leastGain * ms <= gained * promptMs;
    if (!isSooner) for (const cost of costs) cost.doubt();
    return isSooner;
  }

  #isShort(cost: Cost, bytes: number): boolean {
    const isShort = cost.of(bytes) <= longestPauseMs;
    if (!isShort) cost.doubt();
    return isShort;
  }

  saved(tokens: number, bytes: number, ms: number): void {
    this.#bytesPerToken.measured(tokens, bytes);
    this.#saving.measured(bytes, ms);
  }

  restored(bytes: number, ms: number): void {
    this.#restoring.measured(bytes, ms);
  }

  read(bytes: number, ms: number): void {
    this.#reading.measured(bytes, ms);
  }
}
