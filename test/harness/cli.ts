import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { planPorts, type AgentPorts } from '../../agent/src/cli/up/port-plan.ts';

/** Root of the source tree. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('../../agent/bin/ollamamax.mjs', import.meta.url));

export interface Running {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Types into the program. */
  write(text: string): void;
  signal(signal: NodeJS.Signals): void;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The whole of standard input; it stays open for `write` without. */
  readonly input?: string;
}

/** Environment without what would steer an agent or tell that npm runs the tests. */
const environment = (extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  ...extra,
});

export const start = (file: string, args: readonly string[], options: RunOptions = {}): Running => {
  const child = spawn(file, args, {
    cwd: options.cwd ?? root,
    env: environment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that has ended reads no more.
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    write: (text) => child.stdin.write(text),
    signal: (signal) => {
      child.kill(signal);
    },
  };
};

/** Starts the command line program. */
export const ollamamax = (args: readonly string[], options: RunOptions = {}): Running =>
  start(process.execPath, [program, ...args], options);

export interface Outcome {
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export const outcome = async (running: Running): Promise<Outcome> => {
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

/** A `--port` with which every port of a local cluster is free, below those that the system hands out itself. */
export const freeBase = async (agents: number): Promise<readonly AgentPorts[]> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const plan = planPorts(agents, 10_000 + Math.floor(Math.random() * 20_000));
    const free = await Promise.all(plan.flatMap((ports) => Object.values(ports).map(isFree)));
    if (free.every(Boolean)) return plan;
  }
  throw new Error('no free ports for a local cluster');
};

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly zombie: boolean;
}

const readProcess = (pid: string): ProcessFacts[] => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return [{ pid: Number(pid), parent: Number(parent), zombie: state === 'Z' }];
  } catch {
    return [];
  }
};

const processes = (): readonly ProcessFacts[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readProcess)
    .filter(({ zombie }) => !zombie);

/** Ids of the process's children and all below them. */
export const descendantsOf = (pid: number): readonly number[] => {
  const all = processes();
  const below = (parent: number): number[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one.pid, ...below(one.pid)]);
  return below(pid);
};

/** Which of these still run. */
export const stillRunning = (pids: readonly number[]): readonly number[] => {
  const alive = new Set(processes().map(({ pid }) => pid));
  return pids.filter((pid) => alive.has(pid));
};

/** Processes that name this text in their command line. */
export const processesNaming = (text: string): readonly number[] =>
  processes()
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
