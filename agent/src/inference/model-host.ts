import { ApiError, isApiError, type ResidentModel } from '@ollamamax/api';
import { backoffDelay, sleep, type Logger } from '@ollamamax/common';
import type { EngineModel } from './engine.ts';
import { KeepAliveTimer, longestTimerMs } from './keep-alive-timer.ts';
import { digestsOf } from './model-files.ts';
import type { Demand, Lease } from './lease.ts';
import type { EngineObserver } from './observer.ts';
import { RequestQueue } from './request-queue.ts';
import type { Residency, Resident } from './residency.ts';
import type { RunnerProcess } from './runner-process.ts';
import type { LoadSpec } from './runner/protocol.ts';

export interface ModelHostOptions {
  readonly logger: Logger;
  readonly observer: EngineObserver;
  readonly residency: Residency<ModelHost>;
  readonly queueTimeoutMs: number;
  /** What keeps the model from being loaded now; undefined when it fits. */
  readonly shortage: (model: EngineModel, contextSize: number) => Promise<ApiError | undefined>;
  readonly specFor: (model: EngineModel, contextSize: number) => LoadSpec;
  readonly startRunner: (model: EngineModel, spec: LoadSpec, signal: AbortSignal) => Promise<RunnerProcess>;
}

interface Ticket {
  readonly demand: Demand;
  readonly key: string;
  readonly since: number;
  loadMs: number;
  grant(lease: Lease): void;
  fail(error: Error): void;
}

type Phase = 'unloaded' | 'waiting' | 'loading' | 'ready' | 'unloading';

const crashBackoff = { minMs: 500, maxMs: 30_000 };
const loadFailureBackoff = { minMs: 1000, maxMs: 30_000 };
const reportIntervalMs = 1000;
/** Assumed duration of a request until one has been seen. */
const firstGuessSeconds = 2;

/** Everything about one model on this agent: its queue, its runner, and when that is started and ended. */
export class ModelHost implements Resident {
  readonly name: string;
  readonly #options: ModelHostOptions;
  readonly #queue = new RequestQueue<Ticket>();
  readonly #unloadWaiters: (() => void)[] = [];
  #phase: Phase = 'unloaded';
  #runner: RunnerProcess | undefined;
  #key = '';
  #parallel = 1;
  #busy = 0;
  #restarts = 0;
  #crashesInARow = 0;
  #failedLoad: { key: string; error: ApiError; until: number; attempts: number } | undefined;
  #keepAliveSeconds = 0;
  #loadedAt = 0;
  #grantedAt = 0;
  #loadingSince = 0;
  #averageSeconds = firstGuessSeconds;
  #contextSize = 0;
  #loadedShare = 0;
  #loading: Promise<void> = Promise.resolve();
  readonly #keepAlive = new KeepAliveTimer((reason) => void this.#unload(reason));
  readonly #stop = new AbortController();
  lastUsed = performance.now();

  constructor(name: string, options: ModelHostOptions) {
    this.name = name;
    this.#options = options;
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  get holdsRunner(): boolean {
    return this.#phase !== 'unloaded' && this.#phase !== 'waiting';
  }

  get evictable(): boolean {
    return this.#phase === 'ready' && this.#busy === 0 && this.#queue.size === 0;
  }

  get wanted(): boolean {
    return this.#queue.size > 0;
  }

  resident(): ResidentModel | undefined {
    if (!this.holdsRunner) return undefined;
    return {
      contextSize: this.#contextSize,
      slots: this.#parallel,
      busySlots: this.#busy,
      queued: this.#queue.size,
      memoryBytes: this.#runner?.residentBytes ?? 0,
      ...(this.#runner?.placement === undefined ? {} : { placement: this.#runner.placement }),
      loadedAt: new Date(this.#loadedAt).toISOString(),
      ...this.#expiresAt(),
      restarts: this.#restarts,
      ...(this.#phase === 'loading' ? { loadedShare: this.#loadedShare } : {}),
      state: this.#phase === 'ready' ? 'ready' : this.#phase === 'unloading' ? 'unloading' : 'loading',
    };
  }

  /** While it works the time counts from the newest request, while it loads from the beginning of that. */
  #expiresAt(): Pick<ResidentModel, 'expiresAt'> {
    const asked = this.#phase === 'loading' ? this.#queue.head?.demand : undefined;
    const keepAliveSeconds = asked?.keepAliveSeconds ?? this.#keepAliveSeconds;
    if (keepAliveSeconds < 0) return {};
    const since = this.#phase === 'loading' ? this.#loadedAt : this.#grantedAt;
    // Timers end where dates begin to be none.
    const at = this.#keepAlive.endsAt ?? since + Math.min(keepAliveSeconds * 1000, longestTimerMs);
    return { expiresAt: new Date(at).toISOString() };
  }

  /** So much of the model has been loaded, from 0 to 1. */
  loading(share: number): void {
    this.#loadedShare = share;
  }

  /** Waits, in order, until the model is loaded as demanded and has a free place. */
  acquire(demand: Demand, signal: AbortSignal): Promise<Lease> {
    const refusal = this.#refusal(demand);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let reporter: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        clearInterval(reporter);
        signal.removeEventListener('abort', onAbort);
        this.#queue.remove(ticket);
      };
      const ticket: Ticket = {
        demand,
        key: this.#keyFor(demand),
        since: performance.now(),
        loadMs: 0,
        grant: (lease) => {
          leave();
          resolve(lease);
        },
        fail: (error) => {
          leave();
          reject(error);
          this.#options.residency.changed();
          this.#pump();
        },
      };
      const onAbort = (): void =>
        ticket.fail(isApiError(signal.reason) ? signal.reason : new ApiError('cancelled'));
      const onTimeout = (): void => {
        // A load has its own deadline.
        if (this.#phase === 'loading') arm();
        else ticket.fail(this.#queueTimeout());
      };
      const arm = (): void => {
        timer = setTimeout(onTimeout, this.#options.queueTimeoutMs);
      };
      arm();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(demand.user, ticket);
      this.#pump();
      if (demand.onQueue !== undefined && this.#queue.has(ticket))
        reporter = this.#report(ticket, demand.onQueue);
    });
  }

  #report(ticket: Ticket, onQueue: NonNullable<Demand['onQueue']>): NodeJS.Timeout {
    let last: number | undefined;
    const report = (): void => {
      const position = this.#queue.positionOf(ticket);
      if (position === last) return;
      last = position;
      onQueue(position, ((position + 1) / this.#parallel) * this.#averageSeconds);
    };
    report();
    return setInterval(report, reportIntervalMs);
  }

  /** Unloads once running requests are done. Requests that wait load it again. */
  async unload(): Promise<void> {
    if (!this.holdsRunner) return;
    const done = new Promise<void>((resolve) => this.#unloadWaiters.push(resolve));
    this.#pump();
    await done;
  }

  evict(): Promise<void> {
    return this.#unload('another model needs the room');
  }

  async stop(): Promise<void> {
    this.#stop.abort(new ApiError('agent_draining'));
    for (const ticket of this.#queue.drain()) ticket.fail(new ApiError('agent_draining'));
    this.#keepAlive.stop();
    await this.#loading;
    await this.#runner?.stop();
    this.#gone();
  }

  #refusal(demand: Demand): ApiError | undefined {
    const { model } = demand;
    if (this.#stopped) return new ApiError('agent_draining');
    const key = this.#keyFor(demand);
    const failed = this.#failedLoad;
    if (failed?.key === key && performance.now() < failed.until) return failed.error;
    if (this.#busy + this.#queue.size < model.parallel + model.maxQueue) return undefined;
    return new ApiError(
      'queue_full',
      `${this.#queue.size} requests wait for ${this.name} and its queue holds ${model.maxQueue}.`,
      { retryAfterSeconds: this.#retryAfter() },
    );
  }

  /** Requests with equal keys can share a runner. */
  #keyFor({ model, contextSize }: Demand): string {
    return JSON.stringify([digestsOf(model), this.#options.specFor(model, contextSize)]);
  }

  #queueTimeout(): ApiError {
    const what = this.#phase === 'waiting' ? 'room in memory' : 'a free slot';
    return new ApiError(
      'queue_timeout',
      `The request waited ${this.#options.queueTimeoutMs} ms for ${what} of ${this.name}.`,
      { retryAfterSeconds: this.#retryAfter() },
    );
  }

  /** Time until those who wait now have been served, at the pace of late. */
  #retryAfter(): number {
    const rounds = (this.#busy + this.#queue.size) / this.#parallel;
    return Math.min(300, Math.max(1, Math.ceil(rounds * this.#averageSeconds)));
  }

  /** Does whatever can be done now. Called after every change. */
  #pump(): void {
    if (this.#phase === 'unloaded' && this.#queue.head !== undefined && !this.#stopped)
      this.#loading = this.#load();
    if (this.#phase !== 'ready' || this.#runner === undefined) return;
    const unloading = this.#unloadWaiters.length > 0;
    for (let head = this.#queue.head; head !== undefined && !unloading; head = this.#queue.head) {
      this.#keepAlive.stop();
      if (head.key !== this.#key) break;
      if (head.demand.needsSlot && this.#busy >= this.#parallel) return;
      this.#grant(head, this.#runner);
    }
    if (this.#busy > 0) return;
    if (unloading) void this.#unload('asked to');
    else if (this.#queue.size > 0) void this.#unload('a request needs other load settings');
    else this.#keepAlive.start(this.#keepAliveSeconds);
  }

  #grant(ticket: Ticket, runner: RunnerProcess): void {
    const { needsSlot, keepAliveSeconds } = ticket.demand;
    this.#queue.take(ticket);
    const grantedAt = performance.now();
    this.#keepAliveSeconds = keepAliveSeconds;
    this.#grantedAt = Date.now();
    this.lastUsed = grantedAt;
    if (needsSlot) this.#busy++;
    const waitedMs = grantedAt - ticket.since;
    this.#options.observer.dequeued?.(this.name, waitedMs / 1000);
    let released = !needsSlot;
    ticket.grant({
      runner,
      loadNs: Math.round(ticket.loadMs * 1e6),
      queueNs: Math.round((waitedMs - ticket.loadMs) * 1e6),
      release: (healthy) => {
        if (released || this.#runner !== runner) return;
        released = true;
        // A runner that has ended takes its slots along; `onEnded` goes on from there.
        if (!healthy) return;
        const now = performance.now();
        this.#busy--;
        this.lastUsed = now;
        this.#averageSeconds = 0.8 * this.#averageSeconds + 0.2 * ((now - grantedAt) / 1000);
        this.#crashesInARow = 0;
        this.#pump();
        this.#options.residency.changed();
      },
    });
  }

  async #load(): Promise<void> {
    const { residency, logger, observer } = this.#options;
    this.#phase = 'waiting';
    try {
      if (this.#crashesInARow > 1) {
        await sleep(backoffDelay(this.#crashesInARow - 2, crashBackoff), this.#stop.signal);
      }
      await residency.load(
        this,
        () => this.#shortage(),
        () => this.#start(),
      );
    } catch (error) {
      const failure = isApiError(error)
        ? error
        : new ApiError('model_load_failed', `${this.name} could not be loaded.`, { cause: error });
      logger.warn('model not loaded', { code: failure.code, reason: failure.message });
      observer.loadFailed?.(this.name, failure.code);
      this.#rememberFailure(failure);
      this.#gone();
      for (const ticket of this.#queue.drain()) ticket.fail(failure);
    } finally {
      // Undefined phases cannot be left behind: nobody wanted it any more.
      if ((this.#phase as Phase) === 'waiting') this.#phase = 'unloaded';
      residency.changed();
      this.#pump();
    }
  }

  async #shortage(): Promise<ApiError | undefined> {
    const demand = this.#queue.head?.demand;
    if (demand === undefined) return undefined;
    return this.#options.shortage(demand.model, demand.contextSize);
  }

  async #start(): Promise<void> {
    const head = this.#queue.head;
    if (head === undefined || this.#stopped) return;
    const { model, contextSize } = head.demand;
    const spec = this.#options.specFor(model, contextSize);
    this.#phase = 'loading';
    this.#key = head.key;
    this.#parallel = spec.parallel;
    this.#contextSize = spec.contextSize;
    this.#loadingSince = performance.now();
    this.#loadedShare = 0;
    this.#loadedAt = Date.now();
    try {
      const runner = await this.#options.startRunner(model, spec, this.#stop.signal);
      this.#loadedAt = Date.now();
      this.#runner = runner;
      this.#phase = 'ready';
      this.#failedLoad = undefined;
      void runner.ended.then((error) => this.#onEnded(runner, error));
      const seconds = (performance.now() - this.#loadingSince) / 1000;
      this.#options.observer.loaded?.(this.name, seconds);
      this.#options.logger.info('model loaded', {
        seconds: Math.round(seconds * 100) / 100,
        pid: runner.pid,
        contextSize: spec.contextSize,
      });
    } finally {
      const now = performance.now();
      for (const ticket of this.#queue) ticket.loadMs += now - Math.max(ticket.since, this.#loadingSince);
    }
  }

  #rememberFailure(error: ApiError): void {
    if (error.code !== 'model_load_failed') return;
    const attempts = this.#failedLoad?.key === this.#key ? this.#failedLoad.attempts + 1 : 0;
    this.#failedLoad = {
      key: this.#key,
      error,
      attempts,
      until: performance.now() + backoffDelay(attempts, loadFailureBackoff),
    };
  }

  #onEnded(runner: RunnerProcess, error: ApiError): void {
    if (this.#runner !== runner || this.#phase === 'unloading' || this.#stopped) return;
    this.#restarts++;
    this.#crashesInARow++;
    this.#options.logger.error('runner crashed', { reason: error.message, restarts: this.#restarts });
    this.#options.observer.crashed?.(this.name, this.#restarts);
    this.#keepAlive.stop();
    this.#gone();
    this.#pump();
  }

  async #unload(reason: string): Promise<void> {
    const runner = this.#runner;
    if (this.#phase !== 'ready' || runner === undefined) return;
    this.#phase = 'unloading';
    this.#keepAlive.stop();
    this.#options.logger.info('model unloaded', { reason });
    await runner.stop();
    this.#options.observer.unloaded?.(this.name);
    this.#gone();
    this.#pump();
  }

  #gone(): void {
    this.#phase = 'unloaded';
    this.#runner = undefined;
    this.#busy = 0;
    for (const resolve of this.#unloadWaiters.splice(0)) resolve();
    this.#options.residency.changed();
  }
}
