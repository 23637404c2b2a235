import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@ollamamax/common';

/** The group of agents whose members live in a data directory. */
interface LocalGroup {
  readonly clusterId: string;
  /** How many agents belong to it. */
  readonly agents: number;
}

const pathIn = (dataDir: string): string => join(dataDir, 'group.json');

/** The group in a data directory; where there is none yet, a new one of no agents. */
export const readGroup = async (dataDir: string): Promise<LocalGroup> => {
  try {
    const { clusterId, agents } = JSON.parse(await readFile(pathIn(dataDir), 'utf8')) as Partial<LocalGroup>;
    if (typeof clusterId === 'string' && typeof agents === 'number') return { clusterId, agents };
  } catch {
    // Not there, or nothing of ours: the agents' own disks say what they belong to.
  }
  return { clusterId: randomUUID(), agents: 0 };
};

/** Before any agent hears of it. */
export const keepGroup = (dataDir: string, group: LocalGroup): Promise<void> =>
  writeFileAtomic(pathIn(dataDir), `${JSON.stringify(group)}\n`, 0o600);
