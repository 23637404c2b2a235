import { readFile, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

export interface PortHolder {
  readonly pid: number;
  readonly program: string;
}

const listening = '0A';

/** Socket inodes that listen on the port, from the kernel's tables. */
const inodesOf = (table: string, port: number): string[] => {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) === true && fields[3] === listening)
    .flatMap((fields) => (fields[9] === undefined ? [] : [fields[9]]));
};

const opens = async (pid: string, links: ReadonlySet<string>): Promise<boolean> => {
  try {
    for (const name of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
      if (links.has(target)) return true;
    }
  } catch {
    // Another user's process, or one that has just ended.
  }
  return false;
};

/** Program and first argument: `node main.ts` says more than the name of its main thread. */
const programOf = async (pid: string): Promise<string> => {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const [program = '', first = ''] = line.split('\0');
  const shown = [program, first.startsWith('-') ? '' : first].filter((part) => part !== '');
  return shown.length === 0 ? 'another program' : shown.map((part) => basename(part)).join(' ');
};

/** Who listens on a port, as far as this user may know; only on systems with /proc. */
export const findPortHolder = async (port: number): Promise<PortHolder | undefined> => {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const links = new Set(tables.flatMap((table) => inodesOf(table, port)).map((inode) => `socket:[${inode}]`));
  if (links.size === 0) return undefined;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    if (!(await opens(pid, links))) continue;
    return { pid: Number(pid), program: await programOf(pid) };
  }
  return undefined;
};
