import { crc32 } from 'node:zlib';
import type { ConfState, Index, Term } from '../core/types.ts';
import { ByteReader, ByteWriter, PayloadError } from './byte-cursor.ts';
import { configBytes, readConfig, writeConfig } from './markers.ts';
import type { VfsFile } from './vfs.ts';

/*
 * A snapshot's file: the data from byte 0 on, so that a transfer's offset is the file's; then what describes it, which
 * is known only at the end: {u16 layout, u32 format, u64 index, u64 term, u64 size, 32 bytes sha256 of the data,
 * members}; then {u32 bytes of that, u32 crc32 of that, 8 bytes magic}. All little endian.
 */

/** What is known of a snapshot before its data is. */
export interface SnapshotHead {
  readonly index: Index;
  readonly term: Term;
  /** Members as of that index. */
  readonly config: ConfState;
  /** Of the data, by the application's count. */
  readonly format: number;
}

export interface SnapshotMeta extends SnapshotHead {
  /** Bytes of data. */
  readonly size: number;
  /** Of the data, 64 hexadecimal digits. */
  readonly sha256: string;
}

const magic = Buffer.from('OMAXSNP\n', 'latin1');
const layout = 1;
const digestBytes = 32;
const endBytes = 4 + 4 + magic.length;
const fixedBytes = 2 + 4 + 3 * 8 + digestBytes;
/** More than the largest lists of members take. */
const maxDescriptionBytes = 64 * 1024;

/** What follows the data. */
export const encodeFooter = (meta: SnapshotMeta): Buffer => {
  const bytes = fixedBytes + configBytes(meta.config);
  const writer = new ByteWriter(Buffer.alloc(bytes + endBytes));
  writer.u16(layout);
  writer.u32(meta.format);
  writer.u64(meta.index);
  writer.u64(meta.term);
  writer.u64(meta.size);
  writer.bytes(Buffer.from(meta.sha256, 'hex'));
  writeConfig(writer, meta.config);
  writer.u32(bytes);
  writer.u32(crc32(writer.buffer.subarray(0, bytes)));
  writer.bytes(magic);
  return writer.buffer;
};

/** @returns undefined when the file is not complete, or no snapshot */
export const readFooter = (file: VfsFile): SnapshotMeta | undefined => {
  const size = file.size();
  const end = Buffer.alloc(endBytes);
  if (size < endBytes || file.read(end, size - endBytes) !== endBytes) return undefined;
  const bytes = end.readUInt32LE(0);
  const from = size - endBytes - bytes;
  if (!end.subarray(8).equals(magic) || bytes > maxDescriptionBytes || from < 0) return undefined;
  const description = Buffer.alloc(bytes);
  if (file.read(description, from) !== bytes || crc32(description) !== end.readUInt32LE(4)) return undefined;
  try {
    const meta = decodeDescription(description);
    return meta.size === from ? meta : undefined;
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
};

const decodeDescription = (description: Buffer): SnapshotMeta => {
  const reader = new ByteReader(description);
  if (reader.u16() !== layout) throw new PayloadError('the layout of a snapshot is not known');
  const format = reader.u32();
  const index = reader.u64();
  const term = reader.u64();
  const size = reader.u64();
  const sha256 = reader.view(digestBytes).toString('hex');
  const config = readConfig(reader);
  reader.finish();
  return { index, term, config, format, size, sha256 };
};

const padded = (value: number): string => String(value).padStart(16, '0');

export const snapshotName = ({ index, term }: { readonly index: Index; readonly term: Term }): string =>
  `${padded(index)}-${padded(term)}.snap`;

export const isSnapshotName = (name: string): boolean => /^\d{16}-\d{16}\.snap$/.test(name);

/** One that is being received: two with the same index and term may differ in bytes when two members took them. */
export const partName = (meta: SnapshotMeta): string =>
  `${padded(meta.index)}-${padded(meta.term)}-${meta.sha256.slice(0, 16)}.part`;

export const isPartName = (name: string): boolean => /^\d{16}-\d{16}-[0-9a-f]{16}\.part$/.test(name);

/** Of a file's name: the index that its snapshot is of. */
export const indexOfName = (name: string): Index => Number(name.slice(0, 16));
