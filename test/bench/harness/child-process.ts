import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { BenchRefused } from './bench.ts';

const stopMs = 3000;
const running = new Set<ChildProcess>();

/** Also an end that nobody foresaw leaves nothing running: `exit` handlers may only do what takes no waiting. */
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Keeps a child in mind until it ends. */
export const own = <T extends ChildProcess>(child: T): T => {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};

/** Starts a program whose end is ours to see to. Its last output tells why it failed. */
export const startChild = (
  file: string,
  args: readonly string[],
  options: SpawnOptions = {},
): { readonly child: ChildProcess; readonly output: () => string } => {
  let tail = '';
  const child = own(spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  return { child, output: () => tail };
};

/** SIGTERM, and SIGKILL for one that does not listen. */
export const stopChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await ended;
  clearTimeout(timer);
};

export const pidOf = (child: ChildProcess): number => {
  if (child.pid === undefined) throw new BenchRefused('a program could not be started');
  return child.pid;
};
