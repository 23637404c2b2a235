import { join } from 'node:path/posix';
import { membersOf } from '../../../../agent/src/raft/core/config-change/changer.ts';
import { recordTypes } from '../../../../agent/src/raft/storage/record.ts';
import { RecordCursor } from '../../../../agent/src/raft/storage/record-cursor.ts';
import { decodeSyncPoint, seedOfHeader, saltOf } from '../../../../agent/src/raft/storage/segment.ts';
import { readingVfs } from '../checks/durable-view.ts';
import type { Chance } from '../world/chance.ts';
import type { Disk } from '../world/disk.ts';
import type { Cluster } from './cluster.ts';
import type { Member } from './member.ts';
import { identityOf, snapshotDirectory, walDirectory } from './process.ts';
import type { Setting } from './setting.ts';

/** Bytes [from, to) of a file that are known to have been durable: any change there is damage. */
interface Sealed {
  readonly path: string;
  readonly to: number;
}

/** Of a segment: all that the last sync point in it vouches for. */
const vouchedFor = (member: Member, disk: Disk, name: string): Sealed => {
  const path = join(walDirectory, name);
  const file = readingVfs(disk).open(path, 'read');
  const cursor = new RecordCursor(file, 0, 0, 4096);
  cursor.seed = seedOfHeader(cursor.peek().subarray(12)) ?? 0;
  const salt = saltOf(identityOf(member.id), Number.parseInt(name, 10));
  let to = 0;
  for (let at = cursor.offset; cursor.next() === 'record'; at = cursor.offset)
    if (cursor.type === recordTypes.syncPoint) to = decodeSyncPoint(cursor.payload, salt, at).syncedTo;
  return { path, to };
};

const sealedParts = (member: Member): Sealed[] => {
  const disk = member.disk.durableCopy();
  const segments = disk
    .list(walDirectory)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => vouchedFor(member, disk, name));
  const snapshots = disk
    .list(snapshotDirectory)
    .filter((name) => name.endsWith('.snap'))
    .map((name) => {
      const path = join(snapshotDirectory, name);
      return { path, to: disk.find(path)?.size ?? 0 };
    });
  return [...segments, ...snapshots].filter(({ to }) => to > 0);
};

/** Whether a voter more may be lost for good: a quorum of every configuration that may come to hold must be left. */
const canBeSpared = (victim: Member, cluster: Cluster, { ledger }: Setting): boolean => {
  const isGone = (id: number): boolean => {
    const member = cluster.find(id);
    return id === victim.id || member === undefined || member.isLost || member.isDamaged;
  };
  // What is decided by then is not known before.
  if (ledger.hasPendingChange((id) => cluster.find(id)?.isLost === false)) return false;
  // One that is down for now may know of members that those who are up do not.
  return cluster.present.every((member) => {
    const config = member.status()?.config;
    if (config === undefined) return false;
    return [config.voters, config.outgoing, membersOf(config)].every(
      (half) => half.length === 0 || 2 * half.filter((id) => !isGone(id)).length > half.length,
    );
  });
};

/** Stops a member, flips a bit of what it has stored and starts it again: it must notice, or not need what was there. */
export const flipBit = (victim: Member, cluster: Cluster, setting: Setting, chance: Chance): void => {
  const { world } = setting;
  if (!canBeSpared(victim, cluster, setting)) return;
  const parts = sealedParts(victim);
  if (parts.length === 0) return;
  victim.stop();
  const { path, to } = chance.pick(parts);
  victim.disk.find(path)?.flip(chance.below(to), chance.below(8));
  victim.isDamaged = true;
  world.tally.add('bits flipped');
  world.log?.(`a bit of ${path} of n${victim.id} flips`);
  victim.start();
};

/** Starts a member on an empty disk: it must not go on as if it had never promised anything. */
export const loseDisk = (victim: Member, cluster: Cluster, setting: Setting): void => {
  const { world } = setting;
  if (!canBeSpared(victim, cluster, setting)) return;
  victim.stop();
  victim.disk.wipe();
  victim.isDamaged = true;
  world.tally.add('disks lost');
  world.log?.(`the disk of n${victim.id} is lost`);
  victim.start();
};
