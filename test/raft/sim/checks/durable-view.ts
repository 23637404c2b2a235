import {
  closeSegments,
  openSegments,
  recover,
  type Recovered,
} from '../../../../agent/src/raft/storage/recovery.ts';
import type { LogState } from '../../../../agent/src/raft/storage/log-state.ts';
import type { Vfs } from '../../../../agent/src/raft/storage/vfs.ts';
import { Chance } from '../world/chance.ts';
import { Clock } from '../world/clock.ts';
import type { Disk } from '../world/disk.ts';
import { MountedVfs } from '../world/mounted-vfs.ts';

/** Of a disk that is only read, and at once. */
export const readingVfs = (disk: Disk): Vfs =>
  new MountedVfs({
    disk,
    clock: new Clock(),
    chance: new Chance(0, 'nothing is left to it'),
    deliver: () => undefined,
    isAlive: () => true,
    failed: () => undefined,
  });

const readDurably = (disk: Disk, directory: string): Recovered | undefined => {
  const copy = disk.durableCopy();
  if (!copy.hasDirectory(directory)) return undefined;
  const segments = openSegments(readingVfs(copy), directory);
  try {
    return recover(segments);
  } finally {
    closeSegments(segments);
  }
};

/**
 * What a member would find if its power failed now and everything that may be lost were lost: read by the recovery
 * that a restart would run.
 * @returns undefined when there is no log
 * @throws StorageError when the log would be refused
 */
export const durableState = (disk: Disk, directory: string): LogState | undefined =>
  readDurably(disk, directory)?.state;

/** Whether the log ends in something that a crash has cut off. */
export const hasTornTail = (disk: Disk, directory: string): boolean => {
  try {
    return readDurably(disk, directory)?.tail.stop === 'damaged';
  } catch {
    // It was damaged before: the member will say so.
    return false;
  }
};
