import type { Message } from '../../../agent/src/raft/core/message.ts';
import type { NodeId } from '../../../agent/src/raft/core/types.ts';
import { seededRandom, shuffled } from './random.ts';

/** A message on its way. One that was passed on still names who sent it first. */
export interface Posted {
  readonly sender: NodeId;
  readonly message: Message;
}

/** The network: messages in the order in which they were sent, until somebody takes them out. */
export class Bag {
  #posted: Posted[] = [];

  add(sender: NodeId, message: Message): void {
    this.#posted.push({ sender, message });
  }

  /** Takes out what is in the bag now for these nodes, in order; of one kind only when it is given. */
  take(to: readonly NodeId[], type?: string): Posted[] {
    const wanted = ({ message }: Posted): boolean =>
      to.includes(message.to) && (type === undefined || message.type === type);
    const taken = this.#posted.filter(wanted);
    this.#posted = this.#posted.filter((posted) => !wanted(posted));
    return taken;
  }

  /** A copy of each message for these nodes goes to the end. */
  duplicate(to: readonly NodeId[]): void {
    for (const id of to) this.#posted.push(...this.#posted.filter(({ message }) => message.to === id));
  }

  /** The messages of each of these nodes swap places among themselves. */
  reorder(to: readonly NodeId[], seed: number): void {
    for (const id of to) {
      const mixed = shuffled(
        this.#posted.filter(({ message }) => message.to === id),
        seededRandom(seed + id),
      );
      this.#posted = this.#posted.map((posted) =>
        posted.message.to === id ? (mixed.shift() ?? posted) : posted,
      );
    }
  }
}
