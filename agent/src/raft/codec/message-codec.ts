import { wireTypes, type Message, type MessageType } from '../core/message.ts';
import type { Entry, EntryType, NodeId, Snapshot } from '../core/types.ts';
import { FrameError } from './frame-error.ts';
import { readU64, writeU64 } from './integers.ts';
import { receivedBytes } from './slab.ts';

/*
 * A message, little-endian; u64 hold safe integers; reserved bytes and bits are zero:
 *
 *   0  u8 version, u8 type, u8 flags (1 reject, 2 snapshot), u8 reserved
 *   4  u64 from, to, term, index, logTerm, commit, rejectHint, context
 *  68  u32 number of entries
 *  72  for each entry: u64 index, u64 term, u32 bytes of data, u8 type (0 normal, 1 config), u8[3] reserved
 *      with a snapshot: u64 index, u64 term, u32 flags (1 autoLeave), u32 voters, outgoing, learners, learnersNext,
 *      u32 bytes of data, then the members of these four lists, each u64 and ascending
 *      data of the entries, data of the snapshot, and nothing more
 *
 * Data comes last and in one piece, so that one copy keeps all of it.
 */

/** Of one encoded message. Who makes entries keeps them so small that one fits. */
export const maxMessageBytes = 16 * 1024 * 1024;

const version = 1;
const headBytes = 72;
const entryHeadBytes = 24;
const snapshotHeadBytes = 40;
const rejectFlag = 1;
const snapshotFlag = 2;

const entryTypes: readonly EntryType[] = ['normal', 'config'];
const messageTypes: (MessageType | undefined)[] = [];
for (const [type, number] of Object.entries(wireTypes)) messageTypes[number] = type as MessageType;

const noBytes = new Uint8Array(0);
const noEntries: readonly Entry[] = [];

const snapshotSize = ({ config, data }: Snapshot): number =>
  snapshotHeadBytes +
  8 * (config.voters.length + config.outgoing.length + config.learners.length + config.learnersNext.length) +
  data.length;

/** Bytes that it takes when encoded. */
export const messageSize = ({ entries, snapshot }: Message): number => {
  let size = headBytes + entryHeadBytes * entries.length;
  for (const { data } of entries) size += data.length;
  return snapshot === undefined ? size : size + snapshotSize(snapshot);
};

const requireAscending = (before: NodeId, member: NodeId): void => {
  if (member <= before) throw new FrameError('order', 'Members are not in ascending order, from 1.');
};

const writeMembers = (view: DataView, from: number, members: readonly NodeId[]): number => {
  let at = from;
  let before = 0;
  for (const member of members) {
    requireAscending(before, member);
    before = member;
    writeU64(view, at, member);
    at += 8;
  }
  return at;
};

const writeSnapshotHead = (view: DataView, from: number, snapshot: Snapshot): number => {
  const { config } = snapshot;
  writeU64(view, from, snapshot.index);
  writeU64(view, from + 8, snapshot.term);
  view.setUint32(from + 16, config.autoLeave ? 1 : 0, true);
  view.setUint32(from + 20, config.voters.length, true);
  view.setUint32(from + 24, config.outgoing.length, true);
  view.setUint32(from + 28, config.learners.length, true);
  view.setUint32(from + 32, config.learnersNext.length, true);
  view.setUint32(from + 36, snapshot.data.length, true);
  let at = writeMembers(view, from + snapshotHeadBytes, config.voters);
  at = writeMembers(view, at, config.outgoing);
  at = writeMembers(view, at, config.learners);
  return writeMembers(view, at, config.learnersNext);
};

/**
 * Writes a message at `from`; `view` covers the same memory as `bytes`.
 * @returns where it ends: `messageSize(message)` bytes further
 * @throws FrameError when a number is no safe integer from 0
 */
export const writeMessage = (message: Message, bytes: Uint8Array, view: DataView, from: number): number => {
  const { entries, snapshot } = message;
  view.setUint8(from, version);
  view.setUint8(from + 1, wireTypes[message.type]);
  view.setUint8(from + 2, (message.reject ? rejectFlag : 0) | (snapshot === undefined ? 0 : snapshotFlag));
  view.setUint8(from + 3, 0);
  writeU64(view, from + 4, message.from);
  writeU64(view, from + 12, message.to);
  writeU64(view, from + 20, message.term);
  writeU64(view, from + 28, message.index);
  writeU64(view, from + 36, message.logTerm);
  writeU64(view, from + 44, message.commit);
  writeU64(view, from + 52, message.rejectHint);
  writeU64(view, from + 60, message.context);
  view.setUint32(from + 68, entries.length, true);
  let at = from + headBytes;
  for (const entry of entries) {
    writeU64(view, at, entry.index);
    writeU64(view, at + 8, entry.term);
    view.setUint32(at + 16, entry.data.length, true);
    // The three reserved bytes with it.
    view.setUint32(at + 20, entryTypes.indexOf(entry.type), true);
    at += entryHeadBytes;
  }
  if (snapshot !== undefined) at = writeSnapshotHead(view, at, snapshot);
  for (const { data } of entries) {
    bytes.set(data, at);
    at += data.length;
  }
  if (snapshot !== undefined) {
    bytes.set(snapshot.data, at);
    at += snapshot.data.length;
  }
  return at;
};

/** @throws FrameError when it is too long, or a number is no safe integer from 0 */
export const encodeMessage = (message: Message): Buffer => {
  const size = messageSize(message);
  if (size > maxMessageBytes) throw new FrameError('length', `A message of ${size} bytes is too long.`);
  const bytes = Buffer.allocUnsafe(size);
  writeMessage(message, bytes, new DataView(bytes.buffer, bytes.byteOffset, size), 0);
  return bytes;
};

const tooShort = (): FrameError => new FrameError('length', 'A message is shorter than it says.');
const reserved = (): FrameError => new FrameError('reserved', 'Reserved bits of a message are set.');

interface SnapshotHead {
  readonly snapshot: Omit<Snapshot, 'data'>;
  readonly dataLength: number;
  readonly end: number;
}

const readMembers = (view: DataView, from: number, count: number): NodeId[] => {
  const members: NodeId[] = [];
  let before = 0;
  for (let at = from; at < from + 8 * count; at += 8) {
    const member = readU64(view, at);
    requireAscending(before, member);
    before = member;
    members.push(member);
  }
  return members;
};

const readSnapshotHead = (view: DataView, from: number): SnapshotHead => {
  if (view.byteLength - from < snapshotHeadBytes) throw tooShort();
  const flags = view.getUint32(from + 16, true);
  if (flags > 1) throw reserved();
  const voters = view.getUint32(from + 20, true);
  const outgoing = view.getUint32(from + 24, true);
  const learners = view.getUint32(from + 28, true);
  const learnersNext = view.getUint32(from + 32, true);
  const start = from + snapshotHeadBytes;
  const end = start + 8 * (voters + outgoing + learners + learnersNext);
  if (end > view.byteLength) throw tooShort();
  return {
    snapshot: {
      index: readU64(view, from),
      term: readU64(view, from + 8),
      config: {
        voters: readMembers(view, start, voters),
        outgoing: readMembers(view, start + 8 * voters, outgoing),
        learners: readMembers(view, start + 8 * (voters + outgoing), learners),
        learnersNext: readMembers(view, end - 8 * learnersNext, learnersNext),
        autoLeave: flags === 1,
      },
    },
    dataLength: view.getUint32(from + 36, true),
    end,
  };
};

/** Views of `data`, one after the other, as long as the heads of the entries say. */
const readEntries = (view: DataView, count: number, data: Uint8Array): Entry[] => {
  const entries: Entry[] = [];
  let taken = data.byteOffset;
  for (let at = headBytes; at < headBytes + entryHeadBytes * count; at += entryHeadBytes) {
    const length = view.getUint32(at + 16, true);
    const type = entryTypes[view.getUint32(at + 20, true)];
    if (type === undefined) throw new FrameError('kind', 'An entry is of a kind that is not known.');
    entries.push({
      index: readU64(view, at),
      term: readU64(view, at + 8),
      type,
      data: length === 0 ? noBytes : new Uint8Array(data.buffer, taken, length),
    });
    taken += length;
  }
  return entries;
};

const entryDataLength = (view: DataView, count: number): number => {
  let length = 0;
  for (let at = headBytes; at < headBytes + entryHeadBytes * count; at += entryHeadBytes)
    length += view.getUint32(at + 16, true);
  return length;
};

const keep = (data: Uint8Array, owned: boolean): Uint8Array => {
  if (owned) return data;
  const copy = receivedBytes.take(data.length);
  copy.set(data);
  return copy;
};

/**
 * Reads one message that fills `bytes`.
 * @param owned whether entries may refer to `bytes` itself; else all their data is copied, at once
 * @throws FrameError and nothing else, whatever the bytes are
 */
export const decodeMessage = (bytes: Uint8Array, owned = false): Message => {
  if (bytes.length < headBytes) throw tooShort();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(0) !== version)
    throw new FrameError('version', `Messages of version ${view.getUint8(0)} are not understood.`);
  const type = messageTypes[view.getUint8(1)];
  if (type === undefined) throw new FrameError('kind', 'A message is of a kind that is not known.');
  const flags = view.getUint8(2);
  if (flags > (rejectFlag | snapshotFlag) || view.getUint8(3) !== 0) throw reserved();
  const count = view.getUint32(68, true);
  const headsEnd = headBytes + entryHeadBytes * count;
  if (headsEnd > bytes.length) throw tooShort();
  const head = (flags & snapshotFlag) === 0 ? undefined : readSnapshotHead(view, headsEnd);
  const dataStart = head?.end ?? headsEnd;
  const ofEntries = entryDataLength(view, count);
  if (dataStart + ofEntries + (head?.dataLength ?? 0) !== bytes.length)
    throw new FrameError('length', 'A message is not as long as it says.');
  const data = dataStart === bytes.length ? noBytes : keep(bytes.subarray(dataStart), owned);
  return {
    type,
    from: readU64(view, 4),
    to: readU64(view, 12),
    term: readU64(view, 20),
    index: readU64(view, 28),
    logTerm: readU64(view, 36),
    entries: count === 0 ? noEntries : readEntries(view, count, data),
    commit: readU64(view, 44),
    reject: (flags & rejectFlag) !== 0,
    rejectHint: readU64(view, 52),
    context: readU64(view, 60),
    snapshot:
      head === undefined
        ? undefined
        : {
            ...head.snapshot,
            data: new Uint8Array(data.buffer, data.byteOffset + ofEntries, head.dataLength),
          },
  };
};
