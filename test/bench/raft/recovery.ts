import { join } from 'node:path';
import { nodeVfs } from '../../../agent/src/raft/storage/node-vfs.ts';
import { openWal } from '../../../agent/src/raft/storage/open-wal.ts';
import type { Wal } from '../../../agent/src/raft/storage/wal.ts';

const config = { voters: [1], outgoing: [], learners: [], learnersNext: [], autoLeave: false };
const logBytes = 2 ** 30;
const entryBytes = 1024;
const perWork = 256;

const open = (directory: string, create: boolean): Promise<Wal> =>
  new Promise((resolve, reject) => {
    openWal(
      {
        vfs: nodeVfs,
        directory,
        identity: { clusterId: 'bench', memberId: 1, incarnation: 'bench' },
        create: create ? config : undefined,
        onFailure: reject,
        onTrouble: reject,
      },
      (opened) => {
        if (opened.wal === undefined) reject(opened.error);
        else resolve(opened.wal);
      },
    );
  });

const close = (wal: Wal): Promise<void> =>
  new Promise((resolve) => {
    wal.close(resolve);
  });

/** A log of 1 GiB of entries of 1 KiB. */
export const writeLargeLog = async (folder: string): Promise<string> => {
  const directory = join(folder, 'large');
  const wal = await open(directory, true);
  const data = new Uint8Array(entryBytes).fill(120);
  let index = 0;
  while (index * entryBytes < logBytes) {
    const entries = Array.from({ length: perWork }, () => {
      index += 1;
      return { index, term: 1, type: 'normal', data } as const;
    });
    const hardState = { term: 1, vote: 1, commit: index - perWork };
    await new Promise<void>((done) => {
      wal.append(
        { entries, hardState, snapshot: undefined, mustSync: true, messages: [], token: index },
        done,
      );
    });
  }
  await close(wal);
  return directory;
};

/** @returns seconds until that log is open */
export const recoverLargeLog = async (directory: string): Promise<number> => {
  const begin = performance.now();
  const wal = await open(directory, false);
  const seconds = (performance.now() - begin) / 1000;
  await close(wal);
  return seconds;
};
