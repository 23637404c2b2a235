import type { LogStorage } from '../core/log-storage.ts';
import type { AppendWork } from '../core/ready.ts';
import type { ConfState, Index, Snapshot } from '../core/types.ts';
import type { WalStats } from '../storage/wal.ts';

/** What the members agree on. Everything here is deterministic: the same entries give the same state everywhere. */
export interface StateMachine {
  /**
   * Applies one committed entry's payload; called once for each, in order of the index.
   * @returns what whoever proposed it is told
   */
  apply(index: Index, payload: Uint8Array): unknown;
  /** The members have changed. @param context what came with the change */
  membersChanged(index: Index, config: ConfState, context: Uint8Array): void;
  /** All of the state, as of the last applied entry. */
  snapshot(): Uint8Array;
  /** Replaces all of the state. @throws when the bytes are no snapshot of this machine; the member then stops */
  restore(index: Index, config: ConfState, snapshot: Uint8Array): void;
}

/** The log on disk. What a piece of work holds is durable once `done` is called; pieces are done in order. */
export interface DurableLog extends LogStorage {
  /**
   * A piece whose write fails is never done, nor is any after it. One that need not be durable may be done before the
   * call returns.
   */
  append(work: AppendWork, done: () => void): void;
  /** A snapshot of this member's own is durable: `snapshot()` answers it from then on. */
  recordSnapshot(snapshot: Snapshot, done: () => void): void;
  /** Entries up to that index are not needed any more; some of them may stay. */
  compact(index: Index, done: () => void): void;
  /** The disk has not answered for too long: it fails as if that had reported an error. */
  giveUp?(): void;
  /** For metrics. */
  readonly stats?: WalStats;
}

/** Snapshots on disk, by index. */
export interface SnapshotFiles {
  /** @param done with an error when it could not be kept; the older one then still stands */
  save(snapshot: Snapshot, state: Uint8Array, done: (error?: Error) => void): void;
  /** @throws when that one is not there or is damaged */
  read(index: Index): Uint8Array;
  /** Those before that one are not needed any more: the log has recorded it. Newer ones may be, which it has yet to record. */
  dropOlder(than: Index): void;
}
