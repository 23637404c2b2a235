import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
}

export interface FileLock {
  release(): Promise<void>;
}

/** Start time of a process in kernel ticks: tells a process from a later one with the same number. */
const startTimeOf = async (pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

const holderOf = async (text: string): Promise<LockHolder | undefined> => {
  const [pidText, startTime] = text.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  const now = await startTimeOf(pid);
  return startTime === undefined || startTime === '' || now === undefined || now === startTime
    ? { pid }
    : undefined;
};

/** @returns the process that holds a lock; undefined when none does. Nothing is taken or changed. */
export const lockHolder = async (path: string): Promise<LockHolder | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : holderOf(text);
};

/**
 * Takes a lock that ends with its process: a lock file whose process is gone is taken over.
 * @returns the lock, or who holds it
 */
export const acquireFileLock = async (path: string): Promise<FileLock | { readonly heldBy: LockHolder }> => {
  const mark = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const content = `${process.pid} ${(await startTimeOf(process.pid)) ?? ''}\n`;
  await writeFile(mark, content, { mode: 0o600, flag: 'wx' });
  try {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      try {
        // A link appears with its content at once; creating and then writing would not.
        await link(mark, path);
        return {
          release: async () => {
            if ((await readFile(path, 'utf8').catch(() => '')) === content) await rm(path, { force: true });
          },
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const heldBy = await holderOf(text);
      if (heldBy !== undefined) return { heldBy };
      // Of several that find it stale, one moves it away; whoever moved a fresh one puts it back.
      const aside = `${mark}.stale`;
      try {
        await rename(path, aside);
      } catch {
        continue;
      }
      if ((await readFile(aside, 'utf8')) !== text) await link(aside, path).catch(() => undefined);
      await rm(aside, { force: true });
    }
  } finally {
    await rm(mark, { force: true });
  }
  throw new Error(`The lock file ${path} changes too fast to be taken.`);
};
