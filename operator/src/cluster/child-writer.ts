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

  /** @throws NameConflictError, KubeError */
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

  async #prune(writing: Writing, wanted: readonly WantedChild[]): Promise<void> {
    const { client, events, failpoints } = this.#options;
    const { cluster, context } = writing;
    const names = new Set(
      wanted.map(({ resource, object }) => `${resource.kind}/${object.metadata.name ?? ''}`),
    );
    for (const resource of optionalResources)
      for (const object of await this.#present(writing, resource)) {
        const { name = '', namespace, uid } = object.metadata;
        if (names.has(`${resource.kind}/${name}`) || !ownedBy(object, cluster.metadata.uid)) continue;
        await failpoints.hit(`before prune ${resource.kind}`);
        try {
          await client.delete(resource, { name, namespace }, { uid, signal: context.signal });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        const note = `${resource.kind} ${name} is no longer needed and was deleted.`;
        events.record(cluster, { type: 'Normal', reason: 'Pruned', note });
      }
  }

  async #present({ cluster, key, context }: Writing, resource: Resource): Promise<readonly KubeObject[]> {
    const { caches, client } = this.#options;
    const { signal } = context;
    if (!monitoringResources.has(resource))
      return caches.children.get(resource.kind)?.byIndex(indexes.cluster, key) ?? [];
    if (!(await this.#isServed(resource, signal))) return [];
    try {
      const { namespace } = cluster.metadata;
      const { serviceMonitor, prometheusRule } = namesOf(cluster);
      const name = resource === resources.serviceMonitor ? serviceMonitor : prometheusRule;
      return [await client.get(resource, { name, namespace }, { signal })];
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
