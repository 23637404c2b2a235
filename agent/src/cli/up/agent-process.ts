import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { ApiError, fromWireError, isErrorCode, type WireError } from '@ollamamax/api';
import { backoffDelay } from '@ollamamax/common';
import { CliError, exitCodes } from '../cli-error.ts';

/** What an agent process says when it is up: URLs or addresses it answers at. */
export interface ReadyMessage {
  readonly type: 'ready';
  readonly api?: string;
  readonly dashboard?: string;
  readonly metrics?: string;
  readonly internal?: string;
}

export interface AgentProcessOptions {
  readonly id: string;
  /** Program and arguments, run with this Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error of the agent; moved aside when it has grown. */
  readonly logFile: string;
  /** Milliseconds until the agent must have said that it is ready. */
  readonly startTimeoutMs: number;
  /** Told in one sentence when the process dies and when it is back. */
  readonly onEvent: (sentence: string) => void;
  /** Delay before a restart; shorter in tests. */
  readonly restartDelay?: { readonly minMs: number; readonly maxMs: number };
}

const maxLogBytes = 16 * 1024 * 1024;
/** An agent that ran so long starts its backoff anew. */
const steadyMs = 60_000;

const isReady = (message: unknown): message is ReadyMessage =>
  (message as { type?: unknown } | null)?.type === 'ready';

const failureIn = (message: unknown): WireError | undefined => {
  const { type, error } = (message ?? {}) as { type?: unknown; error?: Partial<WireError> };
  return type === 'failed' && isErrorCode(error?.code) && typeof error.message === 'string'
    ? { code: error.code, message: error.message }
    : undefined;
};

const openLog = async (file: string) => {
  const size = await stat(file).then(
    (facts) => facts.size,
    () => 0,
  );
  if (size > maxLogBytes) await rename(file, `${file}.1`);
  return open(file, 'a', 0o600);
};

const lastLines = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-5).join('\n');
};

const howItEnded = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`;

/** Resolves when everything the process had sent was received, at most a second after its end. */
const disconnected = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (!child.connected) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, 1000);
    child.once('disconnect', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * One supervised agent. Started once by `start`, which fails when the agent fails; from then on a process
 * that dies is started again, with growing delays, until `stop`.
 */
export class AgentProcess {
  readonly #options: AgentProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #restartTimer: NodeJS.Timeout | undefined;
  #restarts = 0;
  #wanted = true;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws ApiError what the agent reported; CliError with the end of its log when it reported nothing */
  async start(): Promise<ReadyMessage> {
    const log = await openLog(this.#options.logFile);
    try {
      if (!this.#wanted) throw new ApiError('cancelled', `${this.id} was stopped before it had started.`);
      // Not a moment may pass between the spawn and the listeners: the process may end at once.
      return await this.#run(log.fd);
    } finally {
      await log.close();
    }
  }

  async #run(logFd: number): Promise<ReadyMessage> {
    const child = spawn(process.execPath, this.#options.args, {
      env: this.#options.env,
      stdio: ['ignore', logFd, logFd, 'ipc'],
      // A process group of its own: Ctrl-C in the terminal must reach us alone, and a kill its runners too.
      detached: true,
    });
    this.#child = child;
    const startedAt = Date.now();
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
    let up = false;
    try {
      const ready = await this.#untilReady(child);
      up = true;
      child.once('exit', (code, signal) => {
        if (Date.now() - startedAt > steadyMs) this.#restarts = 0;
        this.#afterDeath(howItEnded(code, signal));
      });
      // It may have died between its message and this line.
      if (child.exitCode !== null || child.signalCode !== null)
        this.#afterDeath(howItEnded(child.exitCode, child.signalCode));
      return ready;
    } finally {
      if (!up) this.#killGroup(child);
    }
  }

  /** Asks the agent to drain; kills it when it has not ended after `graceMs`. */
  async stop(graceMs: number): Promise<'drained' | 'killed'> {
    this.#wanted = false;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) return 'drained';
    child.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), graceMs);
    });
    const result = await Promise.race([this.#exited, late]);
    clearTimeout(timer);
    if (result !== 'late') return 'drained';
    this.kill();
    await this.#exited;
    return 'killed';
  }

  /** Ends the agent and its runners at once. */
  kill(): void {
    this.#wanted = false;
    clearTimeout(this.#restartTimer);
    if (this.#child !== undefined) this.#killGroup(this.#child);
  }

  #killGroup(child: ChildProcess): void {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }

  #untilReady(child: ChildProcess): Promise<ReadyMessage> {
    const { logFile, startTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      let reported: WireError | undefined;
      const timer = setTimeout(() => {
        finish();
        reject(
          new CliError({
            code: 'agent_start_timeout',
            what: 'An agent did not start in time.',
            why: `${this.id} was not ready after ${startTimeoutMs / 1000} s. Its log is ${logFile}.`,
            action: 'Read that log; on a busy machine try again, or with fewer agents ("--agents 1").',
            exitCode: exitCodes.timedOut,
          }),
        );
      }, startTimeoutMs);
      const onMessage = (message: unknown): void => {
        reported ??= failureIn(message);
        if (!isReady(message)) return;
        finish();
        resolve(message);
      };
      const onError = (error: Error): void => {
        finish();
        reject(
          new CliError({
            code: 'agent_start_failed',
            what: 'An agent could not be started.',
            why: `${this.id}: ${error.message}`,
            action: 'Check that this user may run programs and has not reached a limit ("ulimit -u").',
            exitCode: exitCodes.failure,
          }),
        );
      };
      const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
        // Its last message may still be in the pipe.
        void disconnected(child)
          .then(async () => {
            if (reported !== undefined)
              return fromWireError({ ...reported, message: `${this.id}: ${reported.message}` });
            return new CliError({
              code: 'agent_start_failed',
              what: 'An agent ended while it started.',
              why: `${this.id} ended ${howItEnded(code, signal)} before it was ready. The end of its log ${logFile}:\n${await lastLines(logFile)}`,
              action: 'The log tells why. If it does not, report it with the lines above.',
              exitCode: exitCodes.failure,
            });
          })
          .then((error) => {
            finish();
            reject(error);
          });
      };
      const finish = (): void => {
        clearTimeout(timer);
        child.off('message', onMessage).off('error', onError).off('exit', onExit);
      };
      child.on('message', onMessage).once('error', onError).once('exit', onExit);
    });
  }

  #afterDeath(how: string): void {
    if (!this.#wanted || this.#restartTimer !== undefined) return;
    const delayMs = backoffDelay(this.#restarts, this.#options.restartDelay ?? { minMs: 500, maxMs: 30_000 });
    this.#restarts += 1;
    this.#options.onEvent(
      `${this.id} ended ${how}; it is started again in ${(delayMs / 1000).toFixed(1)} s. Its log is ${this.#options.logFile}.`,
    );
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = undefined;
      this.start().then(
        () => this.#options.onEvent(`${this.id} is back.`),
        (error: unknown) => this.#afterDeath(`at its restart: ${(error as Error).message}`),
      );
    }, delayMs);
  }
}
