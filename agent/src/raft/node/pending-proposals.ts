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

/** Proposals of this member that wait to be applied, oldest first, each with a deadline in ticks. */
export class PendingProposals {
  readonly #node: NodeId;
  readonly #nonce: number;
  readonly #max: number;
  readonly #waiting = new Map<number, { readonly done: Done; deadline: number }>();
  #lastSequence = 0;

  constructor(node: NodeId, nonce: number, max: number) {
    this.#node = node;
    this.#nonce = nonce;
    this.#max = max;
  }

  get full(): boolean {
    return this.#waiting.size >= this.#max;
  }

  add(done: Done, deadline: number): RequestId {
    this.#lastSequence += 1;
    this.#waiting.set(this.#lastSequence, { done, deadline });
    return { node: this.#node, nonce: this.#nonce, sequence: this.#lastSequence };
  }

  /** Of an entry that was applied: answers when it is one of these. */
  settle({ node, nonce, sequence }: RequestId, outcome: () => Outcome): void {
    if (node !== this.#node || nonce !== this.#nonce) return;
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) return;
    this.#waiting.delete(sequence);
    waiting.done(outcome());
  }

  /** Those that wait now do so no longer than that: whoever they were handed to does not lead any more. */
  hurry(deadline: number): void {
    for (const waiting of this.#waiting.values()) waiting.deadline = Math.min(waiting.deadline, deadline);
  }

  /** Whose deadline has passed is told that nothing is known. All have the same patience, so the oldest come first. */
  expire(tick: number): void {
    for (const [sequence, { done, deadline }] of this.#waiting) {
      if (deadline > tick) return;
      this.#waiting.delete(sequence);
      done({ kind: 'unknown' });
    }
  }

  /** This member stops: what was handed to the log may yet be applied. */
  abandon(): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { done } of all) done({ kind: 'unknown' });
  }
}
