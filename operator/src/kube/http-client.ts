import type { Logger } from '@ollamamax/common';
import { systemClock, type Clock } from './clock.ts';
import type { KubeConnection } from './connection.ts';
import { Exchange, type Call } from './exchange.ts';
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  GetOptions,
  JsonPatchOperation,
  KubeClient,
  ListOptions,
  ObjectName,
  WatchOptions,
  WriteOptions,
} from './kube-client.ts';
import { isGone, isKubeError, isNotFound, KubeError } from './kube-error.ts';
import type { RequestObserver } from './kube-metrics.ts';
import type { KubeList, KubeObject, WatchEvent } from './object.ts';
import { groupPath, resourcePath, type Resource, type ResourcePlace } from './resource.ts';
import { Transport } from './transport.ts';
import { watchEvents } from './watch-stream.ts';

export interface KubeClientOptions {
  readonly connection: KubeConnection;
  readonly log: Logger;
  /** First part of `User-Agent`, as it stands in audit logs. */
  readonly userAgent: string;
  readonly observe?: RequestObserver | undefined;
  readonly clock?: Clock | undefined;
  /** Deadline of a call that gives none, 15 000. */
  readonly timeoutMs?: number | undefined;
  readonly random?: (() => number) | undefined;
}

const pageSize = 500;
/** A list that changes faster than it can be paged is taken in one piece. */
const mostPagedTries = 2;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The client of an API server over one pool of connections. Close it when done. */
export const createKubeClient = (options: KubeClientOptions): KubeClient => new HttpKubeClient(options);

class HttpKubeClient implements KubeClient {
  readonly #transport: Transport;
  readonly #exchange: Exchange;

  constructor({ connection, log, userAgent, observe, clock, timeoutMs, random }: KubeClientOptions) {
    this.#transport = new Transport(connection);
    this.#exchange = new Exchange({
      transport: this.#transport,
      connection,
      log,
      userAgent,
      clock: clock ?? systemClock,
      timeoutMs: timeoutMs ?? 15_000,
      random: random ?? Math.random,
      observe: observe ?? (() => undefined),
    });
  }

  async get<T extends KubeObject>(resource: Resource, name: ObjectName, options?: GetOptions): Promise<T> {
    return this.#object('get', 'GET', resource, { ...name, subresource: options?.subresource }, {}, options);
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}): Promise<KubeList<T>> {
    const { namespace, labelSelector, fieldSelector, limit, resourceVersion, signal, timeoutMs } = options;
    const query = { labelSelector, fieldSelector, limit, continue: options.continue, resourceVersion };
    const answer = (await this.#exchange.json({
      verb: 'list',
      resource: resource.plural,
      method: 'GET',
      path: withQuery(resourcePath(resource, { namespace }), query),
      repeatable: true,
      signal,
      timeoutMs,
    })) as {
      readonly items?: readonly T[] | null;
      readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
    };
    const next = answer.metadata?.continue;
    const { apiVersion, kind } = resource;
    return {
      items: (answer.items ?? []).map((item) => ({ ...item, apiVersion, kind })),
      resourceVersion: answer.metadata?.resourceVersion ?? '',
      ...(next === undefined || next === '' ? {} : { continue: next }),
    };
  }

  async listAll<T extends KubeObject>(resource: Resource, options: ListOptions = {}): Promise<KubeList<T>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#pages<T>(resource, {
          ...options,
          limit: tries > mostPagedTries ? undefined : (options.limit ?? pageSize),
        });
      } catch (error) {
        if (!isGone(error) || tries > mostPagedTries) throw error;
      }
    }
  }

  async #pages<T extends KubeObject>(resource: Resource, options: ListOptions): Promise<KubeList<T>> {
    const items: T[] = [];
    let page = await this.list<T>(resource, options);
    for (;;) {
      items.push(...page.items);
      if (page.continue === undefined) return { items, resourceVersion: page.resourceVersion };
      // A page token stands for its resourceVersion; the server refuses both together.
      page = await this.list<T>(resource, {
        ...options,
        continue: page.continue,
        resourceVersion: undefined,
      });
    }
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = options;
    const path = resourcePath(resource, { namespace });
    const query = { labelSelector, fieldSelector, resourceVersion, timeoutSeconds };
    const left = new AbortController();
    const life = options.signal === undefined ? left.signal : AbortSignal.any([left.signal, options.signal]);
    const what = `WATCH ${path}`;
    try {
      const body = await this.#exchange.stream(
        {
          verb: 'watch',
          resource: resource.plural,
          method: 'GET',
          path: withQuery(path, { ...query, watch: true, allowWatchBookmarks: true }),
          // The caller decides where to go on from.
          repeatable: false,
          signal: options.signal,
          timeoutMs: options.timeoutMs,
        },
        life,
      );
      yield* watchEvents<T>(what, body);
    } catch (cause) {
      if (isKubeError(cause)) throw cause;
      options.signal?.throwIfAborted();
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new KubeError({ code: 0, reason: 'ConnectionFailed', message: `${what}: ${detail}`, cause });
    } finally {
      left.abort(new Error('the watch was left'));
    }
  }

  async create<T extends KubeObject>(
    resource: Resource,
    object: KubeObject,
    options?: WriteOptions,
  ): Promise<T> {
    const { name, namespace } = object.metadata;
    const subresource = options?.subresource;
    const place = subresource === undefined ? { namespace } : { namespace, name, subresource };
    return this.#object('create', 'POST', resource, place, writeQuery(options), options, object);
  }

  async replace<T extends KubeObject>(
    resource: Resource,
    object: KubeObject,
    options?: WriteOptions,
  ): Promise<T> {
    const place = placeOf(object, options);
    return this.#object('update', 'PUT', resource, place, writeQuery(options), options, object);
  }

  async serverSideApply<T extends KubeObject>(
    resource: Resource,
    object: KubeObject,
    options: ApplyOptions,
  ): Promise<T> {
    const query = { ...writeQuery(options), force: options.force };
    const body = { ...object, apiVersion: resource.apiVersion, kind: resource.kind };
    const type = 'application/apply-patch+yaml';
    return this.#object('apply', 'PATCH', resource, placeOf(object, options), query, options, body, type);
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource,
    name: ObjectName,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T> {
    const place = { ...name, subresource: options?.subresource };
    const type = 'application/merge-patch+json';
    return this.#object('patch', 'PATCH', resource, place, writeQuery(options), options, patch, type);
  }

  async jsonPatch<T extends KubeObject>(
    resource: Resource,
    name: ObjectName,
    operations: readonly JsonPatchOperation[],
    options?: WriteOptions,
  ): Promise<T> {
    const place = { ...name, subresource: options?.subresource };
    const type = 'application/json-patch+json';
    return this.#object('patch', 'PATCH', resource, place, writeQuery(options), options, operations, type);
  }

  async delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagation, gracePeriodSeconds, dryRun } = options;
    await this.#object('delete', 'DELETE', resource, name, {}, options, {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(uid === undefined && resourceVersion === undefined
        ? {}
        : { preconditions: { uid, resourceVersion } }),
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(dryRun === true ? { dryRun: ['All'] } : {}),
    });
  }

  async hasResource(apiVersion: string, plural: string, options?: CallOptions): Promise<boolean> {
    try {
      const { resources } = (await this.#exchange.json({
        verb: 'get',
        resource: 'discovery',
        method: 'GET',
        path: groupPath(apiVersion),
        repeatable: true,
        signal: options?.signal,
        timeoutMs: options?.timeoutMs,
      })) as { readonly resources?: readonly { readonly name: string }[] };
      return resources?.some(({ name }) => name === plural) ?? false;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #object<T>(
    verb: string,
    method: Call['method'],
    resource: Resource,
    place: ResourcePlace,
    query: Query,
    options: CallOptions | undefined,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    return (await this.#exchange.json({
      verb,
      resource: resource.plural,
      method,
      path: withQuery(resourcePath(resource, place), query),
      body,
      contentType,
      repeatable: verb === 'get' || verb === 'apply',
      signal: options?.signal,
      timeoutMs: options?.timeoutMs,
    })) as T;
  }
}

const placeOf = ({ metadata }: KubeObject, options: WriteOptions | undefined): ResourcePlace => ({
  namespace: metadata.namespace,
  name: metadata.name ?? '',
  subresource: options?.subresource,
});

const writeQuery = (options: WriteOptions | undefined): Query => ({
  fieldManager: options?.fieldManager,
  dryRun: options?.dryRun === true ? 'All' : undefined,
});

const withQuery = (path: string, query: Query): string => {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
};
