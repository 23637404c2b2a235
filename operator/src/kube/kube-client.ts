import type { KubeList, KubeObject, WatchEvent } from './object.ts';
import type { Resource } from './resource.ts';

/** Every call ends within its time: 15 s unless said otherwise, waits for a busy server included. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** One object; the namespace is needed for namespaced kinds and refused for others. */
export interface ObjectName {
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface SelectOptions {
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends SelectOptions, CallOptions {
  /** Most objects in one page; left out, the server gives all. */
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface WatchOptions extends SelectOptions {
  readonly signal?: AbortSignal | undefined;
  readonly resourceVersion: string;
  /** The server ends the watch after that many seconds. */
  readonly timeoutSeconds?: number | undefined;
  /** Time until the answer begins, 15 s unless said otherwise. */
  readonly timeoutMs?: number | undefined;
}

export interface GetOptions extends CallOptions {
  readonly subresource?: string | undefined;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string | undefined;
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields over from other managers instead of failing with a conflict. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes only that incarnation. */
  readonly uid?: string | undefined;
  /** Deletes only that state. */
  readonly resourceVersion?: string | undefined;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string };

/**
 * The API server. Objects go in and out as plain JSON, nothing is dropped or converted.
 * Every method fails with a KubeError, or with the reason of the signal when that aborts.
 */
export interface KubeClient {
  get<T extends KubeObject = KubeObject>(
    resource: Resource,
    name: ObjectName,
    options?: GetOptions,
  ): Promise<T>;
  /** One page. Items carry apiVersion and kind, which the server leaves out there. */
  list<T extends KubeObject = KubeObject>(resource: Resource, options?: ListOptions): Promise<KubeList<T>>;
  /** All pages, 500 objects each unless `limit` says otherwise; starts over when a page token expired on the way. */
  listAll<T extends KubeObject = KubeObject>(resource: Resource, options?: ListOptions): Promise<KubeList<T>>;
  /**
   * Raw changes from a resourceVersion on, with bookmarks; ends when the server ends it. Nothing is retried.
   * @throws KubeError also for an error that comes within the stream, such as 410
   */
  watch<T extends KubeObject = KubeObject>(
    resource: Resource,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined>;
  create<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: KubeObject,
    options?: WriteOptions,
  ): Promise<T>;
  /** Writes the whole object; fails with a conflict unless its resourceVersion is the newest. */
  replace<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: KubeObject,
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply: creates the object or takes these fields, and drops fields that this manager gave before. */
  serverSideApply<T extends KubeObject = KubeObject>(
    resource: Resource,
    object: KubeObject,
    options: ApplyOptions,
  ): Promise<T>;
  mergePatch<T extends KubeObject = KubeObject>(
    resource: Resource,
    name: ObjectName,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  /** A failed `test` is a 422, see isInvalid. */
  jsonPatch<T extends KubeObject = KubeObject>(
    resource: Resource,
    name: ObjectName,
    operations: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<T>;
  delete(resource: Resource, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Whether the server serves that kind at all; asked anew each time. */
  hasResource(apiVersion: string, plural: string, options?: CallOptions): Promise<boolean>;
  /** Ends open connections; calls in flight fail. */
  close(): Promise<void>;
}
