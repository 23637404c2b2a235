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

type Done = (outcome: Outcome) => void;

interface Waiting {
  readonly done: Done;
  deadline: number;
}

const firstSlots = 64;

/**
 * Proposals of this member that wait to be applied, oldest first, each with a deadline in ticks. Their numbers follow one
 * another, so they stand in a ring, a proposal in the slot that its number names: a map would allocate a table again and
 * again while they come and go, and keep the collector busy.
 */
export class PendingProposals {
  readonly #node: NodeId;
  readonly #nonce: number;
  readonly #max: number;
  #slots: (Waiting | undefined)[] = new Array<Waiting | undefined>(firstSlots).fill(undefined);
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

  add(done: Done, deadline: number): RequestId {
    this.#lastSequence += 1;
    if (this.#lastSequence - this.#oldest >= this.#slots.length) this.#grow();
    this.#slots[this.#lastSequence % this.#slots.length] = { done, deadline };
    this.#waiting += 1;
    return { node: this.#node, nonce: this.#nonce, sequence: this.#lastSequence };
  }

  /** Of an entry that was applied: answers when it is one of these. */
  settle({ node, nonce, sequence }: RequestId, outcome: () => Outcome): void {
    if (node !== this.#node || nonce !== this.#nonce) return;
    this.#take(sequence)?.done(outcome());
  }

  /** Those that wait now do so no longer than that: whoever they were handed to does not lead any more. */
  hurry(deadline: number): void {
    for (let sequence = this.#oldest; sequence <= this.#lastSequence; sequence += 1) {
      const waiting = this.#at(sequence);
      if (waiting !== undefined) waiting.deadline = Math.min(waiting.deadline, deadline);
    }
  }

  /** Whose deadline has passed is told that nothing is known. All have the same patience, so the oldest come first. */
  expire(tick: number): void {
    for (let oldest = this.#at(this.#oldest); oldest !== undefined; oldest = this.#at(this.#oldest)) {
      if (oldest.deadline > tick) return;
      this.#take(this.#oldest);
      oldest.done({ kind: 'unknown' });
    }
  }

  /** This member stops: what was handed to the log may yet be applied. */
  abandon(): void {
    this.expire(Infinity);
  }

  #at(sequence: number): Waiting | undefined {
    const isKnown = sequence >= this.#oldest && sequence <= this.#lastSequence;
    return isKnown ? this.#slots[sequence % this.#slots.length] : undefined;
  }

  /** @returns that one, which waits no more */
  #take(sequence: number): Waiting | undefined {
    const waiting = this.#at(sequence);
    if (waiting === undefined) return undefined;
    this.#slots[sequence % this.#slots.length] = undefined;
    this.#waiting -= 1;
    while (this.#oldest <= this.#lastSequence && this.#at(this.#oldest) === undefined) this.#oldest += 1;
    return waiting;
  }

  /** Twice the room: one that waits for long keeps the slots of all that came after it. */
  #grow(): void {
    const slots = new Array<Waiting | undefined>(2 * this.#slots.length).fill(undefined);
    for (let sequence = this.#oldest; sequence < this.#lastSequence; sequence += 1)
      slots[sequence % slots.length] = this.#slots[sequence % this.#slots.length];
    this.#slots = slots;
  }
}
