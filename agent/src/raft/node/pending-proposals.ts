import type { Refusal } from '../core/leader.ts';
import type { NodeId } from '../core/types.ts';
import type { RequestId } from './request-id.ts';

/**
 * What became of a proposal. `refused`: it is in no log and never will be. `unknown`: it may be applied, now or later;
 * whoever must know asks again under the same session.
 */
export type Outcome =
  | { readonly kind: 'applied'; readonly index: number; readonly result: unknown }
  | { readonly kind: 'refused'; readonly reason: Refusal | 'tooMany' | 'tooLarge' | 'stopped' }
  | { readonly kind: 'unknown' };

/** @param tag what the proposal was given with it, so that one function may serve many */
export type Done = (outcome: Outcome, tag: number) => void;

const firstSlots = 64;

/**
 * Proposals of this member that wait to be applied, oldest first, each with a deadline in ticks. Their numbers follow one
 * another, so they stand in a ring, a proposal in the slot that its number names, and without an object for each: what
 * lives as long as a proposal waits grows old in the heap, and the collector stops everybody for it.
 */
export class PendingProposals {
  readonly #node: NodeId;
  readonly #nonce: number;
  readonly #max: number;
  #dones: (Done | undefined)[] = new Array<Done | undefined>(firstSlots).fill(undefined);
  #tags: number[] = new Array<number>(firstSlots).fill(0);
  #deadlines: number[] = new Array<number>(firstSlots).fill(0);
  #waiting = 0;
  /** None before it waits. */
  #oldest = 1;
  #lastSequence = 0;

  constructor(node: NodeId, nonce: number, max: number) {
    this.#node = node;
    this.#nonce = nonce;
    this.#max = max;
  }

  get full(): boolean {
    return this.#waiting >= this.#max;
  }

  add(done: Done, deadline: number, tag = 0): RequestId {
    this.#lastSequence += 1;
    if (this.#lastSequence - this.#oldest >= this.#dones.length) this.#grow();
    const slot = this.#slotOf(this.#lastSequence);
    this.#dones[slot] = done;
    this.#tags[slot] = tag;
    this.#deadlines[slot] = deadline;
    this.#waiting += 1;
    return { node: this.#node, nonce: this.#nonce, sequence: this.#lastSequence };
  }

  /** Of an entry that was applied: answers when it is one of these. */
  settle({ node, nonce, sequence }: RequestId, outcome: () => Outcome): void {
    if (node !== this.#node || nonce !== this.#nonce) return;
    if (this.#isWaiting(sequence)) this.#answer(sequence, outcome());
  }

  /** Those that wait now do so no longer than that: whoever they were handed to does not lead any more. */
  hurry(deadline: number): void {
    for (let sequence = this.#oldest; sequence <= this.#lastSequence; sequence += 1) {
      const slot = this.#slotOf(sequence);
      this.#deadlines[slot] = Math.min(this.#deadlines[slot] ?? 0, deadline);
    }
  }

  /** Whose deadline has passed is told that nothing is known. All have the same patience, so the oldest come first. */
  expire(tick: number): void {
    while (this.#waiting > 0 && (this.#deadlines[this.#slotOf(this.#oldest)] ?? 0) <= tick)
      this.#answer(this.#oldest, { kind: 'unknown' });
  }

  /** This member stops: what was handed to the log may yet be applied. */
  abandon(): void {
    this.expire(Infinity);
  }

  #slotOf(sequence: number): number {
    return sequence % this.#dones.length;
  }

  #isWaiting(sequence: number): boolean {
    const isKnown = sequence >= this.#oldest && sequence <= this.#lastSequence;
    return isKnown && this.#dones[this.#slotOf(sequence)] !== undefined;
  }

  #answer(sequence: number, outcome: Outcome): void {
    const slot = this.#slotOf(sequence);
    const [done, tag] = [this.#dones[slot], this.#tags[slot] ?? 0];
    this.#dones[slot] = undefined;
    this.#waiting -= 1;
    while (this.#oldest <= this.#lastSequence && !this.#isWaiting(this.#oldest)) this.#oldest += 1;
    done?.(outcome, tag);
  }

  /** Twice the room: one that waits for long keeps the slots of all that came after it. */
  #grow(): void {
    const [dones, tags, deadlines] = [this.#dones, this.#tags, this.#deadlines];
    const room = 2 * dones.length;
    this.#dones = new Array<Done | undefined>(room).fill(undefined);
    this.#tags = new Array<number>(room).fill(0);
    this.#deadlines = new Array<number>(room).fill(0);
    for (let sequence = this.#oldest; sequence < this.#lastSequence; sequence += 1) {
      const [from, to] = [sequence % dones.length, sequence % room];
      this.#dones[to] = dones[from];
      this.#tags[to] = tags[from] ?? 0;
      this.#deadlines[to] = deadlines[from] ?? 0;
    }
  }
}
