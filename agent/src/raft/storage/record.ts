import { crc32 } from 'node:zlib';

/*
 * The frame of a record, little endian, at a multiple of 8:
 *
 *    0  u32  crc32 of all that follows, padding included, seeded with the crc of the record before
 *    4  u32  bytes of payload
 *    8  u8   type
 *    9  u8   flags: 1 = last record of a piece of work
 *   10  u16  0
 *   12       payload, then zeros up to a multiple of 8
 *
 * The crc stands first so that one run covers the rest. Chaining it means that a record is only valid behind the very
 * record that it was written behind: one left over from before, or moved, is not taken for a part of the log. No valid
 * record begins with 16 zeros, so the preallocated space behind the log is no record.
 */

/** Numbers are on disk: they are never used again for something else. */
export const recordTypes = {
  segmentHeader: 1,
  syncPoint: 2,
  entries: 3,
  hardState: 4,
  snapshot: 5,
  compaction: 6,
} as const;

export const headBytes = 12;
export const smallestRecordBytes = 16;
export const lastOfWork = 1;

/** Data of one entry; the transport carries no more than that either. */
export const maxEntryDataBytes = 16 * 1024 * 1024;
/** Of any record: the largest entry and what stands around it. A longer one is damage, and nothing is allocated for it. */
export const maxPayloadBytes = maxEntryDataBytes + 64 * 1024;

const paddedBytes = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Bytes of a whole record. */
export const recordBytes = (payloadBytes: number): number => paddedBytes(headBytes + payloadBytes);

/**
 * Completes a record whose payload is in place, at `at` + 12.
 * @param seed crc of the record before
 * @returns its crc
 */
export const sealRecord = (
  buffer: Buffer,
  at: number,
  payloadBytes: number,
  type: number,
  flags: number,
  seed: number,
): number => {
  const end = at + recordBytes(payloadBytes);
  buffer.writeUInt32LE(payloadBytes, at + 4);
  buffer.writeUInt8(type, at + 8);
  buffer.writeUInt8(flags, at + 9);
  buffer.writeUInt16LE(0, at + 10);
  buffer.fill(0, at + headBytes + payloadBytes, end);
  const crc = crc32(buffer.subarray(at + 4, end), seed);
  buffer.writeUInt32LE(crc, at);
  return crc;
};

/** What a frame says of itself, to be believed once its crc is checked. */
export interface RecordHead {
  readonly crc: number;
  readonly payloadBytes: number;
  readonly type: number;
  readonly flags: number;
}

/** @returns undefined when these cannot be the first bytes of a record */
export const readHead = (buffer: Buffer, at: number): RecordHead | undefined => {
  if (at + headBytes > buffer.length) return undefined;
  const payloadBytes = buffer.readUInt32LE(at + 4);
  const type = buffer.readUInt8(at + 8);
  const flags = buffer.readUInt8(at + 9);
  const plausible =
    type !== 0 &&
    payloadBytes <= maxPayloadBytes &&
    flags <= lastOfWork &&
    buffer.readUInt16LE(at + 10) === 0;
  return plausible ? { crc: buffer.readUInt32LE(at), payloadBytes, type, flags } : undefined;
};

/** Whether the record at `at`, all of which is in the buffer, is whole and follows the one with this crc. */
export const isIntact = (buffer: Buffer, at: number, head: RecordHead, seed: number): boolean =>
  crc32(buffer.subarray(at + 4, at + recordBytes(head.payloadBytes)), seed) === head.crc;
