import { randomUUID } from 'node:crypto';
import type { Component, Logger } from '@ollamamax/common';
import {
  deadline,
  isConflict,
  isKubeError,
  systemClock,
  type Clock,
  type KubeObject,
} from '../kube/index.ts';
import type { InformerEvent } from './informer-event.ts';
import type { Informer } from './informer.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { isTerminal } from './terminal-error.ts';
import { createWorkQueue, type Priority, type WorkQueue } from './work-queue.ts';

const results = ['success', 'requeue_after', 'requeue', 'error'] as const;
type Result = (typeof results)[number];

export interface ReconcileContext {
  /** Aborts at the deadline, on stop and when leadership is lost: pass it to every call. */
  readonly signal: AbortSignal;
  /** Carries controller, key and reconcileId. */
  readonly log: Logger;
  readonly reconcileId: string;
  readonly priority: Priority;
}

/** Nothing: done until something changes. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number | undefined;
}

/**
 * Brings the world of one key to what is wanted. Must be safe to repeat at any point.
 * Throwing means backoff; a TerminalError waits for a new generation; a conflict is tried again and not an error.
 */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult | undefined>;

/** Names the keys that an event concerns. */
export type EventMapping<T> = (object: T, event: InformerEvent<T>) => Iterable<string>;

/** How soon a key has its turn. */
export interface Hurry {
  /** High unless said otherwise. */
  readonly priority?: Priority | undefined;
  /** Not before that many milliseconds, so that a burst of events is one reconcile; 0. */
  readonly afterMs?: number | undefined;
}

export interface WatchSettings<T> extends Hurry {
  /** Events it says no to are dropped. */
  readonly when?: ((event: InformerEvent<T>) => boolean) | undefined;
}

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly log: Logger;
  /** Keys worked on at the same time, 1. Half of them, rounded down, are kept for keys of high priority. */
  readonly workers?: number | undefined;
  /** Longest reconcile, 120 000 ms. */
  readonly reconcileTimeoutMs?: number | undefined;
  /** Every key again within each `everyMs` (600 000), spread over its last fifth, at low priority. */
  readonly resync?: { readonly keys: () => Iterable<string>; readonly everyMs?: number } | undefined;
  /** What a TerminalError holds for: the key rests until this text changes, such as uid and generation. */
  readonly generationOf?: ((key: string) => string | undefined) | undefined;
  readonly backoff?: { readonly minMs: number; readonly maxMs: number } | undefined;
  /** How long running reconciles may go on after stop, 1 000 ms; then their signal aborts. */
  readonly drainMs?: number | undefined;
  readonly metrics?: RuntimeMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

export interface Controller extends Component {
  /** Adds the keys that changes of that kind concern; all of them before `run`. */
  watch<T extends KubeObject>(
    informer: Informer<T>,
    mapping: EventMapping<T>,
    settings?: WatchSettings<T>,
  ): void;
  enqueue(key: string, hurry?: Hurry): void;
  /**
   * Works until the signal aborts or `stop` is called, and resolves when nothing runs any more.
   * An abort also aborts the reconciles in flight: use it for loss of leadership.
   * @throws Error when an informer it watches is not synced
   */
  run(signal: AbortSignal): Promise<void>;
  /** Takes no more keys and lets the running reconciles end. Idempotent. */
  stop(): Promise<void>;
}

/** Its queue fills as soon as its informers run; nothing is worked on before `run`. */
export const createController = (options: ControllerOptions): Controller => new QueueController(options);

class QueueController implements Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #queue: WorkQueue;
  readonly #watched: { readonly name: string; readonly synced: boolean }[] = [];
  /** Keys at rest after a TerminalError, with what they looked like then. */
  readonly #resting = new Map<string, string>();
  /** Aborts what runs. */
  readonly #cut = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(options: ControllerOptions) {
    const { name, clock, metrics, backoff, random, workers = 1 } = options;
    this.name = `controller ${name}`;
    this.#options = options;
    this.#clock = clock ?? systemClock;
    this.#queue = createWorkQueue({ name, clock, metrics, backoff, random });
    metrics?.maxWorkers.set({ controller: name }, workers);
    metrics?.activeWorkers.set({ controller: name }, 0);
    for (const result of results) metrics?.reconciles.inc({ controller: name, result }, 0);
    for (const counter of [metrics?.reconcileErrors, metrics?.terminalErrors, metrics?.reconcileTimeouts])
      counter?.inc({ controller: name }, 0);
  }

  watch<T extends KubeObject>(
    informer: Informer<T>,
    mapping: EventMapping<T>,
    { when, priority = 'high', afterMs = 0 }: WatchSettings<T> = {},
  ): void {
    this.#watched.push(informer);
    informer.onEvent((event) => {
      if (when?.(event) === false) return;
      const hurry: Hurry =
        event.type === 'add' && event.initial ? { priority: 'low' } : { priority, afterMs };
      const keys = new Set(mapping(event.object, event));
      // A child that changed hands concerns both owners.
      if (event.type === 'update') for (const key of mapping(event.previous, event)) keys.add(key);
      for (const key of keys) this.enqueue(key, hurry);
    });
  }

  enqueue(key: string, { priority = 'high', afterMs = 0 }: Hurry = {}): void {
    this.#queue.addAfter(key, afterMs, priority);
  }

  async run(signal: AbortSignal): Promise<void> {
    const missing = this.#watched.filter(({ synced }) => !synced).map(({ name }) => name);
    if (missing.length > 0) throw new Error(`${this.name} started before ${missing.join(', ')} was filled`);
    const onAbort = (): void => {
      this.#queue.shutDown();
      this.#cut.abort(signal.reason);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const stopResync = this.#scheduleResync();
    // What can wait never occupies all of them.
    const { workers = 1 } = this.#options;
    const reserved = Math.floor(workers / 2);
    this.#running = Promise.all(
      Array.from({ length: workers }, (_unused, index) => this.#work(index < reserved ? 'high' : 'low')),
    );
    try {
      await this.#running;
    } finally {
      stopResync();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async stop(): Promise<void> {
    this.#queue.shutDown();
    const cancel = this.#clock.after(this.#options.drainMs ?? 1000, () =>
      this.#cut.abort(new Error(`${this.name} is stopped`)),
    );
    try {
      await this.#running;
    } finally {
      cancel();
    }
  }

  async #work(least: Priority): Promise<void> {
    for (;;) {
      const taken = await this.#queue.take(undefined, least);
      if (taken === undefined) return;
      try {
        await this.#reconcile(taken.key, taken.priority);
      } finally {
        this.#queue.done(taken.key);
      }
    }
  }

  async #reconcile(key: string, priority: Priority): Promise<void> {
    const { name, reconcile, metrics, generationOf, reconcileTimeoutMs = 120_000 } = this.#options;
    const rest = this.#resting.get(key);
    if (rest !== undefined && generationOf?.(key) === rest) return;
    this.#resting.delete(key);
    const generation = generationOf?.(key);

    const reconcileId = randomUUID();
    const log = this.#options.log.child({ controller: name, key, reconcileId });
    const late = (): Error => {
      metrics?.reconcileTimeouts.inc({ controller: name });
      log.warn('The reconcile is past its deadline', { deadlineMs: reconcileTimeoutMs });
      return new Error(`the reconcile took longer than ${reconcileTimeoutMs} ms`);
    };
    const bound = deadline(this.#clock, reconcileTimeoutMs, late, this.#cut.signal);
    const started = this.#clock.monotonic();
    metrics?.activeWorkers.inc({ controller: name });
    let result: Result;
    try {
      const wish = await reconcile(key, { signal: bound.signal, log, reconcileId, priority });
      result = this.#succeeded(key, wish);
    } catch (error) {
      result = this.#failed(key, priority, error, generation, log);
    } finally {
      bound.clear();
      metrics?.activeWorkers.dec({ controller: name });
      metrics?.reconcileTime.observe({ controller: name }, (this.#clock.monotonic() - started) / 1000);
    }
    metrics?.reconciles.inc({ controller: name, result });
  }

  #succeeded(key: string, wish: ReconcileResult | undefined): Result {
    this.#queue.forget(key);
    if (wish?.requeueAfterMs === undefined) return 'success';
    this.#queue.addAfter(key, wish.requeueAfterMs, 'low');
    return 'requeue_after';
  }

  #failed(
    key: string,
    priority: Priority,
    error: unknown,
    generation: string | undefined,
    log: Logger,
  ): Result {
    const { name, metrics } = this.#options;
    if (this.#cut.signal.aborted) {
      log.debug('The reconcile was stopped', { error });
      return 'requeue';
    }
    if (isConflict(error)) {
      // Somebody else wrote first: look again from there.
      log.debug('The reconcile met a conflict', { error });
      this.#queue.addRateLimited(key, priority);
      return 'requeue';
    }
    metrics?.reconcileErrors.inc({ controller: name });
    if (isTerminal(error)) {
      metrics?.terminalErrors.inc({ controller: name });
      this.#queue.forget(key);
      if (generation !== undefined) this.#resting.set(key, generation);
      log.error('The reconcile failed until the object changes', { error });
      return 'error';
    }
    const asked = isKubeError(error) ? error.retryAfterMs : undefined;
    if (asked === undefined) this.#queue.addRateLimited(key, priority);
    else this.#queue.addAfter(key, asked, priority);
    log.error('The reconcile failed', { error, retries: this.#queue.retries(key) });
    return 'error';
  }

  #scheduleResync(): () => void {
    const { resync, random = Math.random } = this.#options;
    if (resync === undefined) return () => undefined;
    const { keys, everyMs = 600_000 } = resync;
    const spreadMs = everyMs / 5;
    let cancel = (): void => undefined;
    const next = (): void => {
      cancel = this.#clock.after(everyMs - spreadMs, () => {
        // Not all in the same moment.
        for (const key of keys()) this.#queue.addAfter(key, random() * spreadMs, 'low');
        next();
      });
    };
    next();
    return () => cancel();
  }
}
