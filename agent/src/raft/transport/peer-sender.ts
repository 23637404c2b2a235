import type { SecureContext } from 'node:tls';
import type { Logger } from '@ollamamax/common';
import { backoffDelay } from '@ollamamax/common/backoff';
import { encodeMessageFrames } from '../codec/frame.ts';
import { maxMessageBytes, messageSize } from '../codec/message-codec.ts';
import type { Refusal } from '../codec/hello-codec.ts';
import type { Message } from '../core/message.ts';
import { dial, type Dialer } from './dial.ts';
import type { Link } from './link.ts';
import { SendQueue } from './send-queue.ts';
import type { Peer } from './transport.ts';

export interface SenderContext extends Dialer {
  readonly random: () => number;
  readonly log: Logger;
  /** Something for this peer was dropped. */
  readonly onDropped: (peer: Peer, refusal?: Refusal) => void;
}

/** A connection that was up for so long ends a series of failures. */
const steadyMs = 1000;

/**
 * Sends messages to one peer, over one connection that it keeps up. Nothing is sent twice, and nothing is kept for a
 * peer that cannot be reached: what waited too long says nothing true any more, and Raft asks again.
 */
export class PeerSender {
  readonly peer: Peer;
  readonly #context: SenderContext;
  readonly #log: Logger;
  readonly #queue: SendQueue;
  #link: Link | undefined;
  /** With which certificates the link was made. */
  #linkContext: SecureContext | undefined;
  #openedAt = 0;
  /** Ends the attempt that is under way. */
  #dialing: ((reason: string) => void) | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #lastProblem = '';
  #closed = false;
  /** Old connections that have not ended yet. */
  readonly #retired = new Set<Link>();

  constructor(peer: Peer, context: SenderContext) {
    this.peer = peer;
    this.#context = context;
    this.#log = context.log.child({ peer: peer.node, agent: peer.agent });
    this.#queue = new SendQueue(context.limits);
    this.#dial();
  }

  /** Whether its connection was made with certificates that are not those of now. */
  get outdated(): boolean {
    return this.#link !== undefined && this.#linkContext !== this.#context.secureContext();
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  /** Bytes that wait for this peer. */
  get waitingBytes(): number {
    return this.#queue.bytes + (this.#link?.backlog ?? 0);
  }

  /** To be followed by `flush` in the same turn. */
  push(message: Message): void {
    if (this.#link === undefined && this.#dialing === undefined) {
      this.#dropped(1);
      return;
    }
    const size = messageSize(message);
    if (size > maxMessageBytes) {
      this.#log.error('A Raft message is too long to be sent.', { type: message.type, bytes: size });
      this.#dropped(1);
      return;
    }
    const dropped = this.#queue.push(message, this.#link?.backlog ?? 0);
    if (dropped > 0) this.#dropped(dropped);
  }

  /** Writes what waits, as far as the peer takes it: one write. */
  flush(): void {
    const link = this.#link;
    if (this.#queue.length === 0) return;
    const { limits, group, counters } = this.#context;
    const room = link === undefined ? 0 : limits.windowBytes - link.backlog;
    if (link === undefined || room <= 0) {
      this.#queue.hold();
      return;
    }
    const messages = this.#queue.take(room);
    counters.messagesSent += messages.length;
    link.write(encodeMessageFrames(messages, group));
  }

  /** The peer was just heard of: no reason to wait before it is tried again. */
  wake(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#dial();
  }

  /**
   * Makes another connection, and drops the one there is only once the other is up.
   * @param done whether it is up; also false when there was none to replace
   */
  replace(done: (replaced: boolean) => void): void {
    if (this.#link === undefined || this.#dialing !== undefined) {
      done(false);
      return;
    }
    this.#dial(done);
  }

  /** To be called from time to time, after what has arrived was read. */
  check(elapsedMs: number): void {
    this.#link?.check(elapsedMs);
    for (const link of this.#retired) link.check(elapsedMs);
  }

  /** Sends what waits as far as it goes at once, then closes. */
  close(reason: string): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#dialing?.(reason);
    const link = this.#link;
    this.#link = undefined;
    if (link !== undefined) this.#retire(link, reason);
    this.#queue.clear();
  }

  /** Whether nothing of it is left. */
  get ended(): boolean {
    return this.#closed && this.#retired.size === 0 && this.#dialing === undefined;
  }

  #retire(link: Link, reason: string): void {
    this.#retired.add(link);
    link.end(reason, this.#context.limits.closeMs);
  }

  #dropped(count: number): void {
    this.#context.counters.messagesDropped += count;
    this.#context.onDropped(this.peer);
  }

  #dial(replaced?: (replaced: boolean) => void): void {
    const secureContext = this.#context.secureContext();
    let link: Link | undefined;
    this.#dialing = dial(this.#context, this.peer, 'messages', ['alive'], {
      onFrame: () => undefined,
      onDrain: () => {
        if (link === this.#link) this.flush();
      },
      onOpen: (opened) => {
        link = opened;
        this.#dialing = undefined;
        this.#opened(opened, secureContext);
        replaced?.(true);
      },
      onClosed: (reason, refusal) => {
        if (link === undefined) {
          this.#dialing = undefined;
          this.#failed(reason, refusal);
          replaced?.(false);
        } else if (link === this.#link) this.#lost(reason);
        else this.#left(link);
      },
    });
  }

  #opened(link: Link, secureContext: SecureContext): void {
    this.#context.counters.connected++;
    const old = this.#link;
    this.#link = link;
    this.#linkContext = secureContext;
    this.#openedAt = this.#context.now();
    this.#lastProblem = '';
    if (old !== undefined) this.#retire(old, 'replaced by a connection with new certificates');
    this.#log.debug('Connected to a member.');
    this.flush();
  }

  #lost(reason: string): void {
    this.#link = undefined;
    const { now, counters } = this.#context;
    counters.disconnected++;
    if (now() - this.#openedAt >= steadyMs) this.#failures = 0;
    this.#log.info('The connection to a member was lost.', { reason });
    this.#retryLater();
  }

  /** An old connection ended. */
  #left(link: Link): void {
    this.#retired.delete(link);
    if (!this.#closed && link.backlog > 0) this.#dropped(0);
  }

  #failed(reason: string, refusal: Refusal | undefined): void {
    if (this.#closed) return;
    this.#context.counters.disconnected++;
    // Each reason once, until it works again: the peer may be gone for days.
    if (reason !== this.#lastProblem) {
      this.#lastProblem = reason;
      this.#log.warn('A member cannot be reached.', { reason });
    }
    if (refusal !== undefined) this.#context.onDropped(this.peer, refusal);
    if (this.#link === undefined) this.#retryLater();
  }

  #retryLater(): void {
    const dropped = this.#queue.clear();
    this.#dropped(dropped);
    const { limits, random } = this.#context;
    const delay = backoffDelay(this.#failures++, {
      minMs: limits.retryMinMs,
      maxMs: limits.retryMaxMs,
      random,
    });
    // An attempt to replace the connection may be under way already.
    if (this.#dialing !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#dial();
    }, delay);
  }
}
