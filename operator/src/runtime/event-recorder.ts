import { backoffDelay, type Component, type Logger } from '@ollamamax/common';
import {
  isAlreadyExists,
  isKubeError,
  isNotFound,
  keyOf,
  systemClock,
  type Clock,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../kube/index.ts';
import { EventBudget } from './event-budget.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { microTime } from './micro-time.ts';

export interface EventFacts {
  readonly type: 'Normal' | 'Warning';
  /** Upper camel case, from the list in `api/`. */
  readonly reason: string;
  /** What was done or tried, upper camel case; the reason when left out. */
  readonly action?: string | undefined;
  /** For people; cut at 1 024 characters. */
  readonly note: string;
  /** A second object that matters. */
  readonly related?: KubeObject | undefined;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  /** `ollamamax.io/operator`. */
  readonly controller: string;
  /** Name of this process. */
  readonly instance: string;
  /** Where events about objects without a namespace go; `default`. */
  readonly defaultNamespace?: string | undefined;
  /** The same news of the same object within that time is one event with a count, 360 000 ms. */
  readonly seriesMs?: number | undefined;
  /** A count is written at most that often, 10 000 ms. */
  readonly refreshMs?: number | undefined;
  /** For one object: so many at once, then one each `everyMs`. 25 and 300 000. */
  readonly rate?: { readonly burst: number; readonly everyMs: number } | undefined;
  readonly metrics?: RuntimeMetrics | undefined;
  readonly clock?: Clock | undefined;
}

/** Tells users what happened to an object. Never waits, never throws; what cannot be written is counted and dropped. */
export interface EventRecorder extends Component {
  record(about: KubeObject, facts: EventFacts): void;
  /** Writes what waits, until the signal aborts. */
  stop(signal: AbortSignal): Promise<void>;
}

export const createEventRecorder = (options: EventRecorderOptions): EventRecorder =>
  new SeriesRecorder(options);

/** News about one object, written as one event. */
interface Series {
  readonly key: string;
  readonly about: KubeObject;
  readonly facts: EventFacts;
  readonly namespace: string;
  readonly firstAt: number;
  name: string;
  count: number;
  lastAt: number;
  /** Count that the server has; 0 before the event is created. */
  written: number;
  /** Count that is on its way; 0 while nothing is sent. */
  sending: number;
  failures: number;
  /** Set while a write is planned or running. */
  cancel: (() => void) | undefined;
}

const events: Resource = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};
/** Remembered series; beyond that the oldest is forgotten, and its repeats begin a new one. */
const mostSeries = 2000;
/** Events that wait to be written. */
const mostWaiting = 500;
const mostTries = 5;
const retry = { minMs: 1000, maxMs: 30_000 };
const writeTimeoutMs = 10_000;
const limits = { note: 1024, reason: 128, name: 200 };

class SeriesRecorder implements EventRecorder {
  readonly name = 'event recorder';
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #budget: EventBudget;
  readonly #series = new Map<string, Series>();
  readonly #due = new Set<Series>();
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;
  #serial = 0;
  #closed = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#budget = new EventBudget(this.#clock, options.rate ?? { burst: 25, everyMs: 300_000 });
  }

  record(about: KubeObject, facts: EventFacts): void {
    try {
      if (!this.#closed) this.#record(about, facts);
    } catch (error) {
      this.#dropped('failed');
      this.#options.log.warn('An event could not be recorded', { reason: facts.reason, error });
    }
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#closed = true;
    const onAbort = (): void => this.#stopping.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    for (const series of this.#series.values()) {
      series.cancel?.();
      series.cancel = undefined;
      if (series.count > Math.max(series.written, series.sending)) this.#due.add(series);
    }
    this.#pump();
    await this.#writing;
    signal.removeEventListener('abort', onAbort);
  }

  #record(about: KubeObject, facts: EventFacts): void {
    const { seriesMs = 360_000, refreshMs = 10_000, defaultNamespace = 'default' } = this.#options;
    const now = this.#clock.now();
    const { uid = '', namespace = defaultNamespace } = about.metadata;
    const key = [uid, keyOf(about), facts.type, facts.reason, facts.action, facts.note].join('\n');
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt < seriesMs) {
      known.count += 1;
      known.lastAt = now;
      if (known.cancel === undefined && !this.#due.has(known)) this.#plan(known, refreshMs);
      return;
    }
    if (this.#due.size >= mostWaiting) {
      this.#dropped('full');
      return;
    }
    if (!this.#budget.spend(uid === '' ? keyOf(about) : uid)) {
      this.#dropped('rate');
      return;
    }
    known?.cancel?.();
    this.#series.delete(key);
    const series: Series = {
      key,
      about: summary(about),
      facts,
      namespace,
      firstAt: now,
      name: this.#name(about, now),
      count: 1,
      lastAt: now,
      written: 0,
      sending: 0,
      failures: 0,
      cancel: undefined,
    };
    this.#series.set(key, series);
    this.#forgetOldest();
    this.#due.add(series);
    this.#pump();
  }

  /** Unique without asking the server: the time and a count, as in client-go. */
  #name(about: KubeObject, now: number): string {
    this.#serial += 1;
    const tail = (BigInt(now) * 1_000_000n + BigInt(this.#serial % 1_000_000)).toString(16);
    return `${(about.metadata.name ?? 'unknown').slice(0, limits.name)}.${tail}`;
  }

  #plan(series: Series, ms: number): void {
    series.cancel = this.#clock.after(ms, () => {
      series.cancel = undefined;
      this.#due.add(series);
      this.#pump();
    });
  }

  #pump(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** One write at a time, oldest first. */
  async #writeAll(): Promise<void> {
    for (;;) {
      const [series] = this.#due;
      if (series === undefined) return;
      this.#due.delete(series);
      if (this.#stopping.signal.aborted) this.#dropped('stopped');
      else await this.#writeOne(series);
    }
  }

  async #writeOne(series: Series): Promise<void> {
    const { count } = series;
    series.sending = count;
    try {
      await this.#send(series);
      series.written = count;
      series.failures = 0;
    } catch (error) {
      series.failures += 1;
      const hopeless = isKubeError(error) && error.code >= 400 && error.code < 500 && error.code !== 429;
      if (hopeless || this.#closed || series.failures >= mostTries) {
        this.#dropped('refused');
        this.#series.delete(series.key);
        this.#options.log.warn('An event was not written', { reason: series.facts.reason, error });
      } else if (series.cancel === undefined) this.#plan(series, backoffDelay(series.failures - 1, retry));
    } finally {
      series.sending = 0;
    }
  }

  async #send(series: Series): Promise<void> {
    const { client } = this.#options;
    const call = { signal: this.#stopping.signal, timeoutMs: writeTimeoutMs };
    const { name, namespace, count, lastAt } = series;
    const repeats = count > 1 ? { series: { count, lastObservedTime: microTime(lastAt) } } : {};
    if (series.written > 0) {
      try {
        await client.mergePatch(events, { name, namespace }, repeats, call);
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // It expired on the server: write it anew.
        series.name = this.#name(series.about, this.#clock.now());
      }
    }
    try {
      await client.create(events, this.#event(series, repeats), call);
    } catch (error) {
      // The answer to an earlier try was lost.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #event({ about, facts, namespace, name, firstAt }: Series, repeats: object): KubeObject {
    const { controller, instance } = this.#options;
    const event = {
      apiVersion: events.apiVersion,
      kind: events.kind,
      metadata: { name, namespace },
      eventTime: microTime(firstAt),
      reportingController: controller,
      reportingInstance: instance.slice(0, limits.reason),
      type: facts.type,
      reason: facts.reason.slice(0, limits.reason),
      action: (facts.action ?? facts.reason).slice(0, limits.reason),
      note: facts.note.slice(0, limits.note),
      regarding: reference(about),
      ...(facts.related === undefined ? {} : { related: reference(facts.related) }),
      ...repeats,
    };
    return event;
  }

  #forgetOldest(): void {
    for (const [key, series] of this.#series) {
      if (this.#series.size <= mostSeries) return;
      series.cancel?.();
      this.#series.delete(key);
    }
  }

  #dropped(cause: 'rate' | 'full' | 'refused' | 'failed' | 'stopped'): void {
    this.#options.metrics?.eventsDropped.inc({ cause });
  }
}

/** What an event says about an object; the object itself need not be kept. */
const summary = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
};

const reference = (object: KubeObject): object => {
  const { apiVersion, kind, metadata } = summary(object);
  return { apiVersion, kind, ...metadata };
};
