import { RaftInvariantError } from '../core/assert.ts';
import { PayloadError } from './byte-cursor.ts';
import { readSummary } from './entry-batch.ts';
import type { Position } from './log-index.ts';
import type { LogState } from './log-state.ts';
import { readEntryId, readHardState, readSnapshot, readWhole } from './markers.ts';
import { lastOfWork, recordTypes } from './record.ts';
import type { RecordCursor, Step } from './record-cursor.ts';
import { decodeSyncPoint, NewerFormatError } from './segment.ts';

/** What a record does to the log once the piece of work that it belongs to is complete. */
export type Effect = (state: LogState) => void;

/** A record is intact, and still no part of a log: what wrote it was wrong, or the bytes are from elsewhere. */
export class MeaningError extends Error {
  override readonly name = 'MeaningError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Where the readable part of a segment ends. */
export interface Replayed {
  /** Behind the last complete piece of work. */
  readonly end: number;
  /** Crc of the record that ends there. */
  readonly seed: number;
  /** All before this is known to have been durable. */
  readonly syncedTo: number;
  /** What stands behind, in front of which the cursor is; `limit` when it was not looked at. */
  readonly stop: Step | 'limit';
  readonly works: number;
}

const effectOf = (type: number, payload: Buffer, position: Position): Effect => {
  switch (type) {
    case recordTypes.entries: {
      const summary = readSummary(payload);
      return (state) => state.addEntries(summary, position);
    }
    case recordTypes.hardState: {
      const hardState = readWhole(payload, readHardState);
      return (state) => state.setHardState(hardState);
    }
    case recordTypes.snapshot: {
      const marker = readWhole(payload, readSnapshot);
      return (state) => state.setSnapshot(marker);
    }
    case recordTypes.compaction: {
      const to = readWhole(payload, readEntryId);
      return (state) => state.compact(to);
    }
    default:
      throw new NewerFormatError(`a record of type ${type} is not known`);
  }
};

/**
 * Feeds the records of a segment behind its header to the state, each piece of work whole or not at all.
 * @param limit where a sealed segment ends
 * @throws MeaningError, NewerFormatError
 */
export const replay = (
  cursor: RecordCursor,
  sequence: number,
  salt: Buffer,
  state: LogState,
  limit = Infinity,
): Replayed => {
  let { offset: end, seed } = cursor;
  let pending: Effect[] = [];
  let syncedTo = 0;
  let works = 0;
  let stop: Replayed['stop'] = 'limit';
  while (cursor.offset < limit) {
    const position = { sequence, offset: cursor.offset, seed: cursor.seed };
    stop = cursor.next();
    if (stop !== 'record') break;
    try {
      if (cursor.type === recordTypes.syncPoint) {
        ({ syncedTo } = decodeSyncPoint(cursor.payload, salt, position.offset));
        if (pending.length > 0) throw new PayloadError('a sync point divides a piece of work');
      } else {
        pending.push(effectOf(cursor.type, cursor.payload, position));
        if (cursor.flags !== lastOfWork) continue;
        for (const effect of pending) effect(state);
        pending = [];
        works += 1;
      }
    } catch (error) {
      if (error instanceof PayloadError || error instanceof RaftInvariantError)
        throw new MeaningError(error.message, position.offset);
      throw error;
    }
    ({ offset: end, seed } = cursor);
  }
  return { end, seed, syncedTo, stop: cursor.offset < limit ? stop : 'limit', works };
};
