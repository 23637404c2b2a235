import { readFileSync } from 'node:fs';
import { BenchRefused } from './bench.ts';

/** Clock ticks per second in /proc; the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BenchRefused(`a measured process is gone, or this is not Linux: ${path}`, { cause: error });
  }
};

/** CPU seconds that the processes have used so far, user and system. Linux only. */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const stat = read(`/proc/${pid}/stat`);
    // The name in parentheses may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }, 0);

/** Resident bytes of the processes together. Linux only. */
export const residentBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
    if (kilobytes === undefined) throw new BenchRefused(`process ${pid} has no memory any more`);
    return sum + Number(kilobytes) * 1024;
  }, 0);
