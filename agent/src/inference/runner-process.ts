import { ApiError } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { preferAsVictim, readOomKills } from './out-of-memory.ts';
import type { FromRunner, Job, JobEvent, LoadSpec, ToRunner } from './runner/protocol.ts';

/** Libuv threads of a runner at least: each chooses a token for one request where that is not done with the batch. */
const samplingThreads = 4;
const checkIntervalMs = 1000;
const keptErrorLines = 5;
/** The runner hears of what was read when that is such a part of its credit: a message for each token is a waste. */
const ackedShare = 1 / 4;

export interface RunnerProcessOptions {
  /** Program of the runner. */
  readonly module: URL;
  /** Whether the program starts others, which are to end with it in any case. */
  readonly hasChildren: boolean;
  /** The whole environment of the child: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly modelName: string;
  /** How long a busy runner may go without computing a token before it counts as crashed. */
  readonly hangTimeoutMs: number;
  /** How long a runner may take to end when asked. */
  readonly stopTimeoutMs: number;
  /** Told which part of the model has been loaded, from 0 to 1. */
  readonly onLoading: (share: number) => void;
  /** Told how much memory the process holds, whenever it says so. */
  readonly onMeasured: (residentBytes: number) => void;
  /** On which devices it computes, and why, in a sentence; undefined: not decided here. */
  readonly placement: string | undefined;
}

export interface JobListener {
  event(event: JobEvent): void;
  /** The runner ended; no event follows. */
  crashed(error: ApiError): void;
}

export interface JobHandle {
  /** The client has read so much text. */
  ack(units: number): void;
  /** Ends the job; its last event still comes. Does nothing when it has ended. */
  cancel(): void;
}

interface OpenJob {
  readonly listener: JobListener;
  readonly creditWindow: number;
  /** Units of text that the runner has sent and not heard to be read. */
  outstanding: number;
  /** Of them, those that have been read all the same. */
  read: number;
}

/** A child process that holds one model. Created by `startRunner`. */
export interface RunnerProcess {
  readonly pid: number;
  readonly spec: LoadSpec;
  /** Resident set as the runner measured it last, in bytes. */
  readonly residentBytes: number;
  /** Of them, states of conversations that have no place on the model now. */
  readonly stateBytes: number;
  readonly placement: string | undefined;
  /** Settles once the process is gone, with the error for what it was working on. */
  readonly ended: Promise<ApiError>;
  start(job: Job, listener: JobListener): JobHandle;
  /** Asks the process to end and ends it by force after a while. */
  stop(): Promise<void>;
}

/**
 * Starts a runner and loads the model.
 * @param signal gives up loading.
 * @throws ApiError model_load_failed or insufficient_memory, or the signal's reason; the process is gone then.
 */
export const startRunner = async (
  options: RunnerProcessOptions,
  spec: LoadSpec,
  loadTimeoutMs: number,
  signal: AbortSignal,
): Promise<RunnerProcess> => {
  const runner = new ForkedRunner(options, spec);
  try {
    await runner.load(loadTimeoutMs, signal);
    return runner;
  } catch (error) {
    await runner.stop();
    throw error;
  }
};

class ForkedRunner implements RunnerProcess {
  readonly spec: LoadSpec;
  readonly ended: Promise<ApiError>;
  readonly placement: string | undefined;
  residentBytes = 0;
  stateBytes = 0;
  readonly #options: RunnerProcessOptions;
  readonly #child: ChildProcess;
  readonly #jobs = new Map<number, OpenJob>();
  readonly #errorLines: string[] = [];
  #nextId = 1;
  #progress = 0;
  #progressAt = performance.now();
  #forcedBecause: string | undefined;
  /** Of the whole machine, when it was looked at last. */
  #oomKills = readOomKills();
  #deathError: ApiError | undefined;
  #onLoaded: ((message: Extract<FromRunner, { type: 'loaded' | 'load_failed' }>) => void) | undefined;

  constructor(options: RunnerProcessOptions, spec: LoadSpec) {
    this.spec = spec;
    this.placement = options.placement;
    this.#options = options;
    this.#child = fork(fileURLToPath(options.module), [], {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...options.environment, UV_THREADPOOL_SIZE: String(Math.max(samplingThreads, spec.parallel)) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own, so that all of it can be ended at once.
      detached: options.hasChildren,
    });
    if (this.#child.pid !== undefined) preferAsVictim(this.#child.pid);
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#kill();
        resolve(this.#crash(code, signal));
      });
      this.#child.once('error', (error) => {
        this.#forcedBecause ??= `could not be started (${error.message})`;
        if (this.#child.pid === undefined) resolve(this.#crash(null, null));
      });
    });
    this.#child.on('message', (message) => this.#receive(message as FromRunner));
    this.#follow();
    const check = setInterval(() => this.#check(), checkIntervalMs);
    check.unref();
    void this.ended.then(() => clearInterval(check));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async load(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { modelName } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => undefined;
    const answer = new Promise<Extract<FromRunner, { type: 'loaded' | 'load_failed' }>>((resolve, reject) => {
      this.#onLoaded = resolve;
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      timer = setTimeout(
        () =>
          reject(
            new ApiError('model_load_failed', `Loading ${modelName} did not finish within ${timeoutMs} ms.`),
          ),
        timeoutMs,
      );
    });
    const death = this.ended.then((error) => {
      throw new ApiError('model_load_failed', `Loading ${modelName} failed. ${error.message}`);
    });
    death.catch(() => undefined);
    this.#send({ type: 'load', spec: this.spec });
    try {
      const message = await Promise.race([answer, death]);
      if (message.type === 'load_failed')
        throw new ApiError(message.code, `${modelName} could not be loaded: ${message.message}`);
      this.#hold(message.residentBytes);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#onLoaded = undefined;
    }
  }

  start(job: Job, listener: JobListener): JobHandle {
    const death = this.#deathError;
    if (death !== undefined) {
      queueMicrotask(() => listener.crashed(death));
      return { ack: () => undefined, cancel: () => undefined };
    }
    const id = this.#nextId++;
    const open: OpenJob = { listener, creditWindow: job.creditWindow, outstanding: 0, read: 0 };
    if (this.#jobs.size === 0) this.#progressAt = performance.now();
    this.#jobs.set(id, open);
    try {
      this.#send({ type: 'start', id, job });
    } catch {
      // What cannot be serialised never gets to the runner: without an end its slot would stay taken for ever.
      this.#jobs.delete(id);
      const message = 'The request cannot be handed to the runner: it is nested too deeply.';
      queueMicrotask(() => listener.event({ kind: 'failed', id, code: 'invalid_request', message }));
    }
    return {
      ack: (units) => {
        if (!this.#jobs.has(id)) return;
        open.read += units;
        if (open.read < open.creditWindow * ackedShare) return;
        open.outstanding -= open.read;
        this.#send({ type: 'ack', id, units: open.read });
        open.read = 0;
      },
      cancel: () => {
        if (this.#jobs.has(id)) this.#send({ type: 'cancel', id });
      },
    };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#forcedBecause ??= 'was stopped';
    this.#send({ type: 'stop' });
    const force = setTimeout(() => this.#kill(), this.#options.stopTimeoutMs);
    await this.ended;
    clearTimeout(force);
  }

  #send(message: ToRunner): void {
    // A failed send means that the process is ending; `exit` tells everybody who waits.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #receive(message: FromRunner): void {
    switch (message.type) {
      case 'loaded':
      case 'load_failed':
        this.#onLoaded?.(message);
        break;
      case 'loading':
        this.#options.onLoading(message.share);
        break;
      case 'devices':
        break;
      case 'events':
        this.#progressAt = performance.now();
        for (const event of message.events) this.#deliver(event);
        break;
      case 'heartbeat':
        this.stateBytes = message.stateBytes ?? 0;
        this.#hold(message.residentBytes);
        if (message.progress !== this.#progress) this.#progressAt = performance.now();
        this.#progress = message.progress;
    }
  }

  #hold(residentBytes: number): void {
    this.residentBytes = residentBytes;
    // What the states take is promised apart, and goes with the runner.
    this.#options.onMeasured(residentBytes - this.stateBytes);
  }

  #deliver(event: JobEvent): void {
    const job = this.#jobs.get(event.id);
    if (job === undefined) return;
    if (event.kind === 'text' || event.kind === 'thinking') job.outstanding += event.text.length;
    if (event.kind === 'done' || event.kind === 'failed' || event.kind === 'cancelled')
      this.#jobs.delete(event.id);
    job.listener.event(event);
  }

  /** A runner that is busy, not waiting for its clients, and computes nothing for long is ended. */
  #check(): void {
    this.#oomKills = readOomKills();
    const now = performance.now();
    const working = [...this.#jobs.values()].some((job) => job.outstanding < job.creditWindow);
    if (!working) this.#progressAt = now;
    if (now - this.#progressAt <= this.#options.hangTimeoutMs) return;
    this.#forcedBecause = `computed nothing for ${this.#options.hangTimeoutMs} ms and was ended`;
    this.#kill();
  }

  /** Ends the process, and what it has started even when it is gone itself. */
  #kill(): void {
    this.#child.kill('SIGKILL');
    if (!this.#options.hasChildren || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // There is nobody left in its group.
    }
  }

  #crash(code: number | null, signal: NodeJS.Signals | null): ApiError {
    const how = this.#forcedBecause ?? this.#howEnded(code, signal);
    const words = this.#errorLines.length === 0 ? '' : ` Its last words: ${this.#errorLines.join(' | ')}`;
    const error = new ApiError(
      'runner_crashed',
      `The runner of ${this.#options.modelName} (process ${this.pid}) ${how}.${words}`,
    );
    this.#deathError = error;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) job.listener.crashed(error);
    return error;
  }

  #howEnded(code: number | null, signal: NodeJS.Signals | null): string {
    if (signal === null) return `ended with exit code ${String(code)}`;
    const [before, now] = [this.#oomKills, readOomKills()];
    return signal === 'SIGKILL' && before !== undefined && now !== undefined && now > before
      ? 'was ended by the kernel, which had no memory left: give the agent more, or the model a smaller `contextSize` or `parallel`'
      : `was ended by signal ${signal}`;
  }

  /** Whatever the child prints goes to the debug log; its last error lines explain a crash. */
  #follow(): void {
    const { logger } = this.#options;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        logger.debug('runner output', { line: line.slice(0, 1000) });
        if (stream !== this.#child.stderr || !/^(error|fatal)|assert|abort/i.test(line)) return;
        this.#errorLines.push(line.slice(0, 300));
        if (this.#errorLines.length > keptErrorLines) this.#errorLines.shift();
      });
    }
  }
}
