import type { eventLimits } from '@ollamamax/api';
import { eventCloseCodes, type EventTopic, type ServerFrame } from '@ollamamax/api';
import { isTopic, parseClientFrame, type ParsedFrame } from './client-frame.ts';
import type { EventsHub } from './events-hub.ts';
import type { SharedFrame } from './shared-frame.ts';
import type { TopicEvent, TopicLog } from './topic-log.ts';

/** What a connection needs of a WebSocket. */
export interface EventsSocket {
  /** Bytes accepted by send and not yet handed to the network. */
  readonly bufferedAmount: number;
  send(data: Buffer | string, done: () => void): void;
  close(code: number, reason: string): void;
  /** Drops the connection without waiting for the other side. */
  terminate(): void;
}

export interface EventsConnectionOptions {
  readonly socket: EventsSocket;
  readonly hub: EventsHub;
  readonly welcome: Extract<ServerFrame, { type: 'welcome' }>;
  readonly now: () => number;
  readonly limits: ConnectionLimits;
}

export type ConnectionLimits = Record<keyof typeof eventLimits, number>;

interface Subscription {
  readonly id: string;
  readonly topic: EventTopic;
  readonly log: TopicLog;
  /** Parts of a snapshot that wait for the reader. */
  parts: readonly SharedFrame[];
  /** Keys that changed while the reader was behind; bounded by the keys of the topic. */
  readonly dirty: Set<string>;
  /** Events that `dirty` stands for. */
  skipped: number;
}

/** A reader that takes nothing at all for this many close periods is gone, however little waits for it. */
const stalledPeriods = 3;

/**
 * One client of the events protocol. Keeps no queue of its own: what a slow reader misses shrinks to the latest
 * value per key, so memory per connection is bounded by the two limits on buffered bytes.
 */
export class EventsConnection {
  readonly #options: EventsConnectionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #helloTimer: NodeJS.Timeout;
  #greeted = false;
  #closed = false;
  #overSince: number | undefined;
  #stalledSince: number | undefined;
  #lastBuffered = 0;

  constructor(options: EventsConnectionOptions) {
    this.#options = options;
    this.#helloTimer = setTimeout(
      () => this.close(eventCloseCodes.helloTimeout, 'no hello in time'),
      options.limits.helloMs,
    ).unref();
  }

  /** Releases what the connection holds; call when the socket has closed. */
  dispose(): void {
    this.#closed = true;
    clearTimeout(this.#helloTimer);
    this.#subscriptions.clear();
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.dispose();
    this.#options.socket.close(code, reason);
  }

  goAway(afterMs: number, alternatives: readonly string[]): void {
    this.#reply({ type: 'goaway', afterMs, alternatives });
  }

  receive(text: string, bytes: number): void {
    if (this.#closed) return;
    if (bytes > this.#options.limits.maxFrameBytes) {
      this.close(eventCloseCodes.tooBig, 'frame too big');
      return;
    }
    const frame = parseClientFrame(text);
    if (frame === undefined || this.#greeted === (frame.type === 'hello')) {
      this.close(
        eventCloseCodes.malformed,
        frame === undefined ? 'malformed frame' : 'hello comes first, once',
      );
      return;
    }
    this.#handle(frame);
  }

  /** An event of a topic has happened. */
  publish(topic: EventTopic, event: TopicEvent): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.topic !== topic) continue;
      if (this.#isBehind(subscription)) {
        for (const key of event.keys) subscription.dirty.add(key);
        subscription.skipped += 1;
      } else {
        this.#send(event.frame.for(subscription.id));
      }
    }
  }

  /** Each second: gives a slow reader what it can take, and up on one that takes nothing. */
  tick(): void {
    if (this.#closed) return;
    this.#pump();
    const { socket, limits, now } = this.#options;
    const at = now();
    const buffered = socket.bufferedAmount;
    this.#overSince = buffered > limits.closeBytes ? (this.#overSince ?? at) : undefined;
    this.#stalledSince =
      buffered > 0 && buffered >= this.#lastBuffered ? (this.#stalledSince ?? at) : undefined;
    this.#lastBuffered = buffered;
    const over = this.#overSince !== undefined && at - this.#overSince >= limits.closeAfterMs;
    const stalled =
      this.#stalledSince !== undefined && at - this.#stalledSince >= stalledPeriods * limits.closeAfterMs;
    if (over || stalled) {
      this.close(eventCloseCodes.slowReader, 'slow reader');
      // The close frame stands behind everything the reader does not take.
      setTimeout(() => socket.terminate(), 1000).unref();
    }
  }

  /** Each heartbeat: tells every subscription where it stands, which also keeps an idle position fresh. */
  bookmark(at: string): void {
    for (const subscription of this.#subscriptions.values()) {
      if (this.#isBehind(subscription)) continue;
      this.#reply({ type: 'bookmark', id: subscription.id, seq: subscription.log.seq, at });
    }
  }

  #handle(frame: ParsedFrame): void {
    switch (frame.type) {
      case 'hello':
        this.#greeted = true;
        clearTimeout(this.#helloTimer);
        this.#reply(this.#options.welcome);
        return;
      case 'ping':
        this.#reply({ type: 'pong' });
        return;
      case 'unsubscribe':
        this.#subscriptions.delete(frame.id);
        return;
      case 'subscribe':
        this.#subscribe(frame);
        return;
    }
  }

  #subscribe(frame: Extract<ParsedFrame, { type: 'subscribe' }>): void {
    const { id, topic, from } = frame;
    if (!isTopic(topic)) {
      this.#refuse(id, `there is no topic "${topic.slice(0, 64)}"`);
      return;
    }
    if (this.#subscriptions.has(id)) {
      this.#refuse(id, 'this subscription id is in use');
      return;
    }
    if (this.#subscriptions.size >= this.#options.limits.maxSubscriptions) {
      this.close(eventCloseCodes.tooMany, 'too many subscriptions');
      return;
    }
    // Read before it is added: what brings the topic up to date is part of the snapshot.
    const log = this.#options.hub.topic(topic);
    const subscription: Subscription = { id, topic, log, parts: [], dirty: new Set(), skipped: 0 };
    this.#subscriptions.set(id, subscription);
    const replay = from === undefined || this.#isFull() ? undefined : log.replay(from, this.#options.now());
    if (from === undefined || replay === undefined) {
      subscription.parts = log.snapshot();
      this.#pump();
      return;
    }
    this.#reply({ type: 'resumed', id, seq: from.seq });
    for (const event of replay) this.#send(event.frame.for(id));
  }

  #refuse(id: string, message: string): void {
    this.#reply({ type: 'error', id, code: 'invalid_request', message, retryable: false });
  }

  #isFull(): boolean {
    return this.#options.socket.bufferedAmount > this.#options.limits.coalesceBytes;
  }

  #isBehind(subscription: Subscription): boolean {
    return subscription.parts.length > 0 || subscription.skipped > 0 || this.#isFull();
  }

  /** Sends what waits, as long as the reader keeps up. */
  #pump(): void {
    for (const subscription of this.#subscriptions.values()) {
      while (subscription.parts.length > 0 && !this.#isFull()) {
        const [part, ...rest] = subscription.parts;
        subscription.parts = rest;
        if (part !== undefined) this.#send(part.for(subscription.id));
      }
      if (subscription.parts.length > 0 || subscription.skipped === 0 || this.#isFull()) continue;
      const { id, log, dirty, skipped } = subscription;
      const frame = log.latest(dirty);
      subscription.skipped = 0;
      dirty.clear();
      if (skipped > 1) this.#reply({ type: 'lagged', id, coalesced: skipped });
      this.#send(frame.for(id));
    }
  }

  /** Small frames of one client. Left out when the reader is behind: all of them can be spared. */
  #reply(frame: ServerFrame): void {
    if (!this.#isFull()) this.#send(JSON.stringify(frame));
  }

  #send(data: Buffer | string): void {
    if (this.#closed) return;
    this.#options.socket.send(data, () => {
      if (!this.#closed && this.#hasWaiting()) this.#pump();
    });
  }

  #hasWaiting(): boolean {
    for (const { parts, skipped } of this.#subscriptions.values())
      if (parts.length > 0 || skipped > 0) return true;
    return false;
  }
}
