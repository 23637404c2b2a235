import type { Component, Logger } from '@ollamamax/common';
import {
  deadline,
  keyOf,
  systemClock,
  type Clock,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../kube/index.ts';
import type { InformerEvent } from './informer-event.ts';
import { ObjectCache } from './object-cache.ts';
import { Reflector } from './reflector.ts';
import type { IndexFunction, Store } from './store.ts';

export type InformerHandler<T> = (event: InformerEvent<T>) => void;

/** A cache of one kind that follows the API server. `start` resolves when it is filled. */
export interface Informer<T extends KubeObject = KubeObject> extends Component {
  readonly resource: Resource;
  readonly store: Store<T>;
  readonly synced: boolean;
  /** Milliseconds since the server was last heard, bookmarks included; undefined before. */
  sinceHeard(): number | undefined;
  /** Told in order of what changed, and first of all that is there already. The returned function ends it. */
  onEvent(handler: InformerHandler<T>): () => void;
  /** @throws Error when the cache is not filled within `syncTimeoutMs` */
  start(signal: AbortSignal): Promise<void>;
  /** Nothing is delivered any more once it was called. */
  stop(): Promise<void>;
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly log: Logger;
  /** Left out or empty: all namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>> | undefined;
  /** Drops what nobody reads before it is stored; gets its own copy and may change it. */
  readonly transform?: ((object: T) => T) | undefined;
  /** 60 000 ms. */
  readonly syncTimeoutMs?: number | undefined;
  /** A watch silent for that long, bookmarks included, is opened anew; 180 000 ms. */
  readonly silenceMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Made here, started by its owner; several controllers may share one. */
export const createInformer = <T extends KubeObject = KubeObject>(options: InformerOptions<T>): Informer<T> =>
  new ReflectedInformer(options);

class ReflectedInformer<T extends KubeObject> implements Informer<T> {
  readonly name: string;
  readonly resource: Resource;
  readonly #options: InformerOptions<T>;
  readonly #clock: Clock;
  readonly #cache: ObjectCache<T>;
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #stopping = new AbortController();
  readonly #reflectors: readonly Reflector<T>[];
  /** Namespaces whose first list is not here yet. */
  readonly #missing: Set<string | undefined>;
  readonly #filled = Promise.withResolvers<undefined>();
  #running: Promise<unknown> = Promise.resolve();
  #problem: unknown;

  constructor(options: InformerOptions<T>) {
    const { resource, namespaces, indexes, transform } = options;
    const places = namespaces === undefined || namespaces.length === 0 ? [undefined] : [...namespaces];
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#cache = new ObjectCache<T>({ indexes, transform });
    this.#missing = new Set(places);
    this.#reflectors = places.map((place) => this.#reflector(place));
    this.name = `informer of ${resource.plural}`;
    this.resource = resource;
  }

  get store(): Store<T> {
    return this.#cache;
  }

  get synced(): boolean {
    return this.#missing.size === 0;
  }

  sinceHeard(): number | undefined {
    const now = this.#clock.monotonic();
    const ages = this.#reflectors.map(({ heardAt }) => (heardAt === undefined ? Infinity : now - heardAt));
    const oldest = Math.max(...ages);
    return Number.isFinite(oldest) ? oldest : undefined;
  }

  onEvent(handler: InformerHandler<T>): () => void {
    // Another function each time, so that the same handler given twice is told twice and ended once.
    const own: InformerHandler<T> = (event) => handler(event);
    this.#handlers.add(own);
    for (const object of this.#cache.list()) this.#tell(own, { type: 'add', object, initial: true });
    return () => this.#handlers.delete(own);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { syncTimeoutMs = 60_000 } = this.#options;
    const late = (): Error =>
      new Error(`${this.name} is not filled after ${syncTimeoutMs} ms`, { cause: this.#problem });
    const bound = deadline(this.#clock, syncTimeoutMs, late, signal);
    const gaveUp = Promise.withResolvers<never>();
    const onAbort = (): void => gaveUp.reject(bound.signal.reason);
    if (bound.signal.aborted) onAbort();
    bound.signal.addEventListener('abort', onAbort, { once: true });
    this.#running = Promise.all(this.#reflectors.map((reflector) => reflector.run(this.#stopping.signal)));
    try {
      await Promise.race([this.#filled.promise, gaveUp.promise]);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      bound.clear();
      bound.signal.removeEventListener('abort', onAbort);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.name} is stopped`));
    this.#handlers.clear();
    await this.#running;
  }

  #reflector(place: string | undefined): Reflector<T> {
    const { client, resource, labelSelector, fieldSelector, log, random, silenceMs } = this.#options;
    return new Reflector<T>({
      client,
      resource,
      namespace: place,
      labelSelector,
      fieldSelector,
      log,
      clock: this.#clock,
      random: random ?? Math.random,
      silenceMs: silenceMs ?? 180_000,
      sink: {
        replace: (items) => this.#replace(place, items),
        change: ({ type, object }) =>
          this.#publish(
            type === 'DELETED' ? this.#cache.remove(keyOf(object), object) : this.#cache.put(object, false),
          ),
        failed: (error) => {
          this.#problem = error;
        },
      },
    });
  }

  #replace(place: string | undefined, items: readonly T[]): void {
    const initial = this.#missing.has(place);
    const there = new Set(items.map(keyOf));
    for (const object of this.#cache.list()) {
      const mine = place === undefined || object.metadata.namespace === place;
      if (mine && !there.has(keyOf(object))) this.#publish(this.#cache.remove(keyOf(object)));
    }
    for (const item of items) this.#publish(this.#cache.put(item, initial));
    this.#missing.delete(place);
    if (this.synced) this.#filled.resolve(undefined);
  }

  #publish(event: InformerEvent<T> | undefined): void {
    if (event === undefined) return;
    for (const handler of this.#handlers) this.#tell(handler, event);
  }

  /** A handler that throws harms neither the others nor the watch. */
  #tell(handler: InformerHandler<T>, event: InformerEvent<T>): void {
    try {
      handler(event);
    } catch (error) {
      this.#options.log.error('An event handler failed', { informer: this.name, error });
    }
  }
}
