import { fieldManagers } from '@ollamamax/api';
import { isNotFound, type KubeClient, type KubeObject, type Resource } from '../kube/index.ts';
import { isOlder, ownedBy, sameJson, type Failpoints } from '../runtime/index.ts';
import type { Child } from './desired/child.ts';

/** An object that is needed belongs to somebody else. */
export class NameConflictError extends Error {
  override readonly name = 'NameConflictError';
  readonly reason = 'NameConflict';

  constructor(kind: string, name: string) {
    super(
      `${kind} ${name} exists and does not belong to this OllamaCluster. Delete or rename it, or give the OllamaCluster another name.`,
    );
  }
}

/** What is needed belongs to an earlier OllamaCluster of the same name, or is being deleted: it goes by itself. */
export class StillLeavingError extends Error {
  override readonly name = 'StillLeavingError';

  constructor(kind: string, name: string) {
    super(`${kind} ${name} has not gone yet: it is being deleted, or what it belonged to was.`);
  }
}

/** Whether garbage collection is about to remove what an owner of the same name has left. */
const isLeaving = (now: KubeObject, wanted: Child): boolean => {
  const [owner] = wanted.metadata.ownerReferences ?? [];
  return (
    now.metadata.deletionTimestamp !== undefined ||
    now.metadata.ownerReferences?.some(({ kind, name }) => kind === owner?.kind && name === owner.name) ===
      true
  );
};

export type Change = 'created' | 'updated' | 'reverted' | 'none';

interface Remembered {
  /** What was applied, as text. */
  readonly wanted: string;
  /** The same fields as the server gave them back: it fills in and normalizes. */
  readonly projection: unknown;
  /** State of the object that this was taken from. */
  readonly resourceVersion: string | undefined;
}

/** The parts of `live` that `shape` speaks of. */
const project = (live: unknown, shape: unknown): unknown => {
  if (Array.isArray(shape)) {
    if (!Array.isArray(live)) return live;
    // With its length: items that were added or removed show.
    return live.map((item: unknown, index): unknown =>
      index < shape.length ? project(item, shape[index]) : item,
    );
  }
  if (typeof shape !== 'object' || shape === null) return live;
  if (typeof live !== 'object' || live === null) return live;
  const fields = live as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(shape).map(([name, inner]) => [name, project(fields[name], inner)]),
  );
};

/**
 * Applies children of clusters by server-side apply, and only when that changes something: it remembers what the
 * server made of the last application and compares the live object with that.
 */
export class Applier {
  readonly #client: KubeClient;
  readonly #failpoints: Failpoints;
  readonly #remembered = new Map<string, Remembered>();

  constructor(client: KubeClient, failpoints: Failpoints) {
    this.#client = client;
    this.#failpoints = failpoints;
  }

  /**
   * @param live the object as it is now; null when it is known not to be there, undefined when nobody knows
   * @throws NameConflictError, StillLeavingError, KubeError
   */
  async apply(
    resource: Resource,
    wanted: Child,
    live: KubeObject | null | undefined,
    ownerUid: string,
    signal: AbortSignal,
  ): Promise<{ readonly change: Change; readonly object: KubeObject }> {
    const { name = '', namespace = '' } = wanted.metadata;
    // Caches know only what carries our labels: what they do not know may still be there.
    const now = live === null ? undefined : (live ?? (await this.#read(resource, name, namespace, signal)));
    if (now !== undefined && !ownedBy(now, ownerUid))
      throw isLeaving(now, wanted)
        ? new StillLeavingError(resource.kind, name)
        : new NameConflictError(resource.kind, name);
    const key = `${resource.kind} ${namespace}/${name} ${ownerUid}`;
    const text = JSON.stringify(wanted);
    const known = this.#remembered.get(key);
    const sameWish = known?.wanted === text;
    if (
      now !== undefined &&
      known !== undefined &&
      sameWish &&
      (isOlder(now.metadata.resourceVersion, known.resourceVersion) ||
        sameJson(project(now, wanted), known.projection))
    )
      return { change: 'none', object: now };
    await this.#failpoints.hit(`before apply ${resource.kind} ${name}`);
    const applied = await this.#client.serverSideApply(resource, wanted, {
      fieldManager: fieldManagers.cluster,
      force: true,
      signal,
    });
    await this.#failpoints.hit(`after apply ${resource.kind} ${name}`);
    this.#remembered.set(key, {
      wanted: text,
      projection: project(applied, wanted),
      resourceVersion: applied.metadata.resourceVersion,
    });
    if (now === undefined) return { change: 'created', object: applied };
    if (applied.metadata.resourceVersion === now.metadata.resourceVersion)
      return { change: 'none', object: applied };
    return { change: known !== undefined && sameWish ? 'reverted' : 'updated', object: applied };
  }

  /** What was remembered of a cluster that is gone. */
  forget(ownerUid: string): void {
    for (const key of this.#remembered.keys()) if (key.endsWith(` ${ownerUid}`)) this.#remembered.delete(key);
  }

  async #read(
    resource: Resource,
    name: string,
    namespace: string,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    try {
      return await this.#client.get(resource, { name, namespace }, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
