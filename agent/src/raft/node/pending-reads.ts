import type { Index, ReadState } from '../core/types.ts';

/** @param applied index that the state machine stands at; undefined when nothing was learned in time */
type Done = (applied: Index | undefined) => void;

/** More than a process asks; with it the largest token is a safe integer. */
const questionsOfAProcess = 2 ** 20;

interface Read {
  readonly done: Done;
  readonly deadline: number;
}

interface Asked {
  readonly reads: readonly Read[];
  /** Tick at which it is asked again: question and answer may be lost. */
  readonly again: number;
}

/**
 * Linearizable reads of this member. All that wait are asked for by one question; an answer holds for those that it
 * was asked for only, since what was asked later might have to see more.
 */
export class PendingReads {
  readonly #retryTicks: number;
  readonly #max: number;
  #fresh: Read[] = [];
  readonly #asked = new Map<number, Asked>();
  #confirmed: { readonly index: Index; readonly reads: readonly Read[] }[] = [];
  #lastToken: number;
  #size = 0;

  /**
   * @param nonce drawn at the start of the process, below 2^32: an answer that was on its way to an earlier process of
   *   this member must not be taken for one to this process, which would serve what was committed long before
   */
  constructor(nonce: number, retryTicks: number, max: number) {
    this.#lastToken = nonce * questionsOfAProcess;
    this.#retryTicks = retryTicks;
    this.#max = max;
  }

  get full(): boolean {
    return this.#size >= this.#max;
  }

  add(done: Done, deadline: number): void {
    this.#fresh.push({ done, deadline });
    this.#size += 1;
  }

  /** @returns the token of the question that is now to be asked; undefined when nothing new waits */
  nextQuestion(tick: number): number | undefined {
    if (this.#fresh.length === 0) return undefined;
    this.#lastToken += 1;
    this.#asked.set(this.#lastToken, { reads: this.#fresh, again: tick + this.#retryTicks });
    this.#fresh = [];
    return this.#lastToken;
  }

  confirm({ token, index }: ReadState): void {
    const asked = this.#asked.get(token);
    if (asked === undefined) return;
    this.#asked.delete(token);
    this.#confirmed.push({ index, reads: asked.reads });
  }

  /** Answers what the state machine has come far enough for. */
  serve(applied: Index): void {
    const ready = this.#confirmed.filter(({ index }) => index <= applied);
    if (ready.length === 0) return;
    this.#confirmed = this.#confirmed.filter(({ index }) => index > applied);
    for (const { reads } of ready) this.#answer(reads, applied);
  }

  #answer(reads: readonly Read[], applied: Index | undefined): void {
    this.#size -= reads.length;
    for (const { done } of reads) done(applied);
  }

  /** Gives up what waited too long, and asks anew for what may have been lost. */
  tick(tick: number): void {
    for (const [token, { reads, again }] of this.#asked) {
      if (again > tick) break;
      this.#asked.delete(token);
      this.#fresh.push(...reads);
    }
    this.#expire(tick);
  }

  #expire(tick: number): void {
    const isLate = ({ deadline }: Read): boolean => deadline <= tick;
    // What is confirmed may wait as well: for entries that this member does not get.
    const late = [this.#fresh, ...this.#confirmed.map(({ reads }) => reads)].flat().filter(isLate);
    if (late.length === 0) return;
    this.#fresh = this.#fresh.filter((read) => !isLate(read));
    this.#confirmed = this.#confirmed
      .map(({ index, reads }) => ({ index, reads: reads.filter((read) => !isLate(read)) }))
      .filter(({ reads }) => reads.length > 0);
    this.#answer(late, undefined);
  }

  abandon(): void {
    const all = [this.#fresh, ...[...this.#asked.values(), ...this.#confirmed].map(({ reads }) => reads)];
    this.#fresh = [];
    this.#asked.clear();
    this.#confirmed = [];
    for (const reads of all) this.#answer(reads, undefined);
  }
}
