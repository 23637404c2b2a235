import type { Logger } from '@ollamamax/common';
import { backoffDelay, sleep } from '@ollamamax/common/backoff';
import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import type { NodeId } from '../core/types.ts';
import { dial, type Dialer } from './dial.ts';
import type { RateLimit } from './rate-limit.ts';
import { SnapshotAttempt, TryAgain } from './snapshot-attempt.ts';
import type { Peer, ReadChunk } from './transport.ts';

export interface SnapshotSendingContext extends Dialer {
  readonly random: () => number;
  readonly log: Logger;
  readonly rate: RateLimit;
  readonly peer: (node: NodeId) => Peer | undefined;
}

/** One outgoing snapshot, over as many connections as it takes. */
export class SnapshotSending {
  readonly #context: SnapshotSendingContext;
  readonly #meta: SnapshotMeta;
  readonly #read: ReadChunk;
  readonly #given = new AbortController();
  #attempt: SnapshotAttempt | undefined;

  constructor(context: SnapshotSendingContext, meta: SnapshotMeta, read: ReadChunk) {
    this.#context = context;
    this.#meta = meta;
    this.#read = read;
  }

  /** Resolves once the receiver has it. */
  async run(): Promise<void> {
    const { limits, now, log, counters } = this.#context;
    const { message, size } = this.#meta;
    const fields = { to: message.to, index: message.snapshot.index, bytes: size };
    const deadline = setTimeout(
      () => this.cancel(`it was not delivered within ${limits.snapshotMs} ms`),
      limits.snapshotMs,
    );
    const begun = now();
    let furthest = 0;
    try {
      for (let failures = 0; ;) {
        this.#given.signal.throwIfAborted();
        const attempt = new SnapshotAttempt(this.#context, this.#meta, this.#read);
        const failure = await this.#run(attempt);
        if (failure === undefined) break;
        this.#given.signal.throwIfAborted();
        failures = attempt.acknowledged > furthest ? 1 : failures + 1;
        furthest = Math.max(furthest, attempt.acknowledged);
        if (!(failure instanceof TryAgain) || failures >= limits.snapshotTries) throw failure;
        log.info('A snapshot was interrupted.', { ...fields, reason: failure.message });
        await this.#pause(failures);
      }
    } finally {
      clearTimeout(deadline);
    }
    counters.snapshotsSent++;
    log.info('A snapshot was sent.', { ...fields, ms: Math.round(now() - begun) });
  }

  /** Gives it up. */
  cancel(reason: string): void {
    this.#given.abort(new Error(`The snapshot was given up: ${reason}.`));
  }

  /** To be called from time to time, after what has arrived was read. */
  check(elapsedMs: number): void {
    this.#attempt?.check(elapsedMs);
  }

  #pause(failures: number): Promise<void> {
    const { limits, random } = this.#context;
    const delay = backoffDelay(failures - 1, {
      minMs: limits.retryMinMs,
      maxMs: limits.retryMaxMs,
      random,
    });
    return sleep(delay, this.#given.signal);
  }

  /** @returns why it did not come to its end */
  #run(attempt: SnapshotAttempt): Promise<Error | undefined> {
    const { to } = this.#meta.message;
    const peer = this.#context.peer(to);
    if (peer === undefined) return Promise.resolve(new Error(`There is no member ${to}.`));
    const { signal } = this.#given;
    this.#attempt = attempt;
    return new Promise((resolve) => {
      const expected = ['snapshotResume', 'snapshotAck', 'snapshotDone', 'alive'] as const;
      const cut = dial(this.#context, peer, 'snapshot', expected, {
        onOpen: (link) => attempt.open(link),
        onFrame: (kind, payload) => attempt.onFrame(kind, payload),
        onClosed: (reason) => {
          signal.removeEventListener('abort', onAbort);
          this.#attempt = undefined;
          attempt.closed();
          resolve(attempt.delivered ? undefined : (attempt.failure ?? new TryAgain(reason)));
        },
      });
      const onAbort = (): void => cut('given up');
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
