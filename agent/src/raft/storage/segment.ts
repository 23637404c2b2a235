import { createHash } from 'node:crypto';
import type { EntryId, HardState, NodeId, Snapshot } from '../core/types.ts';
import { ByteReader, ByteWriter, PayloadError } from './byte-cursor.ts';
import {
  entryIdBytes,
  hardStateBytes,
  readEntryId,
  readHardState,
  readSnapshot,
  snapshotBytes,
  writeEntryId,
  writeHardState,
  writeSnapshot,
} from './markers.ts';
import { headBytes, recordBytes, recordTypes, sealRecord } from './record.ts';

/** Whose log it is. All of it is compared when a log is opened. */
export interface WalIdentity {
  /** 1 to 128 bytes. */
  readonly clusterId: string;
  readonly memberId: NodeId;
  /** Names one life of the member's data, such as a UUID; 1 to 64 bytes. */
  readonly incarnation: string;
}

/** What the log amounts to up to some point; a segment begins with it, so that those before it can go. */
export interface LogSummary {
  readonly last: EntryId;
  /** The last entry that was compacted away; index 0 for none. */
  readonly compacted: EntryId;
  readonly hardState: HardState;
  readonly snapshot: Snapshot;
}

export interface SegmentHeader {
  readonly identity: WalIdentity;
  /** From 1, without gaps. */
  readonly sequence: number;
  /** The file was preallocated with this many bytes: a shorter one was cut off. */
  readonly preallocated: number;
  /** Where the records of the segment before end; 0 of the first. */
  readonly previousEnd: number;
  /** Crc of the last record of the segment before; 0 of the first. */
  readonly seed: number;
  readonly summary: LogSummary;
}

const magic = Buffer.from('OMAXWAL\n', 'latin1');
export const formatVersion = 1;
const clusterIdBytesMax = 128;
const incarnationBytesMax = 64;
const fixedHeaderBytes = magic.length + 2 + 4 + 3 * 8 + 2 * entryIdBytes + hardStateBytes + 2 + 8 + 2;

/** A record of a format that a later version of the program wrote. */
export class NewerFormatError extends Error {
  override readonly name = 'NewerFormatError';
}

export const segmentName = (sequence: number): string => `${String(sequence).padStart(16, '0')}.wal`;

/** @returns undefined when the file is no segment */
export const sequenceOf = (name: string): number | undefined => {
  const sequence = /^\d{16}\.wal$/.test(name) ? Number(name.slice(0, 16)) : 0;
  return sequence > 0 && Number.isSafeInteger(sequence) ? sequence : undefined;
};

/** @returns why it cannot be written into a segment */
export const unusableIdentity = ({ clusterId, memberId, incarnation }: WalIdentity): string | undefined => {
  const fits = (text: string, max: number): boolean => text !== '' && Buffer.byteLength(text) <= max;
  if (!fits(clusterId, clusterIdBytesMax)) return `a cluster id has 1 to ${clusterIdBytesMax} bytes`;
  if (!fits(incarnation, incarnationBytesMax)) return `an incarnation has 1 to ${incarnationBytesMax} bytes`;
  return Number.isSafeInteger(memberId) && memberId > 0
    ? undefined
    : 'a member id is a positive safe integer';
};

/** A segment's header as a whole record, with its crc. */
export const encodeHeader = (header: SegmentHeader): { readonly bytes: Buffer; readonly crc: number } => {
  const { identity, summary } = header;
  const clusterId = Buffer.from(identity.clusterId);
  const incarnation = Buffer.from(identity.incarnation);
  const payloadBytes =
    fixedHeaderBytes + clusterId.length + incarnation.length + snapshotBytes(summary.snapshot);
  const bytes = Buffer.alloc(recordBytes(payloadBytes));
  const writer = new ByteWriter(bytes, headBytes);
  writer.bytes(magic);
  writer.u16(formatVersion);
  writer.u32(header.seed);
  writer.u64(header.sequence);
  writer.u64(header.preallocated);
  writer.u64(header.previousEnd);
  writeEntryId(writer, summary.last);
  writeEntryId(writer, summary.compacted);
  writeHardState(writer, summary.hardState);
  writer.u16(clusterId.length);
  writer.bytes(clusterId);
  writer.u64(identity.memberId);
  writer.u16(incarnation.length);
  writer.bytes(incarnation);
  writeSnapshot(writer, { snapshot: summary.snapshot, replacesLog: false });
  return { bytes, crc: sealRecord(bytes, 0, payloadBytes, recordTypes.segmentHeader, 0, header.seed) };
};

/** The seed that a header's record is chained with: it stands in the header itself. */
export const seedOfHeader = (payload: Buffer): number | undefined => {
  const at = magic.length + 2;
  return payload.length >= at + 4 ? payload.readUInt32LE(at) : undefined;
};

/** @throws PayloadError, NewerFormatError */
export const decodeHeader = (payload: Buffer): SegmentHeader => {
  const reader = new ByteReader(payload);
  if (!reader.view(magic.length).equals(magic)) throw new PayloadError('it is no segment of a log');
  const version = reader.u16();
  if (version !== formatVersion) throw new NewerFormatError(`format ${version} is not known`);
  const seed = reader.u32();
  const sequence = reader.u64();
  const preallocated = reader.u64();
  const previousEnd = reader.u64();
  const last = readEntryId(reader);
  const compacted = readEntryId(reader);
  const hardState = readHardState(reader);
  const clusterId = readText(reader, clusterIdBytesMax);
  const memberId = reader.u64();
  const incarnation = readText(reader, incarnationBytesMax);
  const { snapshot } = readSnapshot(reader);
  reader.finish();
  const identity = { clusterId, memberId, incarnation };
  const summary = { last, compacted, hardState, snapshot };
  return { identity, sequence, preallocated, previousEnd, seed, summary };
};

const readText = (reader: ByteReader, max: number): string => {
  const length = reader.u16();
  if (length > max) throw new PayloadError(`a text of ${length} bytes is too long`);
  return reader.view(length).toString('utf8');
};

/**
 * Begins every group of records that is written at once. It says that when it was written, everything in this segment
 * below `syncedTo` was durable. It can be recognised without what stands before it: it carries its own seed and offset,
 * and a salt that no entry can hold by chance or malice, since the incarnation is known to members only.
 */
export interface SyncPoint {
  readonly offset: number;
  readonly syncedTo: number;
  readonly seed: number;
}

const saltBytes = 8;
const syncPointPayloadBytes = saltBytes + 8 + 8 + 4;
export const syncPointBytes = recordBytes(syncPointPayloadBytes);

export const saltOf = ({ clusterId, memberId, incarnation }: WalIdentity, sequence: number): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([clusterId, memberId, incarnation, sequence]))
    .digest()
    .subarray(0, saltBytes);

/** @returns its crc */
export const writeSyncPoint = (buffer: Buffer, at: number, salt: Buffer, point: SyncPoint): number => {
  const writer = new ByteWriter(buffer, at + headBytes);
  writer.bytes(salt);
  writer.u64(point.offset);
  writer.u64(point.syncedTo);
  writer.u32(point.seed);
  return sealRecord(buffer, at, syncPointPayloadBytes, recordTypes.syncPoint, 0, point.seed);
};

/** @throws PayloadError when it is none, or stands elsewhere than it says */
export const decodeSyncPoint = (payload: Buffer, salt: Buffer, offset: number): SyncPoint => {
  const reader = new ByteReader(payload);
  if (!reader.view(saltBytes).equals(salt)) throw new PayloadError('a sync point is of another segment');
  const point = { offset: reader.u64(), syncedTo: reader.u64(), seed: reader.u32() };
  reader.finish();
  if (point.offset !== offset || point.syncedTo > offset)
    throw new PayloadError('a sync point is of another place');
  return point;
};
