import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { RaftInvariantError } from '../core/assert.ts';
import { limitSize } from '../core/log.ts';
import type { Entry } from '../core/types.ts';
import { inspectWal } from './inspect.ts';
import { nodeVfs } from './node-vfs.ts';
import { openWal, type OpenedWal } from './open-wal.ts';
import { maxEntryDataBytes } from './record.ts';
import { segmentName } from './segment.ts';
import { SimDisk } from './sim-disk.fixture.ts';
import { contentOf, directory, entry, members, openedWal, settings, work } from './wal-model.fixture.ts';
import { WalRun } from './wal-run.fixture.ts';
import type { Wal } from './wal.ts';

const some = (from: number, count: number, term = 1): Entry[] =>
  Array.from({ length: count }, (_, at) => entry(from + at, term));

/** A log on a disk that has nothing left to do, and what was asked of it since. */
const quiet = (): { disk: SimDisk; wal: Wal; asked: () => string[] } => {
  const disk = new SimDisk();
  const wal = openedWal(disk);
  disk.run();
  let seen = disk.trace.length;
  const asked = (): string[] => {
    const kinds = disk.trace.slice(seen).map(({ kind }) => kind);
    seen = disk.trace.length;
    return kinds;
  };
  return { disk, wal, asked };
};

const textOf = (entries: readonly Entry[]): string =>
  entries
    .map(({ index, term, type, data }) => `${index}@${term} ${type} ${data.length} ${crc32(data)}`)
    .join();

const ignore = (): void => undefined;

describe('group commit', () => {
  test('writes and syncs what comes during a sync as one, in order', () => {
    const { disk, wal, asked } = quiet();
    const done: number[] = [];
    const give = (number: number): void =>
      wal.append(work({ entries: some(number, 1) }), () => {
        // Reads cover what was reported up to now and nothing of the rest of the group.
        expect([wal.lastIndex(), wal.entries(1, 99, Infinity)?.length]).toEqual([number, number]);
        expect(wal.term(number + 1)).toBeUndefined();
        done.push(number);
      });
    give(1);
    expect(asked()).toEqual(['writeDurably']);
    for (const number of [2, 3, 4]) give(number);
    expect([wal.lastIndex(), wal.entries(1, 99, 1)]).toEqual([0, []]);
    disk.run(() => done.length === 1);
    expect(asked()).toEqual(['writeDurably']);
    give(5);
    disk.run(() => done.length === 4);
    expect([asked(), done]).toEqual([['writeDurably'], [1, 2, 3, 4]]);
    disk.run();
    expect([asked(), done]).toEqual([[], [1, 2, 3, 4, 5]]);
    expect(wal.stats).toMatchObject({ syncs: 3, queuedBytes: 0 });
  });

  test('holds back what need not last until something else is written, and still keeps the order', () => {
    const { disk, wal, asked } = quiet();
    const done: string[] = [];
    const commit = (index: number): void =>
      wal.append(work({ hardState: { term: 0, vote: 0, commit: index }, mustSync: false }), () =>
        done.push(`commit ${index}`),
      );
    wal.append(work({ entries: some(1, 3) }), () => done.push('entries'));
    commit(1);
    commit(2);
    disk.run();
    expect([asked(), done]).toEqual([['writeDurably'], ['entries', 'commit 1', 'commit 2']]);
    wal.append(work({ mustSync: false }), () => done.push('nothing'));
    expect([asked(), done.at(-1)]).toEqual([[], 'nothing']);
    const commitOf = (log: Wal): number => log.initialState().hardState.commit;
    expect([commitOf(openedWal(disk.killed())), wal.lastIndex()]).toEqual([0, 3]);
    wal.append(work({ entries: some(4, 1) }), ignore);
    disk.run();
    expect([asked(), wal.stats.queuedBytes]).toEqual([['writeDurably'], 0]);
    expect(commitOf(openedWal(disk.crashed(() => 0)))).toBe(2);
    commit(3);
    wal.close(ignore);
    disk.run();
    expect(commitOf(openedWal(disk.crashed(() => 0)))).toBe(3);
  });

  test('of more than fits goes on in the next segments, also where a piece is larger than one', () => {
    const { disk, wal } = quiet();
    let done = 0;
    for (let index = 1; index <= 40; index += 1) {
      const size = index === 20 ? 10_000 : 300;
      wal.append(work({ entries: [entry(index, 1, Buffer.alloc(size, index))] }), () => (done += 1));
    }
    expect(wal.stats.queuedBytes).toBeGreaterThan(20_000);
    disk.run();
    expect([done, wal.lastIndex(), wal.stats.queuedBytes]).toEqual([40, 40, 0]);
    expect(wal.stats.segments).toBeGreaterThan(4);
    expect(contentOf(openedWal(disk.killed()))).toBe(contentOf(wal));
  });

  test('refuses work that no correct core hands out', () => {
    const { disk, wal } = quiet();
    wal.append(work({ entries: some(1, 5), hardState: { term: 1, vote: 1, commit: 3 } }), ignore);
    const snapshot = { index: 3, term: 1, config: members, data: new Uint8Array(0) };
    for (const wrong of [
      () => wal.append(work({ entries: some(7, 1) }), ignore),
      () => wal.append(work({ entries: some(3, 1) }), ignore),
      () => wal.append(work({ entries: [entry(6, 1), entry(8, 1)] }), ignore),
      () => wal.append(work({ entries: [entry(6, 2), entry(7, 1)] }), ignore),
      () => wal.append(work({ entries: [entry(6, 1, new Uint8Array(maxEntryDataBytes + 1))] }), ignore),
      () => wal.append(work({ entries: [entry(6, 0.5)] }), ignore),
      () => wal.append(work({ hardState: { term: 1, vote: 2, commit: 3 } }), ignore),
      () => wal.append(work({ hardState: { term: 2 ** 53, vote: 2, commit: 3 } }), ignore),
      () => wal.recordSnapshot({ ...snapshot, data: new Uint8Array(100_000) }, ignore),
      () => wal.recordSnapshot({ ...snapshot, index: 9 }, ignore),
      () => wal.compact(1, ignore),
    ])
      expect(wrong).toThrow(RaftInvariantError);
    disk.run();
    expect([wal.lastIndex(), wal.failure]).toEqual([5, undefined]);
  });
});

describe('reads', () => {
  test.each([0, 1500, Infinity])(
    'answer the same from memory and from the disk (cache of %d bytes)',
    (cacheBytes) => {
      const run = new WalRun(30);
      run.work(80, true);
      const { entries, compacted } = run.model;
      const wal = openedWal(run.disk.killed(), { cacheBytes });
      for (const log of [run.wal, wal]) {
        expect([log.firstIndex(), log.lastIndex()]).toEqual([compacted.index + 1, run.model.last.index]);
        expect(log.term(compacted.index)).toBe(compacted.term);
        expect([log.term(compacted.index - 1), log.term(log.lastIndex() + 1)]).toEqual([
          undefined,
          undefined,
        ]);
        expect(log.entries(compacted.index, compacted.index + 2, 9)).toBeUndefined();
        for (let from = log.firstIndex(); from <= log.lastIndex(); from += 1)
          for (const count of [1, 2, 7, 1000])
            for (const maxBytes of [0, 100, 1500, Infinity]) {
              const wanted = entries.filter(({ index }) => index >= from && index < from + count);
              const found = log.entries(from, from + count, maxBytes) ?? [];
              if (textOf(found) !== textOf(limitSize(wanted, maxBytes)))
                throw new Error(`${count} entries from ${from} up to ${maxBytes} bytes: ${textOf(found)}`);
            }
      }
    },
  );

  test.each([300, 5000, 10_000_000])('follow what is overwritten (cache of %d bytes)', (cacheBytes) => {
    // The hard state is answered as it was in the beginning.
    const withoutHardState = (text = ''): string => text.replace(/^\[\[.*?\],/, '');
    const run = new WalRun(32, { cacheBytes });
    run.onDone = (number) => {
      if (withoutHardState(contentOf(run.wal)) !== withoutHardState(run.contents[number]))
        throw new Error(`after deed ${number} the log is another: ${contentOf(run.wal)}`);
    };
    run.work(150);
    expect(run.done).toBe(150);
  });

  test('notice what decayed since the log was opened, which ends it', () => {
    const run = new WalRun(31);
    run.work(30, true);
    const disk = run.disk.killed();
    const failures: unknown[] = [];
    const wal = openedWal(disk, { onFailure: (error) => failures.push(error) });
    const [first] = inspectWal(disk, directory).segments;
    disk.bytesOf(first!.file)[first!.end - 100]! ^= 4;
    expect(() => contentOf(wal)).toThrow(expect.objectContaining({ code: 'wal_corrupt', file: first!.file }));
    expect(() => contentOf(wal)).toThrow();
    expect([failures, wal.failure?.code]).toEqual([[wal.failure], 'wal_failed']);
    wal.append(work({ entries: some(wal.lastIndex() + 1, 1, 99) }), () => {
      throw new Error('acknowledged');
    });
    disk.run();
  });
});

describe('what is no longer needed', () => {
  const filled = (): ReturnType<typeof quiet> => {
    const all = quiet();
    for (let index = 1; index <= 40; index += 1)
      all.wal.append(
        work({
          entries: [entry(index, 1, Buffer.alloc(300, index))],
          hardState: { term: 1, vote: 0, commit: index },
        }),
        ignore,
      );
    all.disk.run();
    return all;
  };
  const snapshot = { index: 30, term: 1, config: members, data: Buffer.from('s') };

  test('goes once word of the compaction is durable, and not before', () => {
    const { disk, wal, asked } = filled();
    wal.recordSnapshot(snapshot, ignore);
    disk.run();
    expect([wal.snapshot(), wal.firstIndex()]).toEqual([snapshot, 1]);
    const before = wal.stats.segments;
    asked();
    let done = false;
    wal.compact(25, () => (done = true));
    disk.run(() => done);
    expect([wal.firstIndex(), wal.term(25), wal.term(24)]).toEqual([26, 1, undefined]);
    expect(asked().slice(0, 2)).toEqual(['writeDurably', 'remove']);
    disk.run();
    expect(wal.stats.segments).toBeLessThan(before);
    expect(disk.list(directory).length).toBe(wal.stats.segments + 1);
    wal.compact(20, ignore);
    wal.compact(25, ignore);
    disk.run();
    expect(wal.firstIndex()).toBe(26);
    expect(contentOf(openedWal(disk.killed()))).toBe(contentOf(wal).replace(/^\[\[0,0,0\]/, '[[1,0,40]'));
  });

  test('goes with the whole log when a snapshot replaces it', () => {
    const { disk, wal } = filled();
    const other = { ...snapshot, index: 100, term: 7 };
    wal.append(
      work({ snapshot: other, entries: some(101, 2, 8), hardState: { term: 8, vote: 0, commit: 100 } }),
      ignore,
    );
    // One of our own that was being taken meanwhile.
    wal.recordSnapshot(snapshot, ignore);
    disk.run();
    expect([wal.firstIndex(), wal.lastIndex(), wal.term(100), wal.snapshot()]).toEqual([101, 102, 7, other]);
    expect([wal.entries(100, 103, 9), wal.entries(101, 103, Infinity)]).toEqual([undefined, some(101, 2, 8)]);
    expect(wal.stats.segments).toBeLessThanOrEqual(2);
    const again = openedWal(disk.killed());
    expect(again.initialState()).toEqual({ hardState: { term: 8, vote: 0, commit: 100 }, config: members });
    expect(again.entries(101, 103, Infinity)).toEqual(some(101, 2, 8));
  });
});

describe('the segment that is prepared ahead', () => {
  const large = { segmentBytes: 64 * 1024 };
  const parts = (disk: SimDisk): number =>
    disk.trace.filter(({ kind, path }) => kind === 'preallocate' && path.includes(segmentName(2))).length;
  const append = (run: WalRun, index: number, bytes: number): void =>
    run.do({ kind: 'append', work: work({ entries: [entry(index, 1, Buffer.alloc(bytes, 1))] }) });

  test('is filled part by part, twice as fast as the one before it', () => {
    const run = new WalRun(31, large);
    run.disk.run();
    const filled = [parts(run.disk)];
    for (let index = 1; index <= 14; index += 1) {
      append(run, index, 4096);
      run.disk.run();
      filled.push(parts(run.disk));
    }
    expect(filled).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8]);
    expect(run.disk.list(directory)).toEqual([segmentName(1), segmentName(2)]);
  });

  test('is filled at once when it is needed at once', () => {
    const run = new WalRun(32, large);
    run.disk.run();
    append(run, 1, 30_000);
    append(run, 2, 60_000);
    append(run, 3, 60_000);
    run.disk.run();
    expect([run.done, parts(run.disk)]).toEqual([3, 8]);
    run.check(run.disk.crashed(() => 0));
  });

  test('is given up when the log is closed before it is filled', () => {
    // At any step of the disk.
    for (let steps = 0; steps < 12; steps += 1) {
      const disk = new SimDisk();
      const wal = openedWal(disk, large);
      for (let step = 0; step < steps; step += 1) disk.step();
      let isClosed = false;
      wal.close(() => (isClosed = true));
      disk.run();
      expect(isClosed).toBe(true);
      expect(disk.list(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
  });
});

describe('closing', () => {
  test('completes what is queued, however many segments it takes, and takes no more', () => {
    const { disk, wal } = quiet();
    let done = 0;
    for (let index = 1; index <= 30; index += 1)
      wal.append(work({ entries: [entry(index, 1, Buffer.alloc(400, 1))] }), () => (done += 1));
    let closed = false;
    wal.close(() => (closed = true));
    expect(() => wal.append(work({}), ignore)).toThrow('closed');
    expect(() => wal.close(ignore)).toThrow('already');
    disk.run();
    expect([done, closed]).toEqual([30, true]);
    expect(openedWal(disk.crashed(() => 0)).lastIndex()).toBe(30);
  });

  test('ends as well when the log fails meanwhile', () => {
    const { disk } = quiet();
    let failures = 0;
    const wal = openedWal(disk, { onFailure: () => (failures += 1) });
    disk.fault = ({ kind }) => (kind === 'writeDurably' ? new Error('no') : undefined);
    let closed = false;
    wal.append(work({ entries: some(1, 1) }), () => {
      throw new Error('acknowledged');
    });
    wal.close(() => (closed = true));
    disk.run();
    expect([failures, closed, wal.failure?.message]).toEqual([
      1,
      true,
      expect.stringMatching(/^The log has failed while writing .*\.wal: no\.$/),
    ]);
    expect(wal.failure?.action).toContain('restart the member');
  });
});

describe('on a real disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-wal-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const open = async (): Promise<Wal> => {
    const opened = await new Promise<OpenedWal>((resolve) => {
      const options = settings(new SimDisk(), {
        segmentBytes: 64 * 1024,
        directory: join(folder, 'wal'),
      });
      openWal({ ...options, vfs: nodeVfs }, resolve);
    });
    if (opened.wal === undefined) throw opened.error;
    return opened.wal;
  };
  const append = (wal: Wal, entries: Entry[], commit: number): Promise<void> =>
    new Promise((resolve) => {
      wal.append(work({ entries, hardState: { term: 1, vote: 1, commit } }), resolve);
    });

  test('a log grows over segments, shrinks, is found again, and can be looked at', async () => {
    let wal = await open();
    const data = (index: number): Buffer => Buffer.alloc(1000, index);
    for (let from = 1; from <= 400; from += 40)
      await Promise.all(
        [0, 10, 20, 30].map((skip) =>
          append(
            wal,
            Array.from({ length: 10 }, (_, at) => entry(from + skip + at, 1, data(from + skip + at))),
            from + skip,
          ),
        ),
      );
    expect(wal.stats.segments).toBeGreaterThan(5);
    const before = contentOf(wal);
    await new Promise<void>((resolve) => wal.close(resolve));

    const report = inspectWal(nodeVfs, join(folder, 'wal'));
    expect(report).toMatchObject({ problems: [], tornBytes: 0, log: { last: { index: 400, term: 1 } } });
    expect(statSync(report.segments[0]!.file).size).toBe(64 * 1024);

    wal = await open();
    expect(contentOf(wal).replace(/^\[\[.*?\]/, '')).toBe(before.replace(/^\[\[.*?\]/, ''));
    expect(wal.entries(250, 251, 0)?.[0]?.data).toEqual(new Uint8Array(data(250)));
    await new Promise<void>((resolve) =>
      wal.recordSnapshot({ index: 380 - 9, term: 1, config: members, data: new Uint8Array(1) }, resolve),
    );
    await new Promise<void>((resolve) => wal.compact(371, resolve));
    await append(wal, [entry(401, 1)], 400);
    await new Promise<void>((resolve) => wal.close(resolve));
    expect(readdirSync(join(folder, 'wal')).length).toBeLessThan(5);

    wal = await open();
    expect([wal.firstIndex(), wal.lastIndex(), wal.initialState().hardState.commit]).toEqual([372, 401, 400]);
    await new Promise<void>((resolve) => wal.close(resolve));
  });
});
