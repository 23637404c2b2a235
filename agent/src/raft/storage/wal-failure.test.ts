import { describe, expect, test } from '@jest/globals';
import { diskError, seeded, SimDisk, type DiskOperation } from './sim-disk.fixture.ts';
import { contentOf, entry, opened, openedWal, work } from './wal-model.fixture.ts';
import type { StorageError } from './storage-error.ts';
import type { Vfs, VfsFile } from './vfs.ts';
import { fates, WalRun } from './wal-run.fixture.ts';

/** How many operations a run takes when nothing fails. */
const operationsOf = (seed: number, deeds: number): readonly DiskOperation[] => {
  const run = new WalRun(seed);
  run.work(deeds);
  return run.disk.trace;
};

const failAt =
  (number: number, code: string) =>
  (operation: DiskOperation): Error | undefined =>
    operation.number === number ? diskError(code) : undefined;

describe('an operation of the disk that fails', () => {
  const deeds = 45;
  test.each(['EIO', 'ENOSPC'])('with %s leads to no acknowledgement of what is not on the disk', (code) => {
    const random = seeded(20);
    const begin = new SimDisk();
    openedWal(begin);
    const trace = operationsOf(21, deeds);
    for (const { number, kind, path } of trace) {
      const run = new WalRun(21);
      run.disk.fault = failAt(number, code);
      if (number < run.disk.trace.length) continue;
      run.work(deeds);
      const isForgiven = kind === 'remove' || (code === 'ENOSPC' && run.failures.length === 0);
      expect({ number, kind, path, failures: run.failures.map((error) => error.code) }).toEqual({
        number,
        kind,
        path,
        failures: isForgiven ? [] : ['wal_failed'],
      });
      if (isForgiven) expect([run.done, run.troubles.length]).toEqual([deeds, 1]);
      const ends = run.done;
      if (!isForgiven) run.wal.append(work({ entries: [entry(1, 99)] }), () => (run.done += 1));
      run.disk.fault = () => undefined;
      run.disk.run();
      expect(run.done).toBe(ends);
      for (const fate of fates(random)) run.check(run.disk.crashed(fate));
      // The process alone dies: what it finds was taken for clean, and must be made durable all the same.
      const restarted = run.disk.killed();
      const content = contentOf(run.check(restarted));
      expect(contentOf(run.check(restarted.crashed(() => 0)))).toBe(content);
    }
  });

  test('while a log is opened refuses it, and a later attempt finds it as it was', () => {
    const run = new WalRun(22);
    run.work(40);
    run.disk.onChange = () => undefined;
    const content = contentOf(run.check(run.disk.killed(), run.done));
    for (let number = 0; number < 12; number += 1) {
      const disk = run.disk.killed();
      disk.fault = failAt(number, 'EIO');
      const { wal, error } = opened(disk, { onFailure: () => undefined, onTrouble: () => undefined });
      if (wal === undefined) expect(error.code).toBe('wal_failed');
      disk.fault = () => undefined;
      disk.run();
      expect(contentOf(run.check(disk.killed(), run.done))).toBe(content);
      expect(
        contentOf(
          run.check(
            disk.crashed(() => 0),
            run.lasting,
          ),
        ).length,
      ).toBeGreaterThan(0);
    }
  });

  test('while a log is begun refuses it, and a later attempt begins it', () => {
    for (let number = 0; number <= 7; number += 1) {
      const disk = new SimDisk();
      disk.fault = failAt(number, 'ENOSPC');
      expect(opened(disk).error?.code).toBe(number < 7 ? 'wal_failed' : undefined);
      expect(openedWal(disk.killed()).lastIndex()).toBe(0);
    }
  });
});

test('without space for the next segment, a commit index that is held back takes no room from what must be written', () => {
  const outcomes = new Set<string>();
  // The last entry ends before, at, and behind the end of the segment, the one prepared ahead being used up.
  for (let size = 400; size < 1000; size += 4) {
    const disk = new SimDisk();
    const run = new WalRun(24, {}, disk);
    disk.run();
    disk.fault = ({ kind }) => (kind === 'preallocate' ? diskError('ENOSPC') : undefined);
    const append = (index: number, bytes: number): void =>
      run.do({ kind: 'append', work: work({ entries: [entry(index, 1, Buffer.alloc(bytes, 1))] }) });
    for (let index = 1; index < 10; index += 1) append(index, 700);
    disk.run();
    run.do({
      kind: 'append',
      work: work({ hardState: { term: 1, vote: 0, commit: 9 }, mustSync: false }),
    });
    append(10, size);
    let steps = 0;
    disk.run(() => (steps += 1) > 200);
    expect(steps).toBeLessThan(200);
    outcomes.add(`${run.done} done, ${run.failures.length} failed, ${run.troubles.length} told`);
  }
  expect([...outcomes]).toEqual([
    '11 done, 0 failed, 1 told',
    '11 done, 0 failed, 2 told',
    '10 done, 1 failed, 1 told',
  ]);
});

test('space that is missing only for the next segment stops nothing until it is needed', () => {
  const disk = new SimDisk();
  const run = new WalRun(23, {}, disk);
  disk.run();
  let isFull = true;
  disk.fault = ({ kind }) => (kind === 'preallocate' && isFull ? diskError('ENOSPC') : undefined);
  const fill = (from: number, count: number): void => {
    for (let index = from; index < from + count; index += 1)
      run.do({ kind: 'append', work: work({ entries: [entry(index, 1, Buffer.alloc(700, 1))] }) });
    disk.run();
  };
  // Two segments take ten of them: the first, and the one that was prepared before the disk was full.
  fill(1, 8);
  expect([run.done, run.failures.length, run.troubles.map(({ code }) => code)]).toEqual([
    8,
    0,
    ['wal_short_of_space'],
  ]);
  isFull = false;
  fill(9, 8);
  expect([run.done, run.failures.length, run.troubles.length]).toEqual([16, 0, 1]);
  isFull = true;
  fill(17, 16);
  expect(run.failures.map(({ code }) => code)).toEqual(['wal_failed']);
  expect(run.done).toBeLessThan(32);
  expect(run.done).toBeGreaterThan(16);
  run.check(disk.crashed(() => 0));
});

test('a disk that cannot be read refuses the log, and ends one that is open', () => {
  const run = new WalRun(24);
  run.work(40, true);
  const disk = run.disk.killed();
  let reads = 0;
  let readable = 0;
  const vfs: Vfs = {
    open: (path) => {
      const file = disk.open(path);
      const read: VfsFile['read'] = (into, position) => {
        reads += 1;
        if (reads > readable) throw diskError('EIO');
        return file.read(into, position);
      };
      return { ...file, read };
    },
    create: (path, done) => disk.create(path, done),
    list: (folder) => disk.list(folder),
    makeDirectory: () => undefined,
    rename: (from, to, done) => disk.rename(from, to, done),
    remove: (path, done) => disk.remove(path, done),
    syncDirectory: (path, done) => disk.syncDirectory(path, done),
  };
  const failures: StorageError[] = [];
  let result = opened(disk, { vfs });
  for (
    ;
    result.wal === undefined;
    result = opened(disk, { vfs, onFailure: (error) => failures.push(error) })
  ) {
    expect(result.error).toMatchObject({ code: 'wal_failed', message: expect.stringContaining('EIO') });
    readable = reads;
    reads = 0;
  }
  expect(readable).toBeGreaterThan(10);
  const { wal } = result;
  expect(() => contentOf(wal)).toThrow('EIO');
  expect(failures).toEqual([wal.failure]);
});
