import { entrySize, type Entry, type Index } from '../core/types.ts';
import { readEntries } from './entry-batch.ts';
import type { Stretch } from './log-index.ts';
import { recordTypes } from './record.ts';
import { RecordCursor } from './record-cursor.ts';
import { WalCorruptError } from './storage-error.ts';
import type { VfsFile } from './vfs.ts';

/** Mostly it is a few entries that a member lacks. */
const windowBytes = 16 * 1024;

/**
 * Reads entries [from, to), which the stretch holds, up to a size but at least one. Each record is checked again: what
 * was read when the log was opened may have decayed since.
 * @throws WalCorruptError
 */
export const readStretch = (
  file: VfsFile,
  path: string,
  stretch: Stretch,
  from: Index,
  to: Index,
  maxBytes: number,
): Entry[] => {
  const cursor = new RecordCursor(file, stretch.offset, stretch.seed, windowBytes);
  const limit = Math.min(to, stretch.limit);
  const found: Entry[] = [];
  let bytes = 0;
  while (from + found.length < limit) {
    const { offset } = cursor;
    if (cursor.next() !== 'record') throw new WalCorruptError('a record can no longer be read', path, offset);
    if (cursor.type !== recordTypes.entries) continue;
    for (const entry of readEntries(cursor.payload, from + found.length, limit)) {
      if (entry.index !== from + found.length)
        throw new WalCorruptError(`entry ${entry.index} is out of place`, path, offset);
      bytes += entrySize(entry);
      if (found.length > 0 && bytes > maxBytes) return found;
      found.push(entry);
    }
  }
  return found;
};
