import { jointCommitted, type Voters } from './quorum/joint.ts';
import type { Index, NodeId } from './types.ts';

/** A read that waits until a quorum has said that this member still leads. */
export interface WaitingRead {
  /** Who asked: this member, or a follower that gets the answer. */
  readonly from: NodeId;
  /** The asker's own. */
  readonly token: number;
  /** What was committed when it was asked. */
  readonly index: Index;
}

/**
 * Reads of one term of one leader, numbered from 1. Heartbeats carry the number of the latest; an answer to one
 * confirms all reads up to its number, and no later one. Numbers, not tokens: an answer that comes late can only
 * confirm what was asked before its heartbeat left.
 */
export class ReadQueue {
  #waiting: WaitingRead[] = [];
  #confirmed = 0;
  readonly #acked = new Map<NodeId, number>();

  /** Number of the latest read; 0 while there was none. */
  get latest(): number {
    return this.#confirmed + this.#waiting.length;
  }

  get count(): number {
    return this.#waiting.length;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  add(read: WaitingRead): void {
    this.#waiting.push(read);
  }

  /** A member answered a heartbeat with that number. */
  acknowledge(id: NodeId, number: number): void {
    if (number > (this.#acked.get(id) ?? 0)) this.#acked.set(id, Math.min(number, this.latest));
  }

  /** Takes out the reads that a quorum has confirmed, the leader being of its own opinion. */
  takeConfirmed(self: NodeId, voters: Voters): readonly WaitingRead[] {
    const { latest } = this;
    const upTo = jointCommitted(voters, (id) => (id === self ? latest : (this.#acked.get(id) ?? 0)));
    const count = Math.min(upTo, latest) - this.#confirmed;
    if (count <= 0) return [];
    this.#confirmed += count;
    return this.#waiting.splice(0, count);
  }
}
