import { createHash } from 'node:crypto';
import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import { message } from '../core/message.ts';
import { emptyConfState, type NodeId } from '../core/types.ts';
import type { TransportLimits } from './limits.ts';
import type { ReadChunk, SnapshotSink } from './transport.ts';
import { Cluster, type Authority, type Member } from './wire.fixture.ts';

const digestOf = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export const metaOf = (from: NodeId, to: NodeId, bytes: Uint8Array, index = 100): SnapshotMeta => ({
  message: {
    ...message('snapshot', to, { from, term: 5 }),
    snapshot: { index, term: 4, config: { ...emptyConfState, voters: [1, 2] }, data: Uint8Array.of(7) },
  },
  size: bytes.length,
  sha256: digestOf(bytes),
});

/** Snapshots of one member in memory: what a store on disk does, with the same rules for going on. */
export class MemorySnapshots {
  /** What happened, in order. */
  readonly calls: string[] = [];
  readonly finished: Buffer[] = [];
  #meta: SnapshotMeta | undefined;
  #pieces: Uint8Array[] = [];
  #length = 0;
  /** Pieces that came to be written. */
  writes = 0;
  /** To be waited for before each piece is written. */
  beforeWrite: (offset: number) => Promise<void> = () => Promise.resolve();

  get kept(): number {
    return this.#length;
  }

  sink(): SnapshotSink {
    return {
      begin: (meta) => {
        const goesOn =
          this.#meta?.message.snapshot.index === meta.message.snapshot.index &&
          Buffer.compare(this.#meta.sha256, meta.sha256) === 0;
        if (!goesOn) this.#clear();
        this.#meta = meta;
        this.calls.push(`begin ${this.#length}`);
        return this.#length;
      },
      write: async (offset, bytes) => {
        this.writes++;
        await this.beforeWrite(offset);
        if (offset !== this.#length) throw new Error(`offset ${offset} after ${this.#length}`);
        this.#pieces.push(bytes);
        this.#length += bytes.length;
      },
      finish: () => {
        this.calls.push('finish');
        const bytes = Buffer.concat(this.#pieces);
        const isRight = Buffer.compare(digestOf(bytes), this.#meta?.sha256 ?? Buffer.alloc(0)) === 0;
        this.#meta = undefined;
        this.#clear();
        if (!isRight) throw new Error('not what was announced');
        this.finished.push(bytes);
      },
      abort: () => {
        this.calls.push('abort');
      },
    };
  }

  #clear(): void {
    this.#pieces = [];
    this.#length = 0;
  }
}

/** A snapshot under way. */
export interface Sent {
  /** Why it did not arrive; undefined when it did. */
  readonly ended: Promise<Error | undefined>;
  readonly cancel: () => void;
}

/** Two members, of which the first sends snapshots to the second. */
export class SnapshotPair {
  readonly cluster: Cluster;
  readonly a: Member;
  b: Member;
  /** Of the second. */
  readonly store = new MemorySnapshots();

  private constructor(cluster: Cluster, a: Member, b: Member) {
    this.cluster = cluster;
    this.a = a;
    this.b = b;
    this.receiveAt(b);
  }

  static async start(authority: Authority, limits: Partial<TransportLimits> = {}): Promise<SnapshotPair> {
    const cluster = new Cluster(authority);
    const all = { retryMinMs: 5, retryMaxMs: 20, ...limits };
    const made = new SnapshotPair(cluster, await cluster.member(1, all), await cluster.member(2, all));
    cluster.introduce();
    await cluster.connected();
    return made;
  }

  receiveAt(member: Member): void {
    this.b = member;
    member.sinkFor = () => this.store.sink();
  }

  send(meta: SnapshotMeta, read: ReadChunk): Sent {
    let cancel: () => void = () => undefined;
    const ended = new Promise<Error | undefined>((resolve) => {
      cancel = this.a.transport.sendSnapshot(meta, read, resolve);
    });
    return { ended, cancel };
  }
}

export const reading =
  (of: Buffer): ReadChunk =>
  (offset, length) =>
    of.subarray(offset, offset + length);
