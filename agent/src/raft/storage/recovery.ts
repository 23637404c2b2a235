import { join } from 'node:path/posix';
import type { NodeId } from '../core/types.ts';
import { PayloadError } from './byte-cursor.ts';
import { LogState } from './log-state.ts';
import { recordTypes } from './record.ts';
import { RecordCursor } from './record-cursor.ts';
import { MeaningError, replay, type Replayed } from './replay.ts';
import {
  decodeHeader,
  encodeHeader,
  NewerFormatError,
  saltOf,
  seedOfHeader,
  segmentName,
  sequenceOf,
  type SegmentHeader,
  type WalIdentity,
} from './segment.ts';
import { StorageError, WalCorruptError } from './storage-error.ts';
import { proofOfDamage } from './tail-verdict.ts';
import type { Vfs, VfsFile } from './vfs.ts';

const windowBytes = 1024 * 1024;
const headerWindowBytes = 1024;

/** A file whose name is a segment's. */
export interface SegmentFile {
  readonly path: string;
  readonly sequence: number;
  readonly file: VfsFile;
  /** undefined: nothing that can be read was written to it. */
  readonly header: SegmentHeader | undefined;
  /** Where the records behind the header begin, and with which crc they are chained. */
  readonly body: { readonly offset: number; readonly seed: number };
}

/** What the files of a directory amount to. */
export interface Recovered {
  readonly state: LogState;
  /** In ascending order, without a gap; the last one is written on. Their files are open for reading. */
  readonly segments: readonly (SegmentFile & { readonly header: SegmentHeader })[];
  readonly tail: Replayed;
  /** Prepared and not begun, or begun and torn at its very beginning; its file is open for reading. */
  readonly spare: SegmentFile | undefined;
  /** Segments from before a compaction, which a crash kept from being removed. */
  readonly leftovers: readonly string[];
}

/** Opens the segments of a directory and reads their headers, in ascending order. @throws StorageError */
export const openSegments = (vfs: Vfs, directory: string): SegmentFile[] => {
  const sequences = vfs.list(directory).flatMap((name) => sequenceOf(name) ?? []);
  const opened: SegmentFile[] = [];
  try {
    for (const sequence of sequences.sort((a, b) => a - b))
      opened.push(openSegment(vfs, join(directory, segmentName(sequence)), sequence));
    return opened;
  } catch (error) {
    closeSegments(opened);
    throw error;
  }
};

export const closeSegments = (segments: readonly SegmentFile[]): void => {
  for (const { file } of segments) file.close();
};

export const openSegment = (vfs: Vfs, path: string, sequence: number): SegmentFile => {
  const file = vfs.open(path, 'read');
  try {
    const cursor = new RecordCursor(file, 0, 0, headerWindowBytes);
    const header = readHeader(cursor, path, sequence);
    if (header !== undefined && file.size() < header.preallocated)
      throw new WalCorruptError(`it is cut off: it had ${header.preallocated} bytes`, path, file.size());
    return { path, sequence, file, header, body: { offset: cursor.offset, seed: cursor.seed } };
  } catch (error) {
    file.close();
    throw error;
  }
};

const readHeader = (cursor: RecordCursor, path: string, sequence: number): SegmentHeader | undefined => {
  cursor.seed = seedOfHeader(cursor.peek().subarray(12)) ?? 0;
  if (cursor.next() !== 'record') return undefined;
  return explained(path, () => {
    if (cursor.type !== recordTypes.segmentHeader)
      throw new MeaningError('it does not begin with a header', 0);
    const header = decodeHeader(cursor.payload);
    if (header.sequence !== sequence) throw new MeaningError(`it is segment ${header.sequence}`, 0);
    return header;
  });
};

/**
 * Reads the whole log, changing nothing.
 * @param segments as openSegments gave them
 * @param identity whose log it must be; when left out, that of the first header
 * @returns undefined when no log was begun there
 * @throws WalCorruptError, StorageError
 */
export const recover = (segments: readonly SegmentFile[], identity?: WalIdentity): Recovered | undefined => {
  const owner = identity ?? segments.find(({ header }) => header !== undefined)?.header?.identity;
  for (const { header, path } of segments)
    if (header !== undefined && owner !== undefined) refuseForeign(header.identity, owner, path);
  const spare = segments.at(-1)?.header === undefined ? segments.at(-1) : undefined;
  // One is prepared only after the segment before it was begun and synced: only the last can lack a header.
  const blank = segments.find((segment) => segment.header === undefined && segment !== spare);
  if (blank !== undefined) throw new WalCorruptError('its header cannot be read', blank.path, 0);
  if (spare !== undefined && owner !== undefined) refuseBegun(spare, owner);

  const begun = segments.flatMap((segment) =>
    segment.header === undefined ? [] : [{ ...segment, header: segment.header }],
  );
  const last = begun.at(-1);
  if (last === undefined || owner === undefined) {
    // The first one gets its header before the log is used at all.
    if (spare !== undefined && spare.sequence > 1) throw missing(spare, spare.sequence - 1);
    return undefined;
  }
  if (spare !== undefined && spare.sequence !== last.sequence + 1) throw missing(spare, spare.sequence - 1);
  const chain = begun.slice(
    begun.findLastIndex((segment, at) => begun[at - 1]?.sequence !== segment.sequence - 1),
  );
  const { state, tail } = replayChain(chain, owner);
  const [first] = chain;
  if (!state.isComplete && first !== undefined) {
    const what = `entries ${state.firstIndex} to ${state.availableFrom - 1} are missing, which segment ${first.sequence - 1} held`;
    throw new WalCorruptError(what, first.path, 0);
  }
  const leftovers = begun.slice(0, begun.length - chain.length).map(({ path }) => path);
  return { state, segments: chain, tail, spare, leftovers };
};

const missing = (behind: SegmentFile, sequence: number): WalCorruptError =>
  new WalCorruptError(`segment ${sequence} before it is missing`, behind.path, 0);

const replayChain = (
  chain: Recovered['segments'],
  identity: WalIdentity,
): { readonly state: LogState; readonly tail: Replayed } => {
  let state: LogState | undefined;
  for (const [at, segment] of chain.entries()) {
    const { header, path, sequence, file } = segment;
    state ??= new LogState(header.summary);
    const current = state;
    if (!sameBytes(header, { ...header, summary: current.summary }))
      throw new WalCorruptError('its header does not agree with the segments before it', path, 0);
    const next = chain[at + 1];
    const { cursor, tail } = replaySegment(segment, identity, current, next?.header.previousEnd);
    if (next !== undefined) {
      if (tail.end !== next.header.previousEnd || tail.seed !== next.header.seed)
        throw new WalCorruptError(
          `segment ${next.sequence} was begun behind more than can be read`,
          path,
          tail.end,
        );
      continue;
    }
    const proof = proofOfDamage(file, cursor, tail.end, saltOf(identity, sequence));
    if (proof !== undefined) throw new WalCorruptError(proof, path, cursor.offset);
    return { state: current, tail };
  }
  throw new Error('a log without segments');
};

/**
 * Feeds what a segment holds behind its header to the state.
 * @param limit where it ends, if another was begun behind it
 * @throws WalCorruptError, StorageError
 */
export const replaySegment = (
  { file, path, sequence, body }: SegmentFile,
  identity: WalIdentity,
  state: LogState,
  limit?: number,
): { readonly tail: Replayed; readonly cursor: RecordCursor } => {
  const cursor = new RecordCursor(file, body.offset, body.seed, Math.min(windowBytes, file.size()));
  const tail = explained(path, () => replay(cursor, sequence, saltOf(identity, sequence), state, limit));
  return { tail, cursor };
};

const sameBytes = (a: SegmentHeader, b: SegmentHeader): boolean =>
  encodeHeader(a).bytes.equals(encodeHeader(b).bytes);

/** A segment without a header is a spare one unless something in it was durable. */
const refuseBegun = ({ file, path, sequence }: SegmentFile, identity: WalIdentity): void => {
  const cursor = new RecordCursor(file, 0, 0, headerWindowBytes);
  const proof = proofOfDamage(file, cursor, 0, saltOf(identity, sequence));
  if (proof !== undefined) throw new WalCorruptError(proof, path, 0);
};

const refuseForeign = (found: WalIdentity, expected: WalIdentity, file: string): void => {
  const differ = (what: string, there: NodeId | string, here: NodeId | string): StorageError =>
    new StorageError(
      'wal_foreign',
      `The log in ${file} is of ${what} ${there}, and this is ${what} ${here}.`,
      {
        file,
      },
    );
  if (found.clusterId !== expected.clusterId) throw differ('cluster', found.clusterId, expected.clusterId);
  if (found.memberId !== expected.memberId) throw differ('member', found.memberId, expected.memberId);
  if (found.incarnation !== expected.incarnation)
    throw differ('incarnation', found.incarnation, expected.incarnation);
};

/** Tells where the error is. */
const explained = <T>(path: string, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (error instanceof NewerFormatError)
      throw new StorageError(
        'wal_newer_format',
        `The log in ${path} is of a later version: ${error.message}.`,
        {
          file: path,
          cause: error,
        },
      );
    if (error instanceof PayloadError) throw new WalCorruptError(error.message, path, 0, error);
    if (error instanceof MeaningError) throw new WalCorruptError(error.message, path, error.offset, error);
    throw error;
  }
};
