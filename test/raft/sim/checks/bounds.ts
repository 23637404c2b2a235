import { snapshotDirectory, walDirectory } from '../cluster/process.ts';
import type { Member } from '../cluster/member.ts';
import type { Plan } from '../swarm.ts';

/** What is under way when somebody looks: a snapshot being taken, one being received, one being sent. */
const slackFiles = { '.snap': 2, '.part': 5, '.tmp': 5, '.progress': 5 };
const slackEntries = 100;

const count = (names: readonly string[], suffix: string): number =>
  names.filter((name) => name.endsWith(suffix)).length;

/**
 * Once nothing goes wrong any more, nothing is kept for longer than it is needed.
 * @returns what it keeps too much of
 */
export const tooMuch = ({ id, disk, process }: Member, { limits }: Plan): string | undefined => {
  if (process === undefined) return undefined;
  const { wal } = process;
  const snapshots = disk.list(snapshotDirectory);
  for (const [suffix, most] of Object.entries(slackFiles)) {
    const kept = count(snapshots, suffix);
    if (kept > most) return `member ${id} keeps ${kept} files that end in ${suffix}, and ${most} are enough`;
  }
  const entries = wal.lastIndex() - wal.firstIndex() + 1;
  // Of those since the last snapshot, and two more that the disk may have had no room for.
  const most = limits.keepEntries + 3 * limits.snapshotEntries + slackEntries;
  if (entries > most) return `member ${id} keeps ${entries} entries, and ${most} are enough`;
  const segments = count(disk.list(walDirectory), '.wal');
  // One is prepared, and one is being removed.
  const held = wal.stats.segments + 2;
  return segments > held ? `member ${id} has ${segments} segments, and ${held} are enough` : undefined;
};
