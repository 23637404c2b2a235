import { backoffDelay, type Logger } from '@ollamamax/common';
import {
  isGone,
  isKubeError,
  wait,
  type Clock,
  type KubeClient,
  type KubeObject,
  type Resource,
  type WatchEvent,
} from '../kube/index.ts';

/** Takes what the reflector sees. Both are called in order and never after the end. */
export interface ReflectorSink<T> {
  /** All objects there are. */
  replace(items: readonly T[]): void;
  change(event: Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>): void;
  failed(error: unknown): void;
}

export interface ReflectorOptions<T> {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly sink: ReflectorSink<T>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** A watch that says nothing for that long is taken for dead. */
  readonly silenceMs: number;
}

const backoff = { minMs: 800, maxMs: 30_000 };
/** The server ends each watch after 5 to 10 minutes, so that not all come back at once. */
const watchSeconds = { least: 300, spread: 300 };
/** A watch that lived that long was a good one: its end is no failure. */
const healthyMs = 10_000;
/** A large list takes longer than an ordinary call. */
const listTimeoutMs = 60_000;

/** Follows one kind in one namespace: lists, watches from there, and starts over when the server has forgotten. */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  #version: string | undefined;
  #heardAt: number | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  /** Monotonic time when the server was last heard. */
  get heardAt(): number | undefined {
    return this.#heardAt;
  }

  /** Follows until the signal aborts; never fails. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, sink, resource } = this.#options;
    while (!signal.aborted) {
      let problem: unknown;
      try {
        this.#version ??= await this.#list(signal);
        if (await this.#watch(this.#version, signal)) continue;
        problem = new Error('the watch ended at once');
      } catch (error) {
        problem = error;
      }
      if (isStopped(signal)) return;
      this.#failures += 1;
      if (isGone(problem)) {
        this.#version = undefined;
        // Being too far behind is no fault of the server, but once only.
        if (this.#failures === 1) continue;
      }
      const asked = isKubeError(problem) ? (problem.retryAfterMs ?? 0) : 0;
      const delayMs = Math.max(asked, backoffDelay(this.#failures - 1, { ...backoff, random }));
      sink.failed(problem);
      log.warn('The watch is interrupted', {
        resource: resource.plural,
        namespace: this.#options.namespace,
        failures: this.#failures,
        retryInMs: Math.round(delayMs),
        problem: problem instanceof Error ? problem.message : String(problem),
      });
      await wait(clock, delayMs, signal).catch(() => undefined);
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, namespace, labelSelector, fieldSelector, sink } = this.#options;
    const list = await client.listAll<T>(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      signal,
      timeoutMs: listTimeoutMs,
    });
    signal.throwIfAborted();
    this.#heard();
    sink.replace(list.items);
    return list.resourceVersion;
  }

  /** True when the watch was of use: something came, or it lived for a while. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<boolean> {
    const { client, resource, namespace, labelSelector, fieldSelector, sink, clock, random } = this.#options;
    const silence = this.#guardSilence(signal);
    const began = clock.monotonic();
    let useful = false;
    try {
      const events = client.watch<T>(resource, {
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion,
        timeoutSeconds: Math.round(watchSeconds.least + random() * watchSeconds.spread),
        signal: silence.signal,
      });
      for await (const event of events) {
        if (signal.aborted) return true;
        this.#heard();
        useful = true;
        if (event.type === 'BOOKMARK') {
          if (event.resourceVersion !== '') this.#version = event.resourceVersion;
        } else {
          sink.change(event);
          this.#version = event.object.metadata.resourceVersion ?? this.#version;
        }
      }
      useful ||= clock.monotonic() - began >= healthyMs;
      return useful;
    } finally {
      silence.clear();
      if (useful || clock.monotonic() - began >= healthyMs) this.#failures = 0;
    }
  }

  #heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  /** Aborts when nothing was heard for long: a connection that is dead without anybody having said so. */
  #guardSilence(outer: AbortSignal): { readonly signal: AbortSignal; readonly clear: () => void } {
    const { clock, silenceMs } = this.#options;
    const cut = new AbortController();
    const since = clock.monotonic();
    let cancel = (): void => undefined;
    const check = (): void => {
      const quietMs = clock.monotonic() - Math.max(since, this.#heardAt ?? since);
      if (quietMs >= silenceMs) cut.abort(new Error(`nothing heard for ${Math.round(quietMs)} ms`));
      else cancel = clock.after(silenceMs - quietMs, check);
    };
    cancel = clock.after(silenceMs, check);
    return { signal: AbortSignal.any([outer, cut.signal]), clear: () => cancel() };
  }
}

/** Read through a function: the compiler would hold on to what it knew before an await. */
const isStopped = (signal: AbortSignal): boolean => signal.aborted;
