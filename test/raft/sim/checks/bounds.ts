import { snapshotDirectory, walDirectory } from '../cluster/process.ts';
import type { Member } from '../cluster/member.ts';
import { Violation } from '../failure.ts';
import type { Plan } from '../swarm.ts';

/** What is under way when somebody looks: a snapshot being taken, one being received, one being sent. */
const slackFiles = 5;
const slackEntries = 100;

const count = (names: readonly string[], suffix: string): number =>
  names.filter((name) => name.endsWith(suffix)).length;

/** Once nothing goes wrong any more, nothing is kept for longer than it is needed. */
export const checkBounds = ({ id, disk, process }: Member, { limits, segmentBytes }: Plan): void => {
  if (process === undefined) return;
  const { wal } = process;
  const fail = (what: string): never => {
    throw new Violation('bounds', `member ${id} ${what}`);
  };
  const snapshots = disk.list(snapshotDirectory);
  for (const suffix of ['.snap', '.part', '.tmp', '.progress']) {
    const files = count(snapshots, suffix);
    if (files > slackFiles) fail(`keeps ${files} files that end in ${suffix}`);
  }
  const entries = wal.lastIndex() - wal.firstIndex() + 1;
  const most = limits.keepEntries + 2 * limits.snapshotEntries + slackEntries;
  if (entries > most) fail(`keeps ${entries} entries, and ${most} are enough`);
  const segments = disk.list(walDirectory).filter((name) => name.endsWith('.wal')).length;
  // A piece of work does not stretch over two segments, so that each may be left half empty.
  const held = wal.stats.segments + 2;
  if (segments > held) fail(`has ${segments} segments of ${segmentBytes} bytes, and ${held} hold its log`);
  if (wal.stats.queuedBytes > 0 && wal.failure !== undefined)
    fail('has work queued for a log that has failed');
};
