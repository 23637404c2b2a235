import type { Entry, Index } from '../core/types.ts';
import { readEntries } from '../storage/entry-batch.ts';
import type { LogState } from '../storage/log-state.ts';
import { RecordCursor } from '../storage/record-cursor.ts';
import { recordTypes } from '../storage/record.ts';
import { closeSegments, openSegments, recover, type SegmentFile } from '../storage/recovery.ts';
import type { LogSummary, WalIdentity } from '../storage/segment.ts';
import { StorageError, WalCorruptError } from '../storage/storage-error.ts';
import type { Vfs } from '../storage/vfs.ts';

const windowBytes = 256 * 1024;

/** An entry, and the record that holds it. */
export interface PlacedEntry {
  readonly entry: Entry;
  readonly file: string;
  /** Bytes from the beginning of that file. */
  readonly offset: number;
}

/** The log of a member that is stopped: read without changing anything, so that it can be read again. */
export class OfflineLog {
  readonly #segments: readonly SegmentFile[];
  readonly #state: LogState;

  /**
   * @param identity whose log it must be
   * @throws StorageError wal_missing, wal_foreign, wal_newer_format, wal_corrupt; an error of the disk
   */
  constructor(vfs: Vfs, directory: string, identity: WalIdentity) {
    let segments: SegmentFile[] = [];
    try {
      segments = openSegments(vfs, directory);
      const recovered = recover(segments, identity);
      if (recovered === undefined) throw missing(directory);
      this.#segments = segments;
      this.#state = recovered.state;
    } catch (error) {
      closeSegments(segments);
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? missing(directory) : error;
    }
  }

  get summary(): LogSummary {
    return this.#state.summary;
  }

  /** Of the entries that are still there. */
  get firstIndex(): Index {
    return this.#state.firstIndex;
  }

  get lastIndex(): Index {
    return this.#state.lastIndex;
  }

  /** Entries [from, to), which must be there. @throws WalCorruptError */
  *entries(from: Index, to: Index): Generator<PlacedEntry> {
    let next = from;
    while (next < to) {
      const stretch = this.#state.stretchOf(next, to);
      const segment = this.#segments.find(({ sequence }) => sequence === stretch?.sequence);
      if (stretch === undefined || segment === undefined) throw new Error(`entry ${next} is not in the log`);
      const cursor = new RecordCursor(segment.file, stretch.offset, stretch.seed, windowBytes);
      const limit = Math.min(to, stretch.limit);
      while (next < limit) {
        const { offset } = cursor;
        if (cursor.next() !== 'record')
          throw new WalCorruptError('a record can no longer be read', segment.path, offset);
        if (cursor.type !== recordTypes.entries) continue;
        for (const entry of readEntries(cursor.payload, next, limit)) {
          yield { entry, file: segment.path, offset };
          next += 1;
        }
      }
    }
  }

  close(): void {
    closeSegments(this.#segments);
  }
}

const missing = (directory: string): StorageError =>
  new StorageError('wal_missing', `There is no log in ${directory}.`, { file: directory });
