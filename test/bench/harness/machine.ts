import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** What of this machine decides how fast it is. */
export const machineFacts = (): Readonly<Record<string, string | number>> => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  'memory GiB': Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  'load average': Number((loadavg()[0] ?? 0).toFixed(2)),
});
