import { createHash } from 'node:crypto';
import { join } from 'node:path/posix';
import type { Index, Snapshot } from '../core/types.ts';
import type { SnapshotMeta as IncomingMeta } from '../codec/snapshot-codec.ts';
import { snapshotName, type SnapshotMeta } from '../storage/snapshot-format.ts';
import type { SnapshotStore } from '../storage/snapshot-store.ts';
import type { SnapshotWriter } from '../storage/snapshot-writer.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { Vfs } from '../storage/vfs.ts';
import type { ReadChunk, SnapshotSink } from '../transport/transport.ts';
import type { SnapshotFiles } from './state-machine.ts';

/** Of the state machine's bytes; a state machine that writes others raises it. */
const stateFormat = 1;

/** A snapshot that is being sent; it stays readable until it is closed. */
export interface OutgoingSnapshot {
  readonly size: number;
  readonly sha256: Uint8Array;
  readonly read: ReadChunk;
  close(): void;
}

/** The snapshots of one member: its own, those that it sends, and those that it receives. */
export class SnapshotShelf implements SnapshotFiles {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #store: SnapshotStore;

  /** @param store opened, on that folder */
  constructor(vfs: Vfs, directory: string, store: SnapshotStore) {
    this.#vfs = vfs;
    this.#directory = directory;
    this.#store = store;
  }

  save({ index, term, config }: Snapshot, state: Uint8Array, done: (error?: Error) => void): void {
    this.#store.create({ index, term, config, format: stateFormat }, (error, writer) => {
      if (writer === undefined) {
        done(error);
        return;
      }
      writer.write(state, (failed) => {
        if (failed === undefined) writer.finish((unfinished) => done(unfinished));
        else done(failed);
      });
    });
  }

  read(index: Index): Uint8Array {
    const meta = this.#metaOf(index);
    const path = join(this.#directory, snapshotName(meta));
    const file = this.#vfs.open(path, 'read');
    const state = new Uint8Array(meta.size);
    try {
      file.read(state, 0);
    } finally {
      file.close();
    }
    if (createHash('sha256').update(state).digest('hex') !== meta.sha256)
      throw new StorageError('snapshot_invalid', `The snapshot in ${path} is not what was written.`, {
        file: path,
      });
    this.#store.found(meta);
    return state;
  }

  dropOlder(than: Index): void {
    // None that is older stays as a reserve: what is being sent stays readable, and a member that restarts again and
    // again before it takes a second one would never remove any. What cannot be removed now is with the next one.
    this.#store.removeOlder(than, () => undefined);
  }

  /** @throws StorageError when that one is not there any more */
  send(index: Index): OutgoingSnapshot {
    const { term, size, sha256 } = this.#metaOf(index);
    const reader = this.#store.read(index, term);
    if (reader === undefined) throw missing(this.#directory, index);
    return {
      size,
      sha256: Buffer.from(sha256, 'hex'),
      read: (offset, length) =>
        new Promise((resolve, reject) => {
          const bytes = new Uint8Array(length);
          reader.read(bytes, offset, (error, count) => {
            if (error === undefined && count === length) resolve(bytes);
            else reject(error ?? new Error(`snapshot ${index} ends at ${offset + count}`));
          });
        }),
      close: () => reader.close(),
    };
  }

  /** @returns where the bytes of one that another member sends go */
  sink(): SnapshotSink {
    return new StoringSink(this.#store);
  }

  #metaOf(index: Index): SnapshotMeta {
    const meta = this.#store.list().find((each) => each.index === index);
    if (meta === undefined) throw missing(this.#directory, index);
    return meta;
  }
}

const missing = (directory: string, index: Index): StorageError =>
  new StorageError('snapshot_invalid', `There is no snapshot ${index} in ${directory}.`, { file: directory });

class StoringSink implements SnapshotSink {
  readonly #store: SnapshotStore;
  #writer: SnapshotWriter | undefined;

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  begin({ message, size, sha256 }: IncomingMeta): Promise<number | undefined> {
    const { index, term, config } = message.snapshot;
    const meta = {
      index,
      term,
      config,
      format: stateFormat,
      size,
      sha256: Buffer.from(sha256).toString('hex'),
    };
    return new Promise((resolve, reject) => {
      this.#store.receive(meta, (error, writer) => {
        this.#writer = writer;
        if (writer === undefined) reject(error ?? new Error('the snapshot cannot be received'));
        else resolve(writer.offset);
      });
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    const writer = this.#writer;
    if (writer?.offset !== offset)
      return Promise.reject(new Error(`bytes from ${offset} do not follow ${writer?.offset ?? 0}`));
    return new Promise((resolve, reject) => {
      writer.write(bytes, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  finish(): Promise<void> {
    return new Promise((resolve, reject) => {
      const writer = this.#writer;
      this.#writer = undefined;
      if (writer === undefined) reject(new Error('the snapshot was not begun'));
      else
        writer.finish((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
    });
  }

  abort(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    return new Promise((resolve) => {
      if (writer === undefined) resolve();
      else writer.suspend(resolve);
    });
  }
}
