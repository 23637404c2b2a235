import { describe, expect, test } from '@jest/globals';
import { inspectWal } from './inspect.ts';
import { headBytes, readHead, recordBytes, recordTypes, sealRecord } from './record.ts';
import { closeSegments, openSegments, recover, type SegmentFile } from './recovery.ts';
import {
  decodeHeader,
  encodeHeader,
  formatVersion,
  segmentName,
  sequenceOf,
  syncPointBytes,
  type SegmentHeader,
} from './segment.ts';
import { seeded, SimDisk } from './sim-disk.fixture.ts';
import { StorageError } from './storage-error.ts';
import { contentOf, directory, entry, identity, openedWal, refusal, work } from './wal-model.fixture.ts';
import { WalRun } from './wal-run.fixture.ts';

/** About as long as a header is. */
const headerBytes = 256;
const segmentBytes = 1536;

const pathOf = (sequence: number): string => `${directory}/${segmentName(sequence)}`;

const sequences = (disk: SimDisk): number[] =>
  disk
    .list(directory)
    .flatMap((name) => sequenceOf(name) ?? [])
    .sort((a, b) => a - b);

/** A log of some segments, the last of which is prepared and not begun. */
const written = (seed: number, closed: boolean): WalRun => {
  const run = new WalRun(seed, { segmentBytes });
  run.work(45, true);
  if (closed) run.wal.close(() => undefined);
  run.disk.run();
  return run;
};

/** The same segments with the bytes of one changed; undefined removes it. */
const damaged = (disk: SimDisk, changed: number, change: (bytes: Buffer) => Buffer | undefined): SimDisk => {
  const copy = new SimDisk();
  for (const sequence of sequences(disk)) {
    const bytes = Buffer.from(disk.bytesOf(pathOf(sequence)));
    const left = sequence === changed ? change(bytes) : bytes;
    if (left !== undefined) copy.plant(pathOf(sequence), left);
  }
  return copy;
};

const flipped =
  (at: number, mask: number) =>
  (bytes: Buffer): Buffer => {
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  };

const filled =
  (from: number, fill: () => number) =>
  (bytes: Buffer): Buffer => {
    for (let at = from; at < Math.min(from + 512, bytes.length); at += 1) bytes[at] = fill();
    return bytes;
  };

/** The log of a disk as a text, or why it is refused. */
const readLog = (disk: SimDisk): string | StorageError => {
  let segments: SegmentFile[] = [];
  try {
    segments = openSegments(disk, directory);
    recover(segments, identity);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  } finally {
    closeSegments(segments);
  }
  return contentOf(openedWal(disk));
};

describe('damage', () => {
  const closed = written(40, true);
  const all = sequences(closed.disk);
  const begun = all.slice(0, -1);
  const content = contentOf(closed.check(closed.disk.killed(), 45));
  const ends = inspectWal(closed.disk, directory).segments.map(({ end }) => end);
  const lastEnd = ends.at(-2)!;

  /** Refused, or the very same log. @returns whether it was refused */
  const isNoticed = (disk: SimDisk, what: string): boolean => {
    const found = readLog(disk);
    if (found === content) return false;
    if (typeof found === 'string') throw new Error(`${what} made it another log: ${found}`);
    if (found.code !== 'wal_corrupt') throw found;
    return true;
  };

  test('is tried on a log with several sealed segments', () => {
    expect(begun.length).toBeGreaterThanOrEqual(4);
    expect(ends.at(-1)).toBe(0);
  });

  test('of any one byte of a closed log is refused or harmless', () => {
    for (const [number, sequence] of all.entries()) {
      const { length } = closed.disk.bytesOf(pathOf(sequence));
      const end = ends[number]!;
      // Behind the records is space that nobody reads, so some of it will do.
      for (let at = 0; at < length; at += at < headerBytes ? 1 : at < end + 32 ? 5 : 61) {
        const isRefused = isNoticed(
          damaged(closed.disk, sequence, flipped(at, 1 << (at % 8))),
          `byte ${at} of segment ${sequence}`,
        );
        // The last record only vouches for the others.
        const isNeeded = at < (number === begun.length - 1 ? end - syncPointBytes : end);
        if (isNeeded && !isRefused) throw new Error(`byte ${at} of segment ${sequence} is not missed`);
      }
    }
  });

  test('of whole sectors is refused or harmless', () => {
    const random = seeded(41);
    for (const [number, sequence] of all.entries()) {
      const { length } = closed.disk.bytesOf(pathOf(sequence));
      for (let at = 0; at < length; at += 512) {
        // The sector with the very end takes with it the sync point that vouches for it.
        if (number === all.length - 2 && at + 512 >= lastEnd - syncPointBytes && at < lastEnd) continue;
        for (const fill of [() => 0, () => 0xff, () => Math.floor(random() * 256)])
          isNoticed(
            damaged(closed.disk, sequence, filled(at, fill)),
            `the sector at ${at} of segment ${sequence}`,
          );
      }
    }
  });

  test('by cutting a file off is refused', () => {
    for (const sequence of begun)
      for (let size = 0; size < segmentBytes; size += 64) {
        const disk = damaged(closed.disk, sequence, (bytes) => bytes.subarray(0, size));
        expect([sequence, size, isNoticed(disk, `cutting ${sequence}`)]).toEqual([sequence, size, true]);
      }
  });

  test('by removing, doubling or exchanging segments is refused', () => {
    for (const sequence of begun) {
      const removed = damaged(closed.disk, sequence, () => undefined);
      expect([sequence, isNoticed(removed, `removing ${sequence}`)]).toEqual([sequence, true]);
      for (const other of all) {
        if (other === sequence) continue;
        const disk = damaged(closed.disk, sequence, () => closed.disk.bytesOf(pathOf(other)));
        expect([sequence, other, isNoticed(disk, `${other} as ${sequence}`)]).toEqual([
          sequence,
          other,
          true,
        ]);
      }
    }
  });

  test('names the file, the byte and what to do, and nothing is changed', () => {
    const disk = damaged(closed.disk, begun[1]!, flipped(1000, 0x10));
    const error = refusal(disk);
    expect(error).toMatchObject({
      name: 'WalCorruptError',
      code: 'wal_corrupt',
      file: pathOf(begun[1]!),
      offset: expect.any(Number),
      message: expect.stringContaining(`The log is damaged in ${pathOf(begun[1]!)} at byte`),
      action: expect.stringMatching(/delete nothing.*empty volume.*new member id/s),
    });
    expect(error!.offset).toBeLessThanOrEqual(1000);
    expect(disk.trace).toEqual([]);
    expect(inspectWal(disk, directory).problems.map(({ message }) => message)).toContain(error!.message);
  });
});

test('damage to a log that was not closed costs at most the group that was written last', () => {
  const run = written(42, false);
  const last = sequences(run.disk).at(-2)!;
  let dropped = 0;
  for (let at = 0; at < run.disk.bytesOf(pathOf(last)).length; at += 7) {
    for (const change of [flipped(at, 0x40), filled(at, () => 0)]) {
      const found = readLog(damaged(run.disk, last, change));
      if (typeof found !== 'string') continue;
      const number = run.contents.lastIndexOf(found);
      if (number < 45) dropped += 1;
      // Deeds were given in groups of up to three, and as many could wait.
      expect(number).toBeGreaterThanOrEqual(45 - 6);
    }
  }
  expect(dropped).toBeGreaterThan(0);
});

describe('damage that no sync point proves', () => {
  /** One segment with so many groups, and the next, which is not begun. */
  const small = (groups: number): SimDisk => {
    const disk = new SimDisk();
    const wal = openedWal(disk);
    for (let index = 1; index <= groups; index += 1) {
      wal.append(work({ entries: [entry(index, 1, Buffer.alloc(700, index))] }), () => undefined);
      disk.run();
    }
    return disk;
  };

  test('is noticed where all sectors of a record are there', () => {
    const disk = small(1);
    const [report] = inspectWal(disk, directory).segments;
    const bytes = disk.bytesOf(pathOf(1));
    const first = recordBytes(readHead(bytes, 0)!.payloadBytes);
    // A length that became larger includes sectors that are zeros; the last bytes are padding.
    const lengths = [0, first, first + syncPointBytes].flatMap((at) => [4, 5, 6, 7].map((byte) => at + byte));
    for (let at = 0; at < report!.end - 8; at += 1)
      if (!lengths.includes(at))
        expect([at, readLog(damaged(disk, 1, flipped(at, 0x20)))]).toEqual([at, expect.any(StorageError)]);
  });

  test('is noticed in a header by what follows it', () => {
    const headless = damaged(
      small(4),
      1,
      filled(0, () => 0),
    );
    expect(readLog(headless)).toMatchObject({
      message: expect.stringContaining('its header cannot be read'),
    });
    headless.erase(pathOf(2));
    expect(readLog(headless)).toMatchObject({ message: expect.stringContaining('was durable') });
  });

  test('is noticed where a header tells another story than the segment before', () => {
    const run = written(47, false);
    const last = sequences(run.disk).at(-2)!;
    const story = (change: (header: SegmentHeader) => SegmentHeader): unknown => {
      const disk = damaged(run.disk, last, (bytes) => {
        const header = decodeHeader(bytes.subarray(headBytes, headBytes + readHead(bytes, 0)!.payloadBytes));
        const changed = encodeHeader(change(header)).bytes;
        return Buffer.concat([changed, Buffer.alloc(segmentBytes - changed.length)]);
      });
      disk.erase(pathOf(last + 1));
      return readLog(disk);
    };
    expect(story((header) => header)).toEqual(expect.any(String));
    const { last: before, hardState } = inspectWal(run.disk, directory).log!;
    for (const summary of [
      { last: { ...before, index: before.index + 9 } },
      { hardState: { ...hardState, vote: hardState.vote + 1 } },
    ])
      expect(story((header) => ({ ...header, summary: { ...header.summary, ...summary } }))).toMatchObject({
        message: expect.stringContaining('does not agree'),
      });
    expect(story((header) => ({ ...header, seed: (header.seed ^ 1) >>> 0 }))).toMatchObject({
      code: 'wal_corrupt',
    });
    expect(story((header) => ({ ...header, previousEnd: header.previousEnd - 8 }))).toMatchObject({
      code: 'wal_corrupt',
    });
  });
});

describe('a log of somebody else', () => {
  const run = written(43, true);
  const refused = (other: Partial<typeof identity>): unknown =>
    refusal(run.disk.killed(), { identity: { ...identity, ...other } });

  test.each([
    ['another cluster', { clusterId: 'c-2' }, 'is of cluster c-1, and this is cluster c-2'],
    ['another member', { memberId: 8 }, 'is of member 7, and this is member 8'],
    [
      'another life of the member',
      { incarnation: 'second' },
      'is of incarnation a8d2-first-life, and this is incarnation second',
    ],
  ])('is refused: %s', (_, other, message) => {
    expect(refused(other)).toMatchObject({ code: 'wal_foreign', message: expect.stringContaining(message) });
  });

  test('is not begun where one must be', () => {
    const empty = new SimDisk();
    expect(refusal(empty, { create: undefined })).toMatchObject({ code: 'wal_missing' });
    expect(empty.trace).toEqual([]);
  });
});

test('a log of a later version is refused as such, in its header and in its records', () => {
  const run = written(44, true);
  const sequence = sequences(run.disk).at(-2)!;
  const header = damaged(run.disk, sequence, (bytes) => {
    const head = readHead(bytes, 0)!;
    const seed = bytes.readUInt32LE(headBytes + 10);
    bytes.writeUInt16LE(formatVersion + 1, headBytes + 8);
    sealRecord(bytes, 0, head.payloadBytes, head.type, head.flags, seed);
    return bytes;
  });
  expect(refusal(header)).toMatchObject({
    code: 'wal_newer_format',
    message: expect.stringContaining(`format ${formatVersion + 1} is not known`),
  });
  const record = damaged(run.disk, sequence, (bytes) => {
    const { end } = inspectWal(run.disk, directory).segments.at(-2)!;
    const seed = bytes.readUInt32LE(end - 40);
    sealRecord(bytes, end, 8, recordTypes.compaction + 1, 1, seed);
    return bytes;
  });
  expect(refusal(record)).toMatchObject({ code: 'wal_newer_format' });
});

test('a log can be looked at without being changed', () => {
  const run = written(45, false);
  const disk = run.disk.killed();
  const report = inspectWal(disk, directory);
  expect(disk.trace).toEqual([]);
  const { model } = run;
  expect(report).toMatchObject({
    log: { hardState: model.hardState, last: { index: model.last.index }, compacted: model.compacted },
    tornBytes: 0,
    problems: [],
  });
  expect(report.segments.map(({ file }) => file)).toEqual(sequences(disk).map(pathOf));
  expect(report.segments.at(-1)).toMatchObject({ identity: undefined, end: 0 });
  expect(report.segments.at(-2)).toMatchObject({ identity, lastIndex: model.last.index });

  run.wal.append(work({ entries: [entry(model.last.index + 1, 9, Buffer.alloc(1500, 1))] }), () => undefined);
  const torn = run.disk.crashed((versions) => (versions === 1 ? 0 : versions));
  expect(inspectWal(torn, directory)).toMatchObject({ log: report.log, problems: [] });
  expect(inspectWal(new SimDisk(), '/nowhere')).toMatchObject({
    log: undefined,
    problems: [{ code: 'wal_missing' }],
  });
});
