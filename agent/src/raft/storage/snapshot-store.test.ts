import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { diskError, seeded, SimDisk } from './sim-disk.fixture.ts';
import { snapshotName, type SnapshotMeta } from './snapshot-format.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import type { StorageError } from './storage-error.ts';
import { members } from './wal-model.fixture.ts';
import { fates } from './wal-run.fixture.ts';

const directory = '/data/snapshots';

/** Runs an operation of a store to its end. */
const ended = <T>(
  disk: SimDisk,
  begin: (done: (error: StorageError | undefined, value?: T) => void) => void,
): T => {
  let result: { error: StorageError | undefined; value: T | undefined } | undefined;
  begin((error, value) => (result = { error, value }));
  disk.run(() => result !== undefined);
  if (result === undefined) throw new Error('it never ended');
  if (result.error !== undefined) throw result.error;
  return result.value as T;
};

const failed = (run: () => unknown): StorageError => {
  try {
    run();
  } catch (error) {
    return error as StorageError;
  }
  throw new Error('nothing failed');
};

const openStore = (disk: SimDisk): SnapshotStore => {
  const store = new SnapshotStore(disk, directory, 1000);
  ended(disk, (done) => store.open(done));
  return store;
};

const dataOf = (index: number, size: number): Buffer => {
  const random = seeded(index);
  return Buffer.from(Uint8Array.from({ length: size }, () => Math.floor(random() * 256)));
};

const metaOf = (index: number, data: Buffer): SnapshotMeta => ({
  index,
  term: 3,
  config: members,
  format: 2,
  size: data.length,
  sha256: createHash('sha256').update(data).digest('hex'),
});

const writeAll = (disk: SimDisk, writer: SnapshotWriter, data: Buffer, chunk = 300): void => {
  while (writer.offset < data.length)
    ended(disk, (done) => writer.write(data.subarray(writer.offset, writer.offset + chunk), done));
};

const finish = (disk: SimDisk, writer: SnapshotWriter): SnapshotMeta =>
  ended(disk, (done) => writer.finish(done));

const take = (disk: SimDisk, store: SnapshotStore, index: number, data: Buffer): SnapshotMeta => {
  const { term, config, format } = metaOf(index, data);
  const writer = ended<SnapshotWriter>(disk, (done) => store.create({ index, term, config, format }, done));
  writeAll(disk, writer, data);
  return finish(disk, writer);
};

const receiver = (disk: SimDisk, store: SnapshotStore, meta: SnapshotMeta): SnapshotWriter =>
  ended(disk, (done) => store.receive(meta, done));

const readAll = (disk: SimDisk, store: SnapshotStore, { index, term, size }: SnapshotMeta): Buffer => {
  const reader = store.read(index, term)!;
  const data = Buffer.alloc(size);
  for (let offset = 0; offset < size;) {
    const part = data.subarray(offset, offset + 700);
    offset += ended<number>(disk, (done) =>
      reader.read(part, offset, (error, bytes) => done(error as never, bytes)),
    );
  }
  reader.close();
  return data;
};

const newest = (disk: SimDisk, store: SnapshotStore): SnapshotMeta | undefined =>
  ended(disk, (done) => store.newestValid(done));

test('a snapshot is written, listed newest first, read, and found again', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  expect([store.list(), newest(disk, store), store.read(1, 1)]).toEqual([[], undefined, undefined]);
  const [one, two] = [dataOf(10, 2500), dataOf(20, 0)];
  expect(take(disk, store, 10, one)).toEqual(metaOf(10, one));
  expect(take(disk, store, 20, two)).toEqual(metaOf(20, two));
  const again = openStore(disk);
  for (const each of [store, again]) {
    expect(each.list()).toEqual([metaOf(20, two), metaOf(10, one)]);
    expect(readAll(disk, each, metaOf(10, one)).equals(one)).toBe(true);
    expect(newest(disk, each)).toEqual(metaOf(20, two));
  }
});

describe('a snapshot that is received', () => {
  const data = dataOf(30, 5000);
  const meta = metaOf(30, data);

  test('goes on where it was when the connection comes again', () => {
    const disk = new SimDisk();
    const store = openStore(disk);
    const writer = receiver(disk, store, meta);
    writeAll(disk, writer, data.subarray(0, 2100));
    expect(receiver(disk, store, meta)).toBe(writer);
    writeAll(disk, writer, data);
    expect(finish(disk, writer)).toEqual(meta);
    expect(readAll(disk, store, meta).equals(data)).toBe(true);
    expect(disk.list(directory)).toEqual([snapshotName(meta)]);
  });

  test('goes on where it was after a restart, and close to there after a power cut', () => {
    const disk = new SimDisk();
    const store = openStore(disk);
    writeAll(disk, receiver(disk, store, meta), data.subarray(0, 2300));
    const cut = disk.crashed((versions) => versions);
    ended(disk, (done) => receiver(disk, store, meta).suspend(() => done(undefined)));
    for (const [each, offset] of [
      [disk, 2300],
      [cut, 1200],
    ] as const) {
      const again = openStore(each);
      const writer = receiver(each, again, meta);
      expect(writer.offset).toBeGreaterThanOrEqual(offset);
      writeAll(each, writer, data);
      expect(finish(each, writer)).toEqual(meta);
      expect(newest(each, again)).toEqual(meta);
    }
  });

  test('goes on from the last point up to which the data is right', () => {
    const disk = new SimDisk();
    const store = openStore(disk);
    const writer = receiver(disk, store, meta);
    writeAll(disk, writer, data.subarray(0, 3300));
    ended(disk, (done) => writer.suspend(() => done(undefined)));
    const part = disk.list(directory).find((name) => name.endsWith('.part'))!;
    disk.bytesOf(`${directory}/${part}`)[2000]! ^= 1;
    const again = receiver(disk, store, meta);
    expect(again.offset).toBe(1200);
    writeAll(disk, again, data);
    expect(finish(disk, again)).toEqual(meta);
  });

  test.each([
    ['other bytes', Buffer.concat([data.subarray(0, 4999), Buffer.from([data[4999]! ^ 1])])],
    ['too few bytes', data.subarray(0, 4999)],
    ['too many bytes', Buffer.concat([data, data])],
  ])('is refused, and nothing of it is kept, for %s', (_, wrong) => {
    const disk = new SimDisk();
    const store = openStore(disk);
    const writer = receiver(disk, store, meta);
    const error = failed(() => {
      writeAll(disk, writer, wrong);
      finish(disk, writer);
    });
    expect(error.code).toBe('snapshot_invalid');
    expect([disk.list(directory), store.list()]).toEqual([[], []]);
    expect(receiver(disk, store, meta).offset).toBe(0);
  });

  test('leaves nothing when it is given up, also in the middle of a piece, nor when another one comes', () => {
    const disk = new SimDisk();
    const store = openStore(disk);
    const writer = receiver(disk, store, meta);
    let told: StorageError | undefined;
    writer.write(data.subarray(0, 50), (error) => (told = error));
    expect(failed(() => receiver(disk, store, meta)).code).toBe('snapshot_failed');
    ended(disk, (done) => writer.abort(() => done(undefined)));
    expect([told?.code, disk.list(directory)]).toEqual(['snapshot_failed', []]);
    expect(() => writer.write(data, () => undefined)).toThrow('was ended');

    const left = receiver(disk, store, meta);
    writeAll(disk, left, data.subarray(0, 1500));
    ended(disk, (done) => left.suspend(() => done(undefined)));
    expect(disk.list(directory).length).toBe(2);
    const other = receiver(disk, store, metaOf(31, data));
    expect(disk.list(directory).filter((name) => name.includes('030-'))).toEqual([]);
    ended(disk, (done) => other.abort(() => done(undefined)));
  });
});

test('old snapshots go, but never one that may be the newest that is right', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  const indexes = (each = store): number[] => each.list().map(({ index }) => index);
  const removeOlder = (than: number, each = store): void =>
    void ended(disk, (done) => each.removeOlder(than, done));
  for (const index of [1, 2, 3]) take(disk, store, index, dataOf(index, 100));
  removeOlder(0);
  expect(indexes()).toEqual([3, 2, 1]);
  removeOlder(2);
  expect(indexes()).toEqual([3, 2]);
  removeOlder(9);
  expect(indexes()).toEqual([3]);

  take(disk, store, 4, dataOf(4, 100));
  disk.bytesOf(`${directory}/${snapshotName({ index: 4, term: 3 })}`)[50]! ^= 1;
  const again = openStore(disk);
  removeOlder(4, again);
  expect(indexes(again)).toEqual([4, 3]);
  expect(newest(disk, again)?.index).toBe(3);
  expect(indexes(again)).toEqual([3]);
  removeOlder(4, again);
  expect(newest(disk, again)?.index).toBe(3);
  const reader = again.read(3, 3)!;
  take(disk, again, 5, dataOf(5, 100));
  removeOlder(5, again);
  expect(indexes(again)).toEqual([5]);
  const into = Buffer.alloc(200);
  ended(disk, (done) => reader.read(into, 0, (error) => done(error as never)));
  expect(into.subarray(0, 100).equals(dataOf(3, 100))).toBe(true);
});

test('old snapshots go also while a newer one is there that nobody has read', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  for (const index of [1, 2, 3]) take(disk, store, index, dataOf(index, 100));
  const again = openStore(disk);
  again.found(again.list()[1]!);
  ended(disk, (done) => again.removeOlder(2, done));
  expect(disk.list(directory)).toEqual([2, 3].map((index) => snapshotName({ index, term: 3 })));
});

test('a file whose end is damaged or of something else is no snapshot', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  const meta = take(disk, store, 7, dataOf(7, 600));
  const path = `${directory}/${snapshotName(meta)}`;
  const { length } = disk.bytesOf(path);
  for (let at = 600; at < length; at += 1) {
    const copy = disk.killed();
    copy.bytesOf(path)[at]! ^= 0x11;
    expect([at, openStore(copy).list()]).toEqual([at, []]);
  }
  for (let size = 0; size < length; size += 7) {
    const copy = new SimDisk();
    copy.plant(path, disk.bytesOf(path).subarray(0, size));
    copy.plant(`${directory}/notes.txt`, Buffer.from('not ours'));
    expect([size, openStore(copy).list()]).toEqual([size, []]);
  }
});

test('what an earlier process left goes once the newest was read, and not before', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  for (const index of [1, 2, 3]) take(disk, store, index, dataOf(index, 100));
  const again = openStore(disk);
  ended(disk, (done) => again.removeOlder(3, done));
  expect(disk.list(directory).length).toBe(3);
  again.found(again.list()[0]!);
  ended(disk, (done) => again.removeOlder(3, done));
  expect(disk.list(directory)).toEqual([snapshotName({ index: 3, term: 3 })]);
});

test('removals that overlap take away all that either was to', () => {
  const disk = new SimDisk();
  const store = openStore(disk);
  for (const index of [1, 2, 3, 4, 5]) take(disk, store, index, dataOf(index, 100));
  const errors: (Error | undefined)[] = [];
  for (const than of [3, 4, 5]) store.removeOlder(than, (error) => errors.push(error));
  disk.run();
  expect(errors).toEqual([undefined, undefined, undefined]);
  expect(disk.list(directory)).toEqual([snapshotName({ index: 5, term: 3 })]);
});

/** Takes, receives, resumes and removes. @param onComplete told of each that is said to be complete */
const story = (disk: SimDisk, onComplete: (meta: SnapshotMeta) => void): void => {
  const store = openStore(disk);
  onComplete(take(disk, store, 10, dataOf(10, 1900)));
  const data = dataOf(20, 3100);
  const writer = receiver(disk, store, metaOf(20, data));
  writeAll(disk, writer, data.subarray(0, 1500));
  ended(disk, (done) => writer.suspend(() => done(undefined)));
  const resumed = receiver(disk, store, metaOf(20, data));
  writeAll(disk, resumed, data);
  onComplete(finish(disk, resumed));
  ended(disk, (done) => store.removeOlder(20, done));
  onComplete(take(disk, store, 30, dataOf(30, 700)));
  ended(disk, (done) => store.removeOlder(20, done));
  disk.run();
};

const known = new Map([
  [10, dataOf(10, 1900)],
  [20, dataOf(20, 3100)],
  [30, dataOf(30, 700)],
]);

/** Fails unless this disk has the newest snapshot that was complete, or a newer one, and can receive another. */
const check = (disk: SimDisk, atLeast: number): void => {
  const store = openStore(disk);
  for (const meta of store.list()) {
    const data = known.get(meta.index)!;
    expect(meta).toEqual(metaOf(meta.index, data));
    if (!readAll(disk, store, meta).equals(data)) throw new Error(`snapshot ${meta.index} has other data`);
  }
  expect(newest(disk, store)?.index ?? 0).toBeGreaterThanOrEqual(atLeast);
  const data = known.get(20)!;
  const writer = receiver(disk, store, metaOf(20, data));
  writeAll(disk, writer, data, 2000);
  expect(finish(disk, writer)).toEqual(metaOf(20, data));
};

test('a power cut after any step leaves what was complete, and what can go on', () => {
  const disk = new SimDisk();
  const random = seeded(60);
  let complete = 0;
  let cuts = 0;
  disk.onChange = () => {
    for (const fate of fates(random)) check(disk.crashed(fate), complete);
    const killed = disk.killed();
    check(killed, complete);
    check(
      killed.crashed(() => 0),
      complete,
    );
    cuts += 7;
  };
  story(disk, ({ index }) => (complete = index));
  expect(complete).toBe(30);
  expect(cuts).toBeGreaterThan(500);
});

test.each(['EIO', 'ENOSPC'])(
  'any operation that fails with %s is told, and costs nothing that was complete',
  (code) => {
    const trace = new SimDisk();
    story(trace, () => undefined);
    for (const { number } of trace.trace) {
      const disk = new SimDisk();
      let complete = 0;
      disk.fault = (operation) => (operation.number === number ? diskError(code) : undefined);
      try {
        story(disk, ({ index }) => (complete = index));
      } catch (error) {
        expect((error as StorageError).code).toBe('snapshot_failed');
      }
      disk.fault = () => undefined;
      disk.run();
      check(
        disk.crashed(() => 0),
        complete,
      );
      check(disk.killed(), complete);
    }
  },
);
