import { describe, expect, test } from '@jest/globals';
import { segmentName } from './segment.ts';
import { SimDisk, seeded } from './sim-disk.fixture.ts';
import { contentOf, entry, give, openedWal, work, type Deed } from './wal-model.fixture.ts';
import { fates, WalRun } from './wal-run.fixture.ts';
import type { Wal } from './wal.ts';

/** One more entry, as the next leader begins with. */
const oneMore = (wal: Wal): Deed => {
  const last = wal.lastIndex();
  return { kind: 'append', work: work({ entries: [entry(last + 1, (wal.term(last) ?? 0) + 1)] }) };
};

describe('a power cut after any step', () => {
  test.each([1, 2, 3])('loses nothing that was acknowledged and makes nothing up (seed %i)', (seed) => {
    const run = new WalRun(seed);
    const random = seeded(1000 + seed);
    let cuts = 0;
    run.disk.onChange = () => {
      for (const fate of fates(random)) {
        run.check(run.disk.crashed(fate));
        cuts += 1;
      }
    };
    run.work(100);
    expect(run.done).toBe(100);
    expect(cuts).toBeGreaterThan(800);
    expect(new Set(run.disk.trace.map(({ kind }) => kind)).has('remove')).toBe(true);
  });

  test('leaves a log that can be written on', () => {
    const run = new WalRun(5);
    const random = seeded(6);
    run.disk.onChange = () => {
      if (random() > 0.3) return;
      const disk = run.disk.crashed(fates(random)[3]!);
      const wal = run.check(disk);
      give(wal, oneMore(wal), () => undefined);
      disk.run();
      const content = contentOf(wal, 100);
      const isSame = (again: SimDisk): boolean =>
        // The hard state is asked for as it was when the log was opened.
        contentOf(openedWal(again)).replace(/^\[\[.*?\],/, '') === content.replace(/^\[\[.*?\],/, '');
      for (const fate of fates(random)) if (!isSame(disk.crashed(fate))) throw new Error('the entry is lost');
      wal.close(() => undefined);
      disk.run();
      if (!isSame(disk)) throw new Error('closing lost the entry');
    };
    run.work(60);
    expect(run.done).toBe(60);
  });

  test('while the log is opened changes nothing', () => {
    const run = new WalRun(7);
    const random = seeded(8);
    run.disk.onChange = () => {
      if (random() > 0.1) return;
      const disk = run.disk.crashed(fates(random)[3]!);
      const content = contentOf(run.check(disk.killed()));
      disk.onChange = () => {
        for (const fate of fates(random))
          if (contentOf(run.check(disk.crashed(fate))) !== content) throw new Error('it is another log');
      };
      openedWal(disk);
      disk.run();
    };
    run.work(60);
    expect(run.done).toBe(60);
  });

  test('while a log is begun leaves one that can be begun again', () => {
    const disk = new SimDisk();
    const random = seeded(9);
    disk.onChange = () => {
      for (const fate of fates(random)) expect(openedWal(disk.crashed(fate)).lastIndex()).toBe(0);
    };
    const wal = openedWal(disk);
    disk.run();
    expect(wal.lastIndex()).toBe(0);
  });
});

test('what need not last goes along with what must, also into the next segment', () => {
  const run = new WalRun(13, { segmentBytes: 1024 });
  run.disk.onChange = () => void run.check(run.disk.crashed(() => 0));
  for (let index = 1; index <= 60; index += 1) {
    run.do({ kind: 'append', work: work({ entries: [entry(index, 1)] }) });
    run.disk.run();
    const hardState = { term: 0, vote: 0, commit: index };
    run.do({ kind: 'append', work: work({ hardState, mustSync: false }) });
  }
  expect(run.done).toBe(120);
  expect(run.disk.list('/data/wal').length).toBeGreaterThan(4);
  const { commit } = run.check(run.disk.crashed(() => 0)).initialState().hardState;
  expect(commit).toBe(59);
});

test('a segment whose first group was torn is not used as it is', () => {
  const run = new WalRun(14);
  run.disk.run();
  // The sector with the header was lost, the others of a group were not.
  run.disk.plant(
    `/data/wal/${segmentName(2)}`,
    Buffer.concat([Buffer.alloc(512), Buffer.alloc(4096 - 512, 0x55)]),
  );
  const wal = openedWal(run.disk);
  wal.append(work({ entries: [entry(1, 1, Buffer.alloc(3700))] }), () => undefined);
  wal.append(work({ entries: [entry(2, 1, Buffer.alloc(700))] }), () => undefined);
  run.disk.run();
  expect(openedWal(run.disk.crashed(() => 0)).lastIndex()).toBe(2);
});

test('a segment whose name is seen but not durable is not relied on', () => {
  const run = new WalRun(15);
  run.disk.run(() => run.disk.trace.at(-1)?.kind === 'syncDirectory');
  const disk = run.disk.killed();
  const wal = openedWal(disk);
  let done = 0;
  for (const index of [1, 2])
    wal.append(work({ entries: [entry(index, 1, Buffer.alloc(3000))] }), () => (done += 1));
  disk.run(() => done === 2);
  expect(disk.list('/data/wal')).toEqual([segmentName(1), segmentName(2)]);
  expect(openedWal(disk.crashed(() => 0)).lastIndex()).toBe(2);
});

describe('a process that dies after any step', () => {
  test('loses nothing that has to last', () => {
    const run = new WalRun(10);
    run.disk.onChange = () => run.check(run.disk.killed());
    run.work(100);
    expect(run.done).toBe(100);
  });

  test('has what it finds again made durable before it is relied on', () => {
    const run = new WalRun(11);
    const random = seeded(12);
    run.disk.onChange = () => {
      const disk = run.disk.killed();
      const content = contentOf(run.check(disk));
      for (const fate of fates(random))
        if (contentOf(run.check(disk.crashed(fate))) !== content) throw new Error('what was seen is lost');
    };
    run.work(60);
    expect(run.done).toBe(60);
  });
});
