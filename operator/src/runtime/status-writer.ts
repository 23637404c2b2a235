import { isNotFound, type KubeClient, type KubeObject, type Resource } from '../kube/index.ts';
import { sameJson } from './conditions.ts';
import type { Failpoints } from './failpoints.ts';
import { isOlder } from './resource-version.ts';

/** An object with a status of its own. */
export interface WithStatus<S> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly status?: S | undefined;
}

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly failpoints: Failpoints;
  readonly resource: Resource;
  readonly fieldManager: string;
}

/** Writes the whole status of objects by server-side apply, and remembers it until the cache shows it. */
export class StatusWriter<S> {
  readonly #options: StatusWriterOptions;
  /** By uid. */
  readonly #written = new Map<string, { readonly status: S; readonly resourceVersion: string }>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The object with its newest status: caches may show an earlier one for a moment. */
  fresh<T extends WithStatus<S>>(object: T): T {
    const { uid, resourceVersion } = object.metadata;
    const written = this.#written.get(uid);
    if (written === undefined) return object;
    if (isOlder(resourceVersion, written.resourceVersion)) return { ...object, status: written.status };
    this.#written.delete(uid);
    return object;
  }

  /**
   * Writes nothing when that is the status of the object already.
   * @param object a fresh one
   * @returns false when the object is gone: there is nobody to tell
   * @throws KubeError also a conflict, when there is another object of that name
   */
  async write(object: WithStatus<S>, status: S, signal: AbortSignal): Promise<boolean> {
    const { client, failpoints, resource, fieldManager } = this.#options;
    if (sameJson(object.status, status)) return true;
    const { apiVersion, kind } = object;
    const { name, namespace, uid } = object.metadata;
    const wanted: KubeObject & { readonly status: S } = {
      apiVersion,
      kind,
      metadata: { name, namespace, uid },
      status,
    };
    await failpoints.hit(`before status ${kind}`);
    let resourceVersion: string | undefined;
    try {
      const applied = await client.serverSideApply(resource, wanted, {
        fieldManager,
        subresource: 'status',
        force: true,
        signal,
      });
      ({ resourceVersion } = applied.metadata);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
    if (resourceVersion !== undefined) this.#written.set(uid, { status, resourceVersion });
    await failpoints.hit(`after status ${kind}`);
    return true;
  }

  /** An object that is gone. */
  forget(uid: string): void {
    this.#written.delete(uid);
  }
}
