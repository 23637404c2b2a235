import { messageSize } from '../codec/message-codec.ts';
import type { Message, MessageType } from '../core/message.ts';

export interface SendQueueLimits {
  /** For everything that waits, here and in the socket. */
  readonly queueBytes: number;
  /** Messages that may wait beside appends and snapshots. */
  readonly controlMessages: number;
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
}

/** What Raft sends again by itself, once it hears that it did not arrive, and what makes up almost all bytes. */
const bulky: ReadonlySet<MessageType> = new Set<MessageType>(['append', 'snapshot', 'propose']);

/** Counts for what a message takes up beside its encoded bytes. */
const overheadBytes = 128;

const sum = (waiting: readonly Waiting[]): number => waiting.reduce((total, { bytes }) => total + bytes, 0);

/**
 * What waits for one peer. As long as the peer keeps up, messages leave in the order they came in. Once it does not,
 * votes, heartbeats and answers overtake what is bulky: a leader with much to say must not be taken for dead.
 */
export class SendQueue {
  readonly #limits: SendQueueLimits;
  /** Leaves first. */
  readonly #urgent: Waiting[] = [];
  readonly #ordinary: Waiting[] = [];
  #bytes = 0;
  #congested = false;

  constructor(limits: SendQueueLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#urgent.length + this.#ordinary.length;
  }

  /**
   * @param backlog bytes that wait in the socket
   * @returns how many messages were dropped: this one, or older ones that it makes superfluous
   */
  push(message: Message, backlog: number): number {
    const bytes = messageSize(message) + overheadBytes;
    const isBulky = bulky.has(message.type);
    const used = this.#bytes + backlog;
    // One that is larger than the bound may go when it is alone.
    if (isBulky && used > 0 && used + bytes > this.#limits.queueBytes) return 1;
    (this.#congested && !isBulky ? this.#urgent : this.#ordinary).push({ message, bytes });
    this.#bytes += bytes;
    if (this.#urgent.length <= this.#limits.controlMessages) return 0;
    // Of votes and heartbeats the newest count.
    const old = this.#urgent.splice(0, Math.ceil(this.#urgent.length / 2));
    this.#bytes -= sum(old);
    return old.length;
  }

  /** Takes out what leaves next: messages up to `room` bytes, and at least one. What is left then is behind. */
  take(room: number): Message[] {
    const taken: Message[] = [];
    let left = room;
    for (const queue of [this.#urgent, this.#ordinary]) {
      let count = 0;
      for (const { message, bytes } of queue) {
        if (bytes > left && taken.length > 0) break;
        taken.push(message);
        left -= bytes;
        this.#bytes -= bytes;
        count++;
      }
      queue.splice(0, count);
      if (queue.length > 0) break;
    }
    this.#congested = this.length > 0;
    return taken;
  }

  /** The peer takes nothing now. */
  hold(): void {
    this.#congested = true;
  }

  /** @returns how many were dropped */
  clear(): number {
    const dropped = this.length;
    this.#urgent.length = 0;
    this.#ordinary.length = 0;
    this.#bytes = 0;
    this.#congested = false;
    return dropped;
  }
}
