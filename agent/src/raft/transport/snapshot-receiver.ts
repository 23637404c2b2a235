import type { Logger } from '@ollamamax/common';
import { FrameError } from '../codec/frame-error.ts';
import type { FrameKind } from '../codec/frame.ts';
import {
  decodeChunk,
  decodeSnapshotBegin,
  encodeOffset,
  encodeOutcome,
  type SnapshotMeta,
  type SnapshotOutcome,
} from '../codec/snapshot-codec.ts';
import type { NodeId } from '../core/types.ts';
import type { Link, LinkContext } from './link.ts';
import type { SnapshotSink } from './transport.ts';

export interface SnapshotReceiverOptions extends LinkContext {
  readonly self: NodeId;
  readonly log: Logger;
  readonly sink: (from: NodeId) => SnapshotSink;
  /** Its bytes are there and durable. */
  readonly onReceived: (from: NodeId, meta: SnapshotMeta) => void;
}

/** For the outcome to arrive. */
const outcomeMs = 1000;

/** Takes snapshots of other members, a few at a time. */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  readonly #receptions = new Set<SnapshotReception>();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** For a connection over which a member that is welcome will send one. */
  receive(from: NodeId, link: Link): SnapshotReception {
    const reception: SnapshotReception = new SnapshotReception(from, link, this.#options, {
      begin: () => this.#begin(reception),
      onOver: () => this.#receptions.delete(reception),
    });
    return reception;
  }

  /**
   * @returns what must be over before this one begins: a member that dials again has given up its former transfer,
   * but what came of it may still be being written. Undefined when there is no room.
   */
  #begin(reception: SnapshotReception): Promise<unknown> | undefined {
    const former = [...this.#receptions].filter(({ from }) => from === reception.from);
    for (const one of former) one.supersede();
    const { snapshots } = this.#options.limits;
    const others = this.#receptions.size - former.length;
    if (others >= snapshots || former.length > snapshots) return undefined;
    this.#receptions.add(reception);
    return Promise.all(former.map(({ over }) => over));
  }

  get isEmpty(): boolean {
    return this.#receptions.size === 0;
  }
}

interface Turnstile {
  readonly begin: () => Promise<unknown> | undefined;
  readonly onOver: () => void;
}

/** One incoming snapshot. */
export class SnapshotReception {
  readonly from: NodeId;
  readonly #link: Link;
  readonly #options: SnapshotReceiverOptions;
  readonly #turnstile: Turnstile;
  #sink: SnapshotSink | undefined;
  #meta: SnapshotMeta | undefined;
  /** Up to where bytes have arrived, and up to where they are written. */
  #arrived = 0;
  #written = 0;
  /** What the sink does now; the next piece waits for it. */
  #work: Promise<void> = Promise.resolve();
  #busy = 0;
  /** For how long the sender was waited for in vain. */
  #quietMs = 0;
  /** The sender is heard no more; what it sent before may still be written. */
  #ended = false;
  /** The sink is of no use any more. */
  #failed = false;

  constructor(from: NodeId, link: Link, options: SnapshotReceiverOptions, turnstile: Turnstile) {
    this.from = from;
    this.#link = link;
    this.#options = options;
    this.#turnstile = turnstile;
  }

  /** @throws FrameError when it cannot be part of this transfer */
  onFrame(kind: FrameKind, payload: Uint8Array): void {
    if (kind === 'alive' || this.#ended) return;
    this.#quietMs = 0;
    if (kind === 'snapshotBegin') this.#begin(decodeSnapshotBegin(payload));
    else this.#chunk(payload);
  }

  /** To be called from time to time. */
  check(elapsedMs: number): void {
    // While the sink is busy it is not for the sender to send.
    if (this.#ended || this.#busy > 0) return;
    this.#quietMs += elapsedMs;
    if (this.#quietMs >= this.#options.limits.snapshotStallMs) this.#link.destroy('the snapshot stalled');
  }

  /** Whether nothing of it is left to be done. */
  get over(): Promise<void> {
    return this.#work;
  }

  /** The member sends another one instead. */
  supersede(): void {
    this.cut();
    this.#link.destroy('the member begins anew');
  }

  /** The connection is gone. */
  cut(): void {
    this.#end(undefined);
  }

  #begin(meta: SnapshotMeta): void {
    const { message } = meta;
    if (message.from !== this.from || message.to !== this.#options.self)
      throw new FrameError('protocol', `A snapshot from ${message.from} came from ${this.from}.`);
    const former = this.#turnstile.begin();
    if (former === undefined) {
      this.#end('busy');
      return;
    }
    this.#meta = meta;
    this.#link.expect(['snapshotChunk', 'alive']);
    this.#then(async () => {
      await former;
      if (this.#ended) return;
      const sink = this.#options.sink(this.from);
      const offset = await sink.begin(meta);
      if (offset === undefined) {
        this.#end('unwanted');
        return;
      }
      this.#sink = sink;
      if (offset > meta.size) throw new Error('The sink wants bytes beyond the end.');
      this.#arrived = this.#written = offset;
      this.#quietMs = 0;
      this.#link.send('snapshotResume', encodeOffset(offset));
      await this.#finishIfWhole();
    });
  }

  #chunk(payload: Uint8Array): void {
    const size = this.#meta?.size ?? 0;
    let chunk: ReturnType<typeof decodeChunk>;
    try {
      chunk = decodeChunk(payload);
    } catch (error) {
      if (!(error instanceof FrameError) || error.problem !== 'checksum') throw error;
      this.#options.log.warn('A chunk of a snapshot came damaged.', { from: this.from });
      this.#end('damaged');
      return;
    }
    const { offset, data } = chunk;
    const end = offset + data.length;
    const sink = this.#sink;
    if (sink === undefined || offset !== this.#arrived || data.length === 0 || end > size)
      throw new FrameError('protocol', 'A chunk of a snapshot is not the one that is awaited.');
    this.#arrived = end;
    const { snapshotWindowBytes } = this.#options.limits;
    if (this.#arrived - this.#written >= snapshotWindowBytes) this.#link.pause();
    this.#then(async () => {
      await sink.write(offset, data);
      this.#written = end;
      this.#quietMs = 0;
      if (this.#arrived - this.#written < snapshotWindowBytes) this.#link.resume();
      this.#link.send('snapshotAck', encodeOffset(end));
      await this.#finishIfWhole();
    });
  }

  async #finishIfWhole(): Promise<void> {
    if (this.#meta === undefined || this.#written !== this.#meta.size) return;
    await this.#sink?.finish();
    // Durable: nothing to give up any more, even if the sender is gone by now.
    this.#sink = undefined;
    this.#options.counters.snapshotsReceived++;
    this.#options.onReceived(this.from, this.#meta);
    this.#end('delivered');
  }

  /** Does a piece of work after all before it; a failure ends the transfer. */
  #then(work: () => Promise<void>): void {
    this.#busy++;
    this.#work = this.#work
      .then(() => (this.#failed ? undefined : work()))
      .catch((error: unknown) => {
        this.#failed = true;
        this.#options.log.warn('A snapshot could not be taken.', { from: this.from, error });
        this.#end('failed');
      })
      .finally(() => {
        this.#busy--;
      });
  }

  /** @param outcome what the sender is told; nothing when it is gone */
  #end(outcome: SnapshotOutcome | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    if (outcome !== undefined) {
      this.#link.send('snapshotDone', encodeOutcome(outcome));
      this.#link.end(`snapshot: ${outcome}`, outcomeMs);
    }
    // Not under the hands of what the sink does now.
    this.#work = this.#work
      .then(() => this.#abort())
      .catch((error: unknown) => {
        this.#options.log.warn('A snapshot could not be given up.', { from: this.from, error });
      })
      .finally(this.#turnstile.onOver);
  }

  async #abort(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.abort();
  }
}
