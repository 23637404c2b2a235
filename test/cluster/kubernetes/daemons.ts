import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, processesWith, signalTo } from './process-facts.ts';
import type { ProcessId } from './process-facts.ts';
import { until } from './until.ts';
import { administrationPath } from '../../../scripts/kubernetes-programs.mjs';

interface Daemon extends ProcessId {
  readonly command: readonly string[];
}

/** By this variable every process of a cluster names the folder it belongs to, so that none can get lost. */
const marker = 'OLLAMAMAX_KUBERNETES_FOLDER';

/**
 * Programs that run in the background and outlive the one that started them. What is known about them lies in a
 * folder, so that any process can find and end them.
 */
export class Daemons {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts one, unless it runs. */
  start(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    if (this.find(name) !== undefined) return;
    const [file = '', ...args] = command;
    mkdirSync(join(this.#folder, 'daemons'), { recursive: true });
    const log = openSync(this.#log(name), 'a');
    try {
      const child = spawn(file, args, {
        detached: true,
        stdio: ['ignore', log, log],
        cwd: this.#folder,
        env: { HOME: this.#folder, PATH: administrationPath, ...env, [marker]: this.#folder },
      });
      child.unref();
      // That it could not start is told by whoever waits for it.
      child.on('error', () => undefined);
      const id = child.pid === undefined ? undefined : identify(child.pid);
      if (id === undefined) throw new Error(`${file} does not start`);
      const daemon: Daemon = { ...id, command };
      // By way of a rename: a reader finds the whole record or none.
      writeFileSync(`${this.#record(name)}.new`, JSON.stringify(daemon));
      renameSync(`${this.#record(name)}.new`, this.#record(name));
    } finally {
      closeSync(log);
    }
  }

  /** The process of that name, when it runs. */
  find(name: string): Daemon | undefined {
    if (!existsSync(this.#record(name))) return undefined;
    const daemon = JSON.parse(readFileSync(this.#record(name), 'utf8')) as Daemon;
    return isAlive(daemon) ? daemon : undefined;
  }

  /** Names of those that run. */
  names(): readonly string[] {
    if (!existsSync(join(this.#folder, 'daemons'))) return [];
    return readdirSync(join(this.#folder, 'daemons'))
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .filter((name) => this.find(name) !== undefined)
      .sort();
  }

  signal(name: string, signal: NodeJS.Signals): void {
    const daemon = this.find(name);
    if (daemon === undefined) throw new Error(`${name} does not run`);
    signalTo(daemon.pid, signal);
  }

  /** Asks it to end, and ends it when it has not after `graceMs`. */
  async stop(name: string, graceMs: number): Promise<void> {
    const daemon = this.find(name);
    if (daemon !== undefined) {
      if (graceMs > 0) {
        signalTo(daemon.pid, 'SIGTERM');
        await until(`${name} ends`, () => !isAlive(daemon), { timeoutMs: graceMs }).catch(() => undefined);
      }
      if (isAlive(daemon)) signalTo(daemon.pid, 'SIGKILL');
      await until(`${name} is gone`, () => !isAlive(daemon), { timeoutMs: 20_000, everyMs: 20 });
    }
    rmSync(this.#record(name), { force: true });
  }

  /** Ends all and whatever they started, known by name or not. */
  async killAll(): Promise<void> {
    await until(
      `all processes of ${this.#folder} are gone`,
      () => {
        const left = processesWith(marker, this.#folder).filter((pid) => identify(pid) !== undefined);
        for (const pid of left) signalTo(pid, 'SIGKILL');
        return left.length === 0;
      },
      { timeoutMs: 30_000, everyMs: 50 },
    );
  }

  /** The end of what it has written, for an error. */
  lastWords(name: string): string {
    if (!existsSync(this.#log(name))) return `${name} has written nothing`;
    const lines = readFileSync(this.#log(name), 'utf8').trim().split('\n');
    return [`${this.#log(name)} ends with`, ...lines.slice(-8)].join('\n    ');
  }

  #log(name: string): string {
    return join(this.#folder, 'daemons', `${name}.log`);
  }

  #record(name: string): string {
    return join(this.#folder, 'daemons', `${name}.json`);
  }
}
