import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../core/assert.ts';
import type { Entry } from '../core/types.ts';
import { ByteReader, ByteWriter, PayloadError } from './byte-cursor.ts';
import { readEntries, readSummary, summarize, toBatches, writeBatch } from './entry-batch.ts';
import { LogState } from './log-state.ts';
import {
  readEntryId,
  readHardState,
  readSnapshot,
  readWhole,
  snapshotBytes,
  writeSnapshot,
} from './markers.ts';
import { lastOfWork, maxPayloadBytes, recordBytes, recordTypes, sealRecord } from './record.ts';
import { RecordCursor } from './record-cursor.ts';
import { closeSegments, openSegments, recover } from './recovery.ts';
import { MeaningError, replay } from './replay.ts';
import {
  decodeHeader,
  decodeSyncPoint,
  encodeHeader,
  NewerFormatError,
  saltOf,
  segmentName,
  type SegmentHeader,
} from './segment.ts';
import { seeded, SimDisk } from './sim-disk.fixture.ts';
import { StorageError } from './storage-error.ts';
import { directory, entry, identity, members } from './wal-model.fixture.ts';
import { WalRun } from './wal-run.fixture.ts';

const snapshot = { index: 41, term: 3, config: members, data: Buffer.from('where it is') };
const salt = saltOf(identity, 3);

const header: SegmentHeader = {
  identity,
  sequence: 3,
  preallocated: 4096,
  previousEnd: 4000,
  seed: 12345,
  summary: {
    last: { index: 50, term: 4 },
    compacted: { index: 40, term: 3 },
    hardState: { term: Number.MAX_SAFE_INTEGER, vote: 2, commit: 45 },
    snapshot,
  },
};

const batchOf = (entries: readonly Entry[]): Buffer => {
  const [batch] = toBatches(entries);
  const payload = Buffer.alloc(batch!.payloadBytes);
  writeBatch(payload, 0, batch!.entries);
  return payload;
};

const snapshotPayload = (): Buffer => {
  const payload = Buffer.alloc(snapshotBytes(snapshot));
  writeSnapshot(new ByteWriter(payload), { snapshot, replacesLog: true });
  return payload;
};

const headerPayload = (): Buffer => {
  const { bytes } = encodeHeader(header);
  return bytes.subarray(12, 12 + bytes.readUInt32LE(4));
};

const entries = [3, 3, 5, 5, 6].map((term, at) => entry(7 + at, term, Buffer.alloc(at * 9, at)));

describe('what is written', () => {
  test('is read back', () => {
    const batch = batchOf(entries);
    expect(readEntries(batch, 0, 99)).toEqual(entries);
    expect(readEntries(batch, 8, 10)).toEqual(entries.slice(1, 3));
    expect(readSummary(batch)).toEqual(summarize(entries));
    expect(summarize(entries)).toEqual({
      first: 7,
      count: 5,
      terms: [
        { index: 7, term: 3 },
        { index: 9, term: 5 },
        { index: 11, term: 6 },
      ],
    });
    expect(readWhole(snapshotPayload(), readSnapshot)).toEqual({
      snapshot: { ...snapshot, data: new Uint8Array(snapshot.data) },
      replacesLog: true,
    });
    expect(decodeHeader(headerPayload())).toEqual({
      ...header,
      summary: { ...header.summary, snapshot: { ...snapshot, data: new Uint8Array(snapshot.data) } },
    });
  });

  test('is the same bytes for ever', () => {
    // A change here makes logs of earlier versions unreadable: it needs another format version.
    const record = Buffer.alloc(recordBytes(24), 0xee);
    [1, 0, 5, 0, 9, 0].forEach((value, at) => record.writeUInt32LE(value, 12 + 4 * at));
    expect(sealRecord(record, 0, 24, recordTypes.hardState, lastOfWork, 0xabcdef)).toBe(
      record.readUInt32LE(0),
    );
    expect(record.toString('hex')).toMatchInlineSnapshot(
      `"4a04b706180000000401000001000000000000000500000000000000090000000000000000000000"`,
    );
    expect(batchOf([entry(1, 2, Buffer.from('ab'))]).toString('hex')).toMatchInlineSnapshot(
      `"010000000000000001000000020000000000000000020000006162"`,
    );
    expect(encodeHeader(header).bytes.toString('hex')).toMatchInlineSnapshot(
      `"d258cadebd000000010000004f4d415857414c0a01003930000003000000000000000010000000000000a00f0000000000003200000000000000040000000000000028000000000000000300000000000000ffffffffffff1f0002000000000000002d000000000000000300632d3107000000000000000f00613864322d66697273742d6c69666500290000000000000003000000000000000003000100000000000000020000000000000007000000000000000000000000000b000000776865726520697420697300000000000000"`,
    );
  });

  test('is split into records of a bounded size, of which an entry takes one alone if it must', () => {
    const large = [1, 2, 3, 4].map((index) => entry(index, 1, Buffer.alloc(index === 2 ? 400_000 : 100_000)));
    expect(toBatches(large).map((batch) => batch.entries.map(({ index }) => index))).toEqual([
      [1],
      [2],
      [3, 4],
    ]);
    expect(toBatches([])).toEqual([]);
  });
});

test('numbers are safe integers, and no others are taken', () => {
  const buffer = Buffer.alloc(8);
  for (const value of [0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER]) {
    new ByteWriter(buffer).u64(value);
    expect(new ByteReader(buffer).u64()).toBe(value);
    expect(buffer.readBigUInt64LE()).toBe(BigInt(value));
  }
  buffer.writeBigUInt64LE(2n ** 53n);
  expect(() => new ByteReader(buffer).u64()).toThrow(PayloadError);
});

/** Runs a decoder on bytes that mean nothing, or nearly something. @returns how many it took */
const fuzz = (
  seed: number,
  cases: number,
  valid: readonly Buffer[],
  decode: (bytes: Buffer) => unknown,
): number => {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  let taken = 0;
  for (let number = 0; number < cases; number += 1) {
    let bytes: Buffer;
    if (number % 4 === 0) {
      bytes = Buffer.from(Uint8Array.from({ length: below(200) }, () => below(256)));
    } else {
      bytes = Buffer.from(valid[number % valid.length]!);
      for (let change = below(4); change >= 0; change -= 1) {
        const kind = below(4);
        if (kind === 0) bytes[below(bytes.length)] = below(256);
        else if (kind === 1) bytes = bytes.subarray(0, below(bytes.length) + 1);
        else if (kind === 2) bytes.fill(random() < 0.5 ? 0xff : 0, below(bytes.length));
        else bytes = Buffer.concat([bytes, bytes.subarray(0, below(40))]);
      }
    }
    try {
      decode(bytes);
      taken += 1;
    } catch (error) {
      const isTyped = [PayloadError, NewerFormatError, MeaningError, StorageError].some(
        (type) => error instanceof type,
      );
      if (!isTyped)
        throw new Error(`case ${number} of seed ${seed}: ${bytes.toString('hex')}`, { cause: error });
    }
  }
  return taken;
};

describe('whatever the bytes, there is a value or an error of a known type', () => {
  const readers: Record<string, { valid: Buffer; decode: (bytes: Buffer) => unknown }> = {
    entries: {
      valid: batchOf(entries),
      decode: (bytes) => {
        const { first, count } = readSummary(bytes);
        const read = readEntries(bytes, 0, Infinity);
        // What was checked once without making entries is what is read later.
        expect([read.length, read[0]?.index]).toEqual([count, first]);
      },
    },
    'hard states': { valid: Buffer.alloc(24), decode: (bytes) => readWhole(bytes, readHardState) },
    compactions: { valid: Buffer.alloc(16), decode: (bytes) => readWhole(bytes, readEntryId) },
    snapshots: { valid: snapshotPayload(), decode: (bytes) => readWhole(bytes, readSnapshot) },
    headers: { valid: headerPayload(), decode: decodeHeader },
    'sync points': {
      valid: Buffer.concat([salt, Buffer.alloc(20)]),
      decode: (bytes) => decodeSyncPoint(bytes, salt, 0),
    },
  };

  test.each(Object.keys(readers))('in %s', (name) => {
    const { valid, decode } = readers[name]!;
    expect(() => decode(valid)).not.toThrow();
    expect(fuzz(50, 4000, [valid], decode)).toBeLessThan(4000);
  });

  test('in a chain of records, whose crc is right however little they mean', () => {
    const random = seeded(51);
    const payloads = [
      batchOf(entries),
      snapshotPayload(),
      Buffer.alloc(24),
      Buffer.alloc(16),
      headerPayload(),
    ];
    const asChain = (bytes: Buffer): Buffer => {
      const chain = Buffer.alloc(recordBytes(bytes.length) + 64);
      bytes.copy(chain, 12);
      sealRecord(chain, 0, bytes.length, 1 + Math.floor(random() * 8), Math.floor(random() * 2), 77);
      return chain;
    };
    fuzz(52, 4000, payloads, (bytes) => {
      const disk = new SimDisk();
      disk.plant('/f', asChain(bytes));
      replay(new RecordCursor(disk.open('/f'), 0, 77, 4096), 3, salt, new LogState(header.summary));
    });
  });

  test('in a folder of segments', () => {
    const run = new WalRun(53);
    run.work(20);
    const valid = [1, 2].map((sequence) => run.disk.bytesOf(`${directory}/${segmentName(sequence)}`));
    fuzz(54, 1500, valid, (bytes) => {
      const disk = new SimDisk();
      disk.plant(`${directory}/${segmentName(1)}`, bytes);
      const segments = openSegments(disk, directory);
      try {
        recover(segments, identity);
      } finally {
        closeSegments(segments);
      }
    });
  });
});

test('a length that is a lie makes nobody allocate more than the largest record', () => {
  const disk = new SimDisk();
  for (const length of [maxPayloadBytes, maxPayloadBytes + 1, 0xffff_ffff]) {
    const bytes = Buffer.alloc(64, 1);
    bytes.writeUInt32LE(length, 4);
    bytes.writeUInt32LE(recordTypes.entries, 8);
    disk.plant('/f', bytes);
    const cursor = new RecordCursor(disk.open('/f'), 0, 0, 64);
    expect(cursor.next()).toBe('damaged');
    expect(cursor.peek().length).toBe(length === maxPayloadBytes ? recordBytes(maxPayloadBytes) : 16);
  }
});

test('a record of work that no correct member writes is refused, not followed', () => {
  const state = new LogState(header.summary);
  const position = { sequence: 3, offset: 0, seed: 0 };
  const add = (first: number, term: number): void =>
    state.addEntries({ first, count: 1, terms: [{ index: first, term }] }, position);
  for (const wrong of [
    () => add(52, 9),
    () => add(40, 9),
    () => add(45, 9),
    () => add(51, 3),
    () => state.setHardState({ ...header.summary.hardState, vote: 3 }),
    () => state.setHardState({ ...header.summary.hardState, commit: 44 }),
    () => state.setHardState({ ...header.summary.hardState, commit: 51 }),
    () => state.setSnapshot({ snapshot: { ...snapshot, index: 40 }, replacesLog: false }),
    () => state.setSnapshot({ snapshot: { ...snapshot, index: 60 }, replacesLog: false }),
    () => state.setSnapshot({ snapshot: { ...snapshot, index: 44 }, replacesLog: true }),
    () => state.compact({ index: 40, term: 3 }),
    () => state.compact({ index: 42, term: 3 }),
  ])
    expect(wrong).toThrow(RaftInvariantError);
});
