import { sleep } from '@ollamamax/common/backoff';
import { FrameError } from '../codec/frame-error.ts';
import { maxChunkBytes, type FrameKind } from '../codec/frame.ts';
import {
  decodeOffset,
  decodeOutcome,
  encodeChunk,
  encodeSnapshotBegin,
  type SnapshotMeta,
} from '../codec/snapshot-codec.ts';
import type { Dialer } from './dial.ts';
import type { Link } from './link.ts';
import type { RateLimit } from './rate-limit.ts';
import type { ReadChunk } from './transport.ts';

/** A try failed, and another may not. */
export class TryAgain extends Error {}

/** An outgoing snapshot on one connection. */
export class SnapshotAttempt {
  readonly #context: Dialer & { readonly rate: RateLimit };
  readonly #meta: SnapshotMeta;
  readonly #read: ReadChunk;
  readonly #over = new AbortController();
  #link: Link | undefined;
  /** Undefined until the receiver said from where on. */
  #sent: number | undefined;
  #acknowledged = 0;
  #pumping = false;
  /** For how long the receiver was waited for in vain. */
  #quietMs = 0;
  delivered = false;
  failure: Error | undefined;

  constructor(context: Dialer & { readonly rate: RateLimit }, meta: SnapshotMeta, read: ReadChunk) {
    this.#context = context;
    this.#meta = meta;
    this.#read = read;
  }

  /** Up to where the receiver is known to have it. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  open(link: Link): void {
    this.#link = link;
    link.write(encodeSnapshotBegin(this.#meta, this.#context.group));
  }

  closed(): void {
    this.#over.abort();
  }

  /** To be called from time to time, after what has arrived was read. */
  check(elapsedMs: number): void {
    if (this.#link === undefined) return;
    this.#link.check(elapsedMs);
    // What holds up here while nothing is on its way is reading, or the limit of bytes per second.
    const isWhole = this.#acknowledged === this.#meta.size;
    const waitsForReceiver = this.#sent === undefined || this.#sent > this.#acknowledged || isWhole;
    this.#quietMs = waitsForReceiver ? this.#quietMs + elapsedMs : 0;
    const { snapshotStallMs, snapshotFinishMs } = this.#context.limits;
    if (this.#quietMs >= (isWhole ? snapshotFinishMs : snapshotStallMs))
      this.#fail(new TryAgain('the receiver did nothing for too long'));
  }

  /** @throws FrameError when it cannot be an answer */
  onFrame(kind: FrameKind, payload: Uint8Array): void {
    if (kind === 'alive') return;
    this.#quietMs = 0;
    if (kind === 'snapshotDone') this.#done(payload);
    else this.#offset(kind === 'snapshotResume', decodeOffset(payload));
  }

  /** Sends on, as far as the receiver keeps up. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#send()
      .catch((error: unknown) => {
        if (this.#over.signal.aborted) return;
        this.#fail(error instanceof Error ? error : new Error('The snapshot could not be read.'));
      })
      .finally(() => {
        this.#pumping = false;
      });
  }

  #offset(isResume: boolean, offset: number): void {
    const wrong = isResume
      ? this.#sent !== undefined || offset > this.#meta.size
      : this.#sent === undefined || offset > this.#sent || offset <= this.#acknowledged;
    if (wrong) throw new FrameError('protocol', `Offset ${offset} of a snapshot cannot be.`);
    if (isResume) this.#sent = offset;
    this.#acknowledged = offset;
    this.#pump();
  }

  async #send(): Promise<void> {
    const { limits, rate, group } = this.#context;
    const { signal } = this.#over;
    while (this.#sent !== undefined) {
      const offset = this.#sent;
      const length = Math.min(maxChunkBytes, rate.pieceBytes, this.#meta.size - offset);
      const onItsWay = offset - this.#acknowledged;
      if (length === 0 || (onItsWay > 0 && onItsWay + length > limits.snapshotWindowBytes)) return;
      const wait = rate.take(length);
      if (wait > 0) await sleep(wait, signal);
      const data = await this.#read(offset, length);
      if (data.length !== length)
        throw new Error(`Only ${data.length} of ${length} bytes of a snapshot were read.`);
      if (signal.aborted) return;
      this.#sent = offset + length;
      this.#link?.write(encodeChunk(offset, data, group));
    }
  }

  #done(payload: Uint8Array): void {
    const outcome = decodeOutcome(payload);
    if (outcome === 'delivered') {
      this.delivered = true;
      this.#link?.end('delivered', this.#context.limits.closeMs);
    } else if (outcome === 'busy' || outcome === 'damaged')
      this.#fail(new TryAgain(`the receiver says: ${outcome}`));
    else this.#fail(new Error(`The receiver did not take the snapshot: ${outcome}.`));
  }

  #fail(error: Error): void {
    this.failure ??= error;
    this.#link?.destroy(error.message);
  }
}
