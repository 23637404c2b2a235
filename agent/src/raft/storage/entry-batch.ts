import type { Entry, EntryId, EntryType, Index } from '../core/types.ts';
import { ByteReader, ByteWriter, PayloadError } from './byte-cursor.ts';
import { maxEntryDataBytes } from './record.ts';

/*
 * Payload of an entries record: u64 index of the first, u32 number of entries, and for each in turn
 * {u64 term, u8 type, u32 bytes of data, data}. They are consecutive, and their terms never fall.
 */

const batchHeadBytes = 12;
const entryHeadBytes = 13;
const normalType = 0;
const configType = 1;
/** Where a batch ends and the next begins, so that reading one entry reads not much more. */
const softBatchBytes = 256 * 1024;

export interface EntryBatch {
  readonly entries: readonly Entry[];
  readonly payloadBytes: number;
}

/** What is remembered of a batch: where it lies in the log, and which terms begin in it, in ascending order. */
export interface BatchSummary {
  readonly first: Index;
  readonly count: number;
  readonly terms: readonly EntryId[];
}

/** Splits entries into the batches that become records. */
export const toBatches = (entries: readonly Entry[]): EntryBatch[] => {
  const batches: EntryBatch[] = [];
  let from = 0;
  let payloadBytes = batchHeadBytes;
  entries.forEach(({ data }, at) => {
    const bytes = entryHeadBytes + data.length;
    if (at > from && payloadBytes + bytes > softBatchBytes) {
      batches.push({ entries: entries.slice(from, at), payloadBytes });
      from = at;
      payloadBytes = batchHeadBytes;
    }
    payloadBytes += bytes;
  });
  if (entries.length > 0) batches.push({ entries: from === 0 ? entries : entries.slice(from), payloadBytes });
  return batches;
};

export const writeBatch = (buffer: Buffer, at: number, entries: readonly Entry[]): void => {
  const writer = new ByteWriter(buffer, at);
  writer.u64(entries[0]?.index ?? 0);
  writer.u32(entries.length);
  for (const { term, type, data } of entries) {
    writer.u64(term);
    writer.u8(type === 'config' ? configType : normalType);
    writer.u32(data.length);
    writer.bytes(data);
  }
};

export const summarize = (entries: readonly Entry[]): BatchSummary => {
  const terms: EntryId[] = [];
  for (const { index, term } of entries) if (term !== terms.at(-1)?.term) terms.push({ index, term });
  return { first: entries[0]?.index ?? 0, count: entries.length, terms };
};

/** Checks a whole batch without making its entries. @throws PayloadError */
export const readSummary = (payload: Buffer): BatchSummary => {
  const reader = new ByteReader(payload);
  const { first, count } = readBatchHead(reader);
  const terms: EntryId[] = [];
  let last = -1;
  for (let at = 0; at < count; at += 1) {
    const term = reader.u64();
    if (term < last) throw new PayloadError(`the term falls from ${last} to ${term}`);
    if (term > last) terms.push({ index: first + at, term });
    last = term;
    typeOf(reader.u8());
    reader.skip(readDataBytes(reader));
  }
  reader.finish();
  return { first, count, terms };
};

/**
 * The entries of a batch whose index is in [from, to). They share one copy of what of the payload they need, since a
 * copy for each costs more than all the rest; it is as large as a batch at most, unless it is of one entry.
 * @throws PayloadError
 */
export const readEntries = (payload: Buffer, from: Index, to: Index): Entry[] => {
  const reader = new ByteReader(payload);
  const { first, count } = readBatchHead(reader);
  let index = first;
  for (; index < from && index < first + count; index += 1) {
    reader.skip(entryHeadBytes - 4);
    reader.skip(readDataBytes(reader));
  }
  const end = Math.min(to, first + count);
  if (index >= end) return [];
  const copy = new Uint8Array(payload.subarray(reader.at));
  const base = reader.at;
  const entries: Entry[] = [];
  for (; index < end; index += 1) {
    const term = reader.u64();
    const type = typeOf(reader.u8());
    const length = readDataBytes(reader);
    const at = reader.at - base;
    reader.skip(length);
    entries.push({ index, term, type, data: copy.subarray(at, at + length) });
  }
  return entries;
};

const readBatchHead = (reader: ByteReader): { first: Index; count: number } => {
  const first = reader.u64();
  const count = reader.u32();
  if (first === 0 || count === 0) throw new PayloadError('a batch holds no entries');
  // Bounds the loops before any entry is looked at.
  if (count * entryHeadBytes > reader.left || !Number.isSafeInteger(first + count))
    throw new PayloadError(`${count} entries do not fit in their record`);
  return { first, count };
};

const readDataBytes = (reader: ByteReader): number => {
  const length = reader.u32();
  if (length > maxEntryDataBytes) throw new PayloadError(`an entry of ${length} bytes is too large`);
  return length;
};

const typeOf = (value: number): EntryType => {
  if (value === normalType) return 'normal';
  if (value === configType) return 'config';
  throw new PayloadError(`${value} is no type of entry`);
};
