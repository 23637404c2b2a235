import type { OllamaCluster } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { indexes, type Caches } from '../caches.ts';
import { isNotFound, type Clock, type KubeClient, type KubeObject, type Resource } from '../kube/index.ts';
import { resources } from '../resources.ts';
import { ownedBy, type EventRecorder, type Failpoints } from '../runtime/index.ts';
import { Applier } from './applier.ts';
import { children, optionalResources, type WantedChild } from './desired/children.ts';
import { namesOf, type Child, type DesiredInput } from './desired/child.ts';

/** For whom children are written. */
export interface Writing {
  readonly cluster: OllamaCluster;
  /** `namespace/name`. */
  readonly key: string;
  readonly context: { readonly signal: AbortSignal; readonly log: Logger };
}

export interface ChildWriterOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly events: EventRecorder;
  readonly failpoints: Failpoints;
  readonly clock: Clock;
}

/** Kinds that may be missing in the API server: asked for directly, for there can be no cache of them. */
const monitoringResources: ReadonlySet<Resource> = new Set([
  resources.serviceMonitor,
  resources.prometheusRule,
]);

const discoveryMs = 60_000;

/** Makes, sets back and deletes the objects of clusters, and tells people. */
export class ChildWriter {
  readonly #options: ChildWriterOptions;
  readonly #applier: Applier;
  readonly #served = new Map<Resource, { readonly known: boolean; readonly at: number }>();

  constructor(options: ChildWriterOptions) {
    this.#options = options;
    this.#applier = new Applier(options.client, options.failpoints);
  }

  /** @throws NameConflictError, StillLeavingError, KubeError */
  async apply(
    { cluster, context }: Writing,
    resource: Resource,
    object: Child,
    live: KubeObject | null | undefined,
  ): Promise<{ readonly changed: boolean; readonly object: KubeObject }> {
    const { signal, log } = context;
    const { change, object: applied } = await this.#applier.apply(
      resource,
      object,
      live,
      cluster.metadata.uid,
      signal,
    );
    if (change === 'none') return { changed: false, object: applied };
    const what = `${resource.kind} ${object.metadata.name ?? ''}`;
    log.debug('Applied', { kind: resource.kind, name: object.metadata.name, change });
    if (change === 'reverted')
      this.#options.events.record(cluster, {
        type: 'Warning',
        reason: 'DriftReverted',
        note: `${what} was changed by somebody; it is set back.`,
      });
    // One of a dozen tells enough: the last one that is made.
    if (change === 'created' && resource === resources.statefulSet)
      this.#options.events.record(cluster, {
        type: 'Normal',
        reason: 'Created',
        note: `${what} and what it needs were made.`,
      });
    return { changed: true, object: applied };
  }

  /** Everything but Secrets and the StatefulSet; what is no longer wanted is deleted. */
  async applyAll(writing: Writing, input: DesiredInput): Promise<void> {
    const known = new Map<Resource, boolean>();
    for (const resource of monitoringResources)
      known.set(resource, await this.#isServed(resource, writing.context.signal));
    const wanted = children(input, (resource) => known.get(resource) ?? true);
    for (const { resource, object } of wanted)
      await this.apply(writing, resource, object, this.#cached(resource, object));
    await this.#prune(writing, wanted);
  }

  /** What was remembered of a cluster that is gone. */
  forget(uid: string): void {
    this.#applier.forget(uid);
  }

  #cached(resource: Resource, { metadata }: Child): KubeObject | undefined {
    return this.#options.caches.children
      .get(resource.kind)
      ?.get(`${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
  }

  /** Deletes what the cluster owns under these names, for kinds that are not cached. */
  async pruneNamed(writing: Writing, resource: Resource, names: readonly string[]): Promise<void> {
    const { cluster, context } = writing;
    const { namespace } = cluster.metadata;
    for (const name of names) {
      const [object] = await this.#find(resource, { name, namespace }, context.signal);
      if (object !== undefined) await this.#delete(writing, resource, object);
    }
  }

  async #prune(writing: Writing, wanted: readonly WantedChild[]): Promise<void> {
    const names = new Set(
      wanted.map(({ resource, object }) => `${resource.kind}/${object.metadata.name ?? ''}`),
    );
    for (const resource of optionalResources)
      for (const object of await this.#present(writing, resource))
        if (!names.has(`${resource.kind}/${object.metadata.name ?? ''}`))
          await this.#delete(writing, resource, object);
  }

  async #delete({ cluster, context }: Writing, resource: Resource, object: KubeObject): Promise<void> {
    const { client, events, failpoints } = this.#options;
    const { name = '', namespace, uid } = object.metadata;
    if (!ownedBy(object, cluster.metadata.uid) || object.metadata.deletionTimestamp !== undefined) return;
    await failpoints.hit(`before prune ${resource.kind}`);
    try {
      await client.delete(resource, { name, namespace }, { uid, signal: context.signal });
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const note = `${resource.kind} ${name} is no longer needed and was deleted.`;
    events.record(cluster, { type: 'Normal', reason: 'Pruned', note });
  }

  async #present({ cluster, key, context }: Writing, resource: Resource): Promise<readonly KubeObject[]> {
    const { caches } = this.#options;
    const { signal } = context;
    if (!monitoringResources.has(resource))
      return caches.children.get(resource.kind)?.byIndex(indexes.cluster, key) ?? [];
    if (!(await this.#isServed(resource, signal))) return [];
    const { serviceMonitor, prometheusRule } = namesOf(cluster);
    const name = resource === resources.serviceMonitor ? serviceMonitor : prometheusRule;
    return this.#find(resource, { name, namespace: cluster.metadata.namespace }, signal);
  }

  /** The one object of that name, or none. */
  async #find(
    resource: Resource,
    name: { readonly name: string; readonly namespace: string },
    signal: AbortSignal,
  ): Promise<readonly KubeObject[]> {
    try {
      return [await this.#options.client.get(resource, name, { signal })];
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async #isServed(resource: Resource, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.#options;
    const before = this.#served.get(resource);
    if (before !== undefined && clock.monotonic() - before.at < discoveryMs) return before.known;
    const known = await client.hasResource(resource.apiVersion, resource.plural, { signal });
    this.#served.set(resource, { known, at: clock.monotonic() });
    return known;
  }
}
