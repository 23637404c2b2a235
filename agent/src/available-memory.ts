import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

/** Bytes of memory this process may ever see: those of the machine, or of its control group when that has less. */
export const totalMemory = (): number => {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
};

const parsed = (text: string | undefined): number | undefined => {
  const value = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  return Number.isFinite(value) ? value : undefined;
};

/**
 * Bytes a new process may take: what the kernel calls available, and not more than the control group (v2 or v1)
 * still allows, whose file cache counts as free.
 * @param root of the file system; other than `/` in tests.
 */
export const readAvailableMemory = async (root = '/'): Promise<number> => {
  const read = (path: string): Promise<string | undefined> =>
    readFile(join(root, path), 'utf8').catch(() => undefined);
  const meminfo = await read('proc/meminfo');
  const kibibytes = parsed(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo ?? '')?.[1]);
  const host = kibibytes === undefined ? freemem() : kibibytes * 1024;
  const groups = [
    ['memory.max', 'memory.current', 'memory.stat', /^inactive_file (\d+)/m],
    [
      'memory/memory.limit_in_bytes',
      'memory/memory.usage_in_bytes',
      'memory/memory.stat',
      /^total_inactive_file (\d+)/m,
    ],
  ] as const;
  for (const [limitFile, usageFile, statFile, cachePattern] of groups) {
    const limit = parsed(await read(`sys/fs/cgroup/${limitFile}`));
    const usage = parsed(await read(`sys/fs/cgroup/${usageFile}`));
    if (limit === undefined || usage === undefined) continue;
    const cache = parsed(cachePattern.exec((await read(`sys/fs/cgroup/${statFile}`)) ?? '')?.[1]) ?? 0;
    return Math.max(0, Math.min(host, limit - usage + cache));
  }
  return host;
};
