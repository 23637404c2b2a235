import { PayloadError } from './byte-cursor.ts';
import { headBytes, isIntact, readHead, recordBytes, recordTypes } from './record.ts';
import { isZero, type RecordCursor } from './record-cursor.ts';
import { decodeSyncPoint, syncPointBytes } from './segment.ts';
import type { VfsFile } from './vfs.ts';

/*
 * Torn or damaged? Reading the last segment ends at the first thing that is no record behind the one before. Either a
 * crash cut off what was being written, and nobody was told that it is durable: then it is to be dropped. Or something
 * that was acknowledged is damaged: then dropping it would lose it silently, and this member could vote and count as if
 * it had never known it.
 *
 * What a crash can leave. At most one group of records is being written at a time, and only after what was written
 * before it is durable. Of a group, the disk may have any of its sectors and lack any others: a
 * record may be whole although one before it is not. So "a bad record before a good one" alone proves nothing. What
 * lacks is as it was before: zeros, since the space is zeroed before it is written, also by recovery.
 *
 * What therefore proves damage:
 *
 * 1. A sync point behind the bad place that says that everything up to beyond the bad place was durable when the group
 *    it begins was written. Every group begins with one. It can be found by its salt and checked by its own seed, so
 *    nothing before it needs to be readable. For a segment that is followed by another, the header of that one says
 *    the same: where the records of its predecessor end, with which crc.
 * 2. A bad record without a sector that is all zeros: each of its sectors was written, so it would be whole.
 * 3. A file that is shorter than it was preallocated.
 *
 * What proves nothing is dropped. That leaves one thing undetected: damage with zeros within the very last group. Any
 * later group proves that one too; closing the log writes a sync point for that purpose.
 */

export const sectorBytes = 512;
const maxWindowBytes = 1024 * 1024;

/**
 * @param cursor in front of what is no record
 * @param end where the last complete piece of work ends, at or before the cursor
 * @returns what proves that this is no torn write; undefined when it may be one
 */
export const proofOfDamage = (
  file: VfsFile,
  cursor: RecordCursor,
  end: number,
  salt: Buffer,
): string | undefined => {
  const bad = cursor.peek();
  if (!isZero(bad, 0, bad.length) && !hasLostSector(bad, cursor.offset))
    return 'a record is neither whole nor cut off by a crash';
  const proof = findSyncPoint(file, cursor.offset, end, salt);
  if (proof !== undefined)
    return `no record can be read there, though all up to byte ${proof.syncedTo} was durable, as byte ${proof.offset} proves`;
  return undefined;
};

const windowFor = (file: VfsFile): number => Math.min(Math.max(file.size(), sectorBytes), maxWindowBytes);

/** Whether the part of the record that lies in one of the sectors is all zeros. */
const hasLostSector = (record: Buffer, offset: number): boolean => {
  let at = 0;
  while (at < record.length) {
    const next = Math.min(at + sectorBytes - ((offset + at) % sectorBytes), record.length);
    if (isZero(record, at, next)) return true;
    at = next;
  }
  return false;
};

/** Searches behind `from` for a sync point that vouches for more than what could be read up to `end`. */
const findSyncPoint = (
  file: VfsFile,
  from: number,
  end: number,
  salt: Buffer,
): { readonly offset: number; readonly syncedTo: number } | undefined => {
  const windowBytes = windowFor(file);
  const window = Buffer.alloc(windowBytes);
  const record = Buffer.alloc(syncPointBytes);
  // Windows overlap by less than a salt, so that none is cut in two and none is found twice.
  for (let base = from; ; base += windowBytes - salt.length + 1) {
    const bytes = file.read(window, base);
    for (let at = window.indexOf(salt); at !== -1 && at < bytes; at = window.indexOf(salt, at + 1)) {
      const offset = base + at - headBytes;
      if (offset < from || file.read(record, offset) !== syncPointBytes) continue;
      const syncedTo = vouchedBy(record, salt, offset);
      if (syncedTo !== undefined && syncedTo > end) return { offset, syncedTo };
    }
    if (bytes < windowBytes) return undefined;
  }
};

const vouchedBy = (record: Buffer, salt: Buffer, offset: number): number | undefined => {
  const head = readHead(record, 0);
  if (head?.type !== recordTypes.syncPoint || recordBytes(head.payloadBytes) !== syncPointBytes)
    return undefined;
  try {
    const point = decodeSyncPoint(record.subarray(headBytes, headBytes + head.payloadBytes), salt, offset);
    return isIntact(record, 0, head, point.seed) ? point.syncedTo : undefined;
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
};

/** @returns where, behind `from`, nothing but zeros follows; `from` when all is zero */
export const endOfRemains = (file: VfsFile, from: number): number => {
  const windowBytes = windowFor(file);
  const window = Buffer.alloc(windowBytes);
  const zeros = Buffer.alloc(windowBytes);
  let end = from;
  for (let base = from; ; base += windowBytes) {
    const bytes = file.read(window, base);
    if (window.compare(zeros, 0, bytes, 0, bytes) !== 0) {
      let used = bytes;
      while (window[used - 1] === 0) used -= 1;
      end = base + used;
    }
    if (bytes < windowBytes) return end;
  }
};
