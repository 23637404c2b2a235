import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import type { NodeId } from '../core/types.ts';
import { RateLimit } from './rate-limit.ts';
import { SnapshotSending, type SnapshotSendingContext } from './snapshot-sending.ts';
import type { ReadChunk, SnapshotDone } from './transport.ts';

interface Transfer {
  readonly sending: SnapshotSending;
  readonly done: SnapshotDone;
  running: boolean;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** Outgoing snapshots: one for each peer, a few at a time; the others wait for their turn. */
export class SnapshotQueue {
  readonly #context: SnapshotSendingContext;
  /** In the order in which they were asked for. */
  readonly #transfers = new Map<NodeId, Transfer>();
  #running = 0;
  #closed = false;

  constructor(context: Omit<SnapshotSendingContext, 'rate'>) {
    const rate = new RateLimit(context.limits.snapshotBytesPerSecond, context.now);
    this.#context = { ...context, rate };
  }

  /** @returns gives it up; `done` is told so */
  send(meta: SnapshotMeta, read: ReadChunk, done: SnapshotDone): () => void {
    const { to } = meta.message;
    const problem = this.#closed
      ? 'The transport is closed.'
      : this.#transfers.has(to)
        ? `A snapshot for member ${to} is on its way already.`
        : undefined;
    if (problem !== undefined) {
      setImmediate(() => done(new Error(problem)));
      return () => undefined;
    }
    const transfer = { sending: new SnapshotSending(this.#context, meta, read), done, running: false };
    this.#transfers.set(to, transfer);
    this.#next();
    return () => {
      if (this.#transfers.get(to) === transfer) this.#cancel(to, transfer, 'not wanted any more');
    };
  }

  get isEmpty(): boolean {
    return this.#transfers.size === 0;
  }

  /** To be called from time to time, after what has arrived was read. */
  check(elapsedMs: number): void {
    for (const { sending } of this.#transfers.values()) sending.check(elapsedMs);
  }

  /** Gives up what goes to members that are not there any more. */
  keepOnly(isMember: (node: NodeId) => boolean): void {
    for (const [node, transfer] of this.#transfers)
      if (!isMember(node)) this.#cancel(node, transfer, 'no member any more');
  }

  close(): void {
    this.#closed = true;
    for (const [node, transfer] of this.#transfers) this.#cancel(node, transfer, 'closing');
  }

  #cancel(node: NodeId, transfer: Transfer, reason: string): void {
    transfer.sending.cancel(reason);
    // One that runs ends by itself; one that waits would only be told when its turn comes.
    if (!transfer.running) this.#run(node, transfer);
  }

  #next(): void {
    for (const [node, transfer] of this.#transfers) {
      if (this.#running >= this.#context.limits.snapshots) return;
      if (!transfer.running) this.#run(node, transfer);
    }
  }

  #run(node: NodeId, transfer: Transfer): void {
    transfer.running = true;
    this.#running++;
    const ended = (problem: Error | undefined): void => {
      this.#running--;
      this.#transfers.delete(node);
      this.#next();
      transfer.done(problem);
    };
    transfer.sending.run().then(
      () => ended(undefined),
      (error: unknown) => ended(asError(error)),
    );
  }
}
