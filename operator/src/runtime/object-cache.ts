import { keyOf, type KubeObject } from '../kube/index.ts';
import type { InformerEvent } from './informer-event.ts';
import type { IndexFunction, Store } from './store.ts';

export interface ObjectCacheOptions<T> {
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>> | undefined;
  readonly transform?: ((object: T) => T) | undefined;
}

interface Index<T> {
  readonly values: IndexFunction<T>;
  readonly keys: Map<string, Set<string>>;
}

/** Objects of one kind with their indexes. Each change gives the event it was, or nothing when nothing changed. */
export class ObjectCache<T extends KubeObject> implements Store<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: ReadonlyMap<string, Index<T>>;
  readonly #transform: (object: T) => T;

  constructor({ indexes = {}, transform }: ObjectCacheOptions<T>) {
    this.#transform = transform ?? ((object) => object);
    this.#indexes = new Map(
      Object.entries(indexes).map(([name, values]) => [name, { values, keys: new Map() }]),
    );
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`there is no index ${index}`);
    const objects: T[] = [];
    for (const key of found.keys.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) objects.push(object);
    }
    return objects;
  }

  put(raw: T, initial: boolean): InformerEvent<T> | undefined {
    const key = keyOf(raw);
    const previous = this.#objects.get(key);
    const { uid, resourceVersion } = raw.metadata;
    if (
      previous !== undefined &&
      previous.metadata.resourceVersion === resourceVersion &&
      previous.metadata.uid === uid
    )
      return undefined;
    const object = this.#kept(raw);
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    for (const { values, keys } of this.#indexes.values())
      for (const value of values(object)) {
        const set = keys.get(value);
        if (set === undefined) keys.set(value, new Set([key]));
        else set.add(key);
      }
    return previous === undefined
      ? { type: 'add', object, initial }
      : { type: 'update', object, previous, initial: false };
  }

  /** The event carries the last state: of the server when it gave one, else of the cache. */
  remove(key: string, last?: T): InformerEvent<T> | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#unindex(key, previous);
    this.#objects.delete(key);
    return { type: 'delete', object: last === undefined ? previous : this.#kept(last), initial: false };
  }

  #kept(raw: T): T {
    // As large as all the rest together, and of no use to anybody here.
    const { managedFields: _dropped, ...metadata } = raw.metadata;
    return deepFreeze(this.#transform({ ...raw, metadata }));
  }

  #unindex(key: string, object: T): void {
    for (const { values, keys } of this.#indexes.values())
      for (const value of values(object)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
  }
}

const deepFreeze = <V>(value: V): V => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
};
