import { assert, assertSafe } from '../core/assert.ts';
import type { AppendWork } from '../core/ready.ts';
import type { Entry, EntryId, HardState } from '../core/types.ts';
import { ByteWriter } from './byte-cursor.ts';
import { summarize, toBatches, writeBatch, type BatchSummary, type EntryBatch } from './entry-batch.ts';
import type { Position } from './log-index.ts';
import type { LogState } from './log-state.ts';
import {
  entryIdBytes,
  hardStateBytes,
  snapshotBytes,
  unwritable,
  writeEntryId,
  writeHardState,
  writeSnapshot,
  type SnapshotMarker,
} from './markers.ts';
import { headBytes, lastOfWork, maxEntryDataBytes, recordBytes, recordTypes, sealRecord } from './record.ts';
import type { Effect } from './replay.ts';
import { syncPointBytes, writeSyncPoint } from './segment.ts';

/** A record that is to be written, and what it does to the log once it is durable. */
interface RecordPlan {
  readonly type: number;
  readonly payloadBytes: number;
  write(buffer: Buffer, at: number): void;
  apply(state: LogState, position: Position): void;
}

/** Work for the log that becomes durable whole or not at all. */
export interface Piece {
  readonly plans: readonly RecordPlan[];
  /** Of all its records. */
  readonly bytes: number;
  /** Otherwise it may be lost, by a crash of this process as well. Never false for entries and snapshots. */
  readonly mustSync: boolean;
  /** Whether it replaces the log by a snapshot, before its entries. */
  readonly replacesLog: boolean;
  readonly entries: readonly Entry[];
  readonly done: () => void;
}

const plan = (
  type: number,
  payloadBytes: number,
  write: (writer: ByteWriter) => void,
  effect: Effect,
): RecordPlan => ({
  type,
  payloadBytes,
  write: (buffer, at) => write(new ByteWriter(buffer, at)),
  apply: effect,
});

/** A class and no closures: there is one for each write, and what lives until the disk has answered should be little. */
class EntriesPlan implements RecordPlan {
  readonly type = recordTypes.entries;
  readonly payloadBytes: number;
  readonly #entries: readonly Entry[];
  readonly #summary: BatchSummary;

  constructor({ entries, payloadBytes }: EntryBatch) {
    this.#entries = entries;
    this.payloadBytes = payloadBytes;
    this.#summary = summarize(entries);
  }

  write(buffer: Buffer, at: number): void {
    writeBatch(buffer, at, this.#entries);
  }

  apply(state: LogState, position: Position): void {
    state.addEntries(this.#summary, position);
  }
}

const snapshotPlan = (marker: SnapshotMarker): RecordPlan => {
  const reason = unwritable(marker.snapshot);
  assert(reason === undefined, 'a snapshot cannot be recorded: %', reason);
  return plan(
    recordTypes.snapshot,
    snapshotBytes(marker.snapshot),
    (writer) => writeSnapshot(writer, marker),
    (state) => state.setSnapshot(marker),
  );
};

const hardStatePlan = (hardState: HardState): RecordPlan => {
  assertSafe(hardState.term, 'a term');
  assertSafe(hardState.vote, 'a vote');
  assertSafe(hardState.commit, 'a commit index');
  return plan(
    recordTypes.hardState,
    hardStateBytes,
    (writer) => writeHardState(writer, hardState),
    (state) => state.setHardState(hardState),
  );
};

const entryPlans = (entries: readonly Entry[]): RecordPlan[] => {
  let before: Entry | undefined;
  for (const entry of entries) {
    assertSafe(entry.index, 'an index');
    assertSafe(entry.term, 'a term');
    assert(entry.data.length <= maxEntryDataBytes, 'entry % has % bytes', entry.index, entry.data.length);
    assert(
      before === undefined || (entry.index === before.index + 1 && entry.term >= before.term),
      'entry % of term % does not follow % of %',
      entry.index,
      entry.term,
      before?.index,
      before?.term,
    );
    before = entry;
  }
  return toBatches(entries).map((batch) => new EntriesPlan(batch));
};

const piece = (
  plans: readonly RecordPlan[],
  done: () => void,
  fields: Pick<Piece, 'mustSync' | 'replacesLog' | 'entries'>,
): Piece => ({
  plans,
  bytes: plans.reduce((sum, { payloadBytes }) => sum + recordBytes(payloadBytes), 0),
  done,
  ...fields,
});

/** The core's work: snapshot before entries before hard state, each of which may need the one before. */
export const pieceOfWork = (work: AppendWork, done: () => void): Piece => {
  const { snapshot, entries, hardState, mustSync } = work;
  const replacesLog = snapshot !== undefined;
  const plans = [
    ...(replacesLog ? [snapshotPlan({ snapshot, replacesLog })] : []),
    ...entryPlans(entries),
    ...(hardState === undefined ? [] : [hardStatePlan(hardState)]),
  ];
  const holdsMore = replacesLog || entries.length > 0;
  return piece(plans, done, { mustSync: mustSync || holdsMore, replacesLog, entries });
};

/** Word of a snapshot of our own, beside which the log goes on. */
export const pieceOfSnapshot = (snapshot: SnapshotMarker['snapshot'], done: () => void): Piece =>
  piece([snapshotPlan({ snapshot, replacesLog: false })], done, {
    mustSync: true,
    replacesLog: false,
    entries: [],
  });

export const pieceOfCompaction = (to: EntryId, done: () => void): Piece => {
  const write = (writer: ByteWriter): void => writeEntryId(writer, to);
  const plans = [plan(recordTypes.compaction, entryIdBytes, write, (state) => state.compact(to))];
  return piece(plans, done, { mustSync: true, replacesLog: false, entries: [] });
};

/** Work that writes nothing and only waits for what was queued before it. */
export const pieceOfNothing = (done: () => void): Piece =>
  piece([], done, { mustSync: false, replacesLog: false, entries: [] });

/** Where a group of pieces is to be written, and what it is chained with. */
export interface Place {
  readonly sequence: number;
  readonly salt: Buffer;
  readonly offset: number;
  readonly seed: number;
  readonly syncedTo: number;
}

/** Pieces as they stand in a buffer. */
export interface Group {
  /** From the sync point to the last record; 0 when there is nothing to write. */
  readonly bytes: number;
  /** Crc of the last record. */
  readonly seed: number;
  readonly pieces: readonly Piece[];
  /** Of the records of all pieces, in turn. */
  readonly positions: readonly Position[];
}

export const groupBytes = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { bytes }) => sum + bytes, syncPointBytes);

/** Writes pieces into a buffer from `at` on, with a sync point before them. */
export const encodeGroup = (buffer: Buffer, at: number, pieces: readonly Piece[], place: Place): Group => {
  const { sequence, salt, offset, syncedTo } = place;
  let seed = writeSyncPoint(buffer, at, salt, { offset, syncedTo, seed: place.seed });
  let next = at + syncPointBytes;
  const positions: Position[] = [];
  for (const { plans } of pieces)
    plans.forEach((each, number) => {
      positions.push({ sequence, offset: offset + next - at, seed });
      each.write(buffer, next + headBytes);
      const flags = number === plans.length - 1 ? lastOfWork : 0;
      seed = sealRecord(buffer, next, each.payloadBytes, each.type, flags, seed);
      next += recordBytes(each.payloadBytes);
    });
  return { bytes: next - at, seed, pieces, positions };
};
