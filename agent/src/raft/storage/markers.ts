import type { ConfState, EntryId, HardState, NodeId, Snapshot } from '../core/types.ts';
import { ByteReader, PayloadError, type ByteWriter } from './byte-cursor.ts';

/*
 * Payloads of the small records: hard state {u64 term, u64 vote, u64 commit}, compaction {u64 index, u64 term},
 * snapshot {u8 1 when it replaces the log, u64 index, u64 term, members, u32 bytes of data, data}, with members as
 * {u8 auto-leave, then voters, outgoing, learners and learnersNext, each as {u16 number, u64 each}}.
 */

/** Of each list of members. */
const maxMembers = 1024;
/** What a driver finds a snapshot by is small; the snapshot itself has a file of its own. */
const maxSnapshotDataBytes = 64 * 1024;

export const hardStateBytes = 24;
export const entryIdBytes = 16;

export interface SnapshotMarker {
  readonly snapshot: Snapshot;
  /** It came from another member and replaces the whole log; otherwise the log goes on beside it. */
  readonly replacesLog: boolean;
}

export const writeHardState = (writer: ByteWriter, { term, vote, commit }: HardState): void => {
  writer.u64(term);
  writer.u64(vote);
  writer.u64(commit);
};

export const readHardState = (reader: ByteReader): HardState => ({
  term: reader.u64(),
  vote: reader.u64(),
  commit: reader.u64(),
});

export const writeEntryId = (writer: ByteWriter, { index, term }: EntryId): void => {
  writer.u64(index);
  writer.u64(term);
};

export const readEntryId = (reader: ByteReader): EntryId => ({ index: reader.u64(), term: reader.u64() });

const listsOf = (config: ConfState): (readonly NodeId[])[] => [
  config.voters,
  config.outgoing,
  config.learners,
  config.learnersNext,
];

export const configBytes = (config: ConfState): number =>
  listsOf(config).reduce((sum, list) => sum + 2 + 8 * list.length, 1);

export const writeConfig = (writer: ByteWriter, config: ConfState): void => {
  writer.u8(config.autoLeave ? 1 : 0);
  for (const list of listsOf(config)) {
    writer.u16(list.length);
    for (const node of list) writer.u64(node);
  }
};

export const readConfig = (reader: ByteReader): ConfState => {
  const autoLeave = readFlag(reader);
  const voters = readMembers(reader);
  const outgoing = readMembers(reader);
  const learners = readMembers(reader);
  return { voters, outgoing, learners, learnersNext: readMembers(reader), autoLeave };
};

export const snapshotBytes = ({ config, data }: Snapshot): number =>
  1 + entryIdBytes + configBytes(config) + 4 + data.length;

export const writeSnapshot = (writer: ByteWriter, { snapshot, replacesLog }: SnapshotMarker): void => {
  writer.u8(replacesLog ? 1 : 0);
  writeEntryId(writer, snapshot);
  writeConfig(writer, snapshot.config);
  writer.u32(snapshot.data.length);
  writer.bytes(snapshot.data);
};

export const readSnapshot = (reader: ByteReader): SnapshotMarker => {
  const replacesLog = readFlag(reader);
  const { index, term } = readEntryId(reader);
  const config = readConfig(reader);
  const length = reader.u32();
  if (length > maxSnapshotDataBytes)
    throw new PayloadError(`a snapshot's data of ${length} bytes is too large`);
  return { snapshot: { index, term, config, data: reader.bytes(length) }, replacesLog };
};

/** What the writer must refuse, because no reader would take it. @returns the reason */
export const unwritable = ({ config, data }: Snapshot): string | undefined => {
  if (data.length > maxSnapshotDataBytes)
    return `its data of ${data.length} bytes is above the limit of ${maxSnapshotDataBytes}`;
  return listsOf(config).some(({ length }) => length > maxMembers)
    ? `it has a list of more than ${maxMembers} members`
    : undefined;
};

/** Reads one thing that is the whole payload. @throws PayloadError */
export const readWhole = <T>(payload: Buffer, read: (reader: ByteReader) => T): T => {
  const reader = new ByteReader(payload);
  const value = read(reader);
  reader.finish();
  return value;
};

const readFlag = (reader: ByteReader): boolean => {
  const value = reader.u8();
  if (value > 1) throw new PayloadError(`${value} is neither yes nor no`);
  return value === 1;
};

const readMembers = (reader: ByteReader): NodeId[] => {
  const count = reader.u16();
  if (count > maxMembers) throw new PayloadError(`a list of ${count} members is too long`);
  return Array.from({ length: count }, () => reader.u64());
};
