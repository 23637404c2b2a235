import { describe, expect, test } from '@jest/globals';
import type { Entry } from '../core/types.ts';
import { SimDisk } from '../storage/sim-disk.fixture.ts';
import { directory, entry, identity, openedWal, work } from '../storage/wal-model.fixture.ts';
import { fates, WalRun } from '../storage/wal-run.fixture.ts';
import type { Wal } from '../storage/wal.ts';
import { OfflineLog } from './offline-log.ts';

const contentsOf = (disk: SimDisk): Record<string, string> =>
  Object.fromEntries(
    disk.list(directory).map((name) => [name, disk.bytesOf(`${directory}/${name}`).toString('latin1')]),
  );

const textOf = ({ index, term, type, data }: Entry): string =>
  `${index}@${term} ${type} ${Buffer.from(data).toString('latin1')}`;

/** By many small reads, as a leader sends them. */
const entriesOf = (wal: Wal): Entry[] => {
  const entries: Entry[] = [];
  for (let next = wal.firstIndex(); next <= wal.lastIndex(); next = wal.firstIndex() + entries.length)
    entries.push(...(wal.entries(next, wal.lastIndex() + 1, 1000) ?? []));
  return entries;
};

describe('the log of a stopped member', () => {
  test.each(Array.from({ length: 15 }, (_unused, seed) => seed))(
    'is read as the member would, killed or after a power cut, and stays as it is: seed %i',
    (seed) => {
      const run = new WalRun(seed);
      run.work(60, seed % 2 === 0);
      const disks = [run.disk.killed(), ...fates(run.random).map((fate) => run.disk.crashed(fate))];
      for (const disk of disks) {
        const before = contentsOf(disk);
        const log = new OfflineLog(disk, directory, identity);
        const read = [...log.entries(log.firstIndex, log.lastIndex + 1)];
        expect(contentsOf(disk)).toEqual(before);
        const wal = openedWal(disk);
        expect([log.firstIndex, log.lastIndex]).toEqual([wal.firstIndex(), wal.lastIndex()]);
        expect(log.summary.hardState).toEqual(wal.initialState().hardState);
        expect(read.map(({ entry: one }) => textOf(one))).toEqual(entriesOf(wal).map(textOf));
        expect(read.every(({ file, offset }) => disk.bytesOf(file).length > offset)).toBe(true);
        log.close();
      }
    },
  );

  test('is refused when it is not there, another one, or damaged', () => {
    expect(() => new OfflineLog(new SimDisk(), directory, identity)).toThrow(/There is no log in/);
    const disk = new SimDisk();
    const wal = openedWal(disk);
    wal.append(work({ entries: [entry(1, 1)] }), () => undefined);
    wal.close(() => undefined);
    disk.run();
    const other = { ...identity, incarnation: 'another' };
    expect(() => new OfflineLog(disk, directory, other)).toThrow(
      expect.objectContaining({ code: 'wal_foreign' }),
    );
    const path = `${directory}/0000000000000001.wal`;
    const bytes = Buffer.from(disk.bytesOf(path));
    bytes.writeUInt8(bytes.readUInt8(300) ^ 1, 300);
    disk.plant(path, bytes);
    expect(() => new OfflineLog(disk, directory, identity)).toThrow(
      expect.objectContaining({ code: 'wal_corrupt' }),
    );
  });
});
