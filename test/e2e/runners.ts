import { readdirSync, readFileSync } from 'node:fs';

/** Text of a file below /proc; empty where the process is gone or none of ours. */
const procFile = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
};

const parentOf = (pid: number): number => {
  const stat = procFile(pid, 'stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
};

/**
 * Process ids of the runners of an agent, from /proc.
 * @param modelFile only those that have a file of this name mapped
 */
export const runnersOf = (agentPid: number | undefined, modelFile = ''): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => parentOf(pid) === agentPid && procFile(pid, 'cmdline').includes('runner'))
    .filter((pid) => procFile(pid, 'maps').includes(modelFile));
