import type { OllamaCluster } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import type { Caches } from '../caches.ts';
import {
  KubeError,
  type DeleteOptions,
  type KubeClient,
  type KubeObject,
  type ObjectName,
  type Resource,
} from '../kube/index.ts';
import { FakeClock } from '../kube/fake-clock.fixture.ts';
import { noFailpoints } from '../runtime/failpoints.ts';
import { clientOf } from '../runtime/unused-client.fixture.ts';
import { ChildWriter, type Writing } from './child-writer.ts';

export const notFound = new KubeError({ code: 404, reason: 'NotFound', message: 'it is not there' });

/** Secrets on a server in small, with a writer that may delete them, and everything that was asked and told. */
export class SecretsStandIn {
  readonly secrets = new Map<string, KubeObject>();
  /** Names that were read, and `name uid` of what was deleted. */
  readonly read: string[] = [];
  readonly deleted: string[] = [];
  /** Notes of events. */
  readonly told: string[] = [];
  /** What the next reading and deleting ends with. */
  readonly failure: { get?: Error | undefined; delete?: Error | undefined } = {};
  readonly clock = new FakeClock();
  readonly client: KubeClient = clientOf({
    get: async <T extends KubeObject>(_resource: Resource, { namespace, name }: ObjectName) => {
      this.read.push(name);
      this.#fail('get');
      const found = this.secrets.get(name);
      if (found === undefined || found.metadata.namespace !== namespace) throw notFound;
      return found as T;
    },
    delete: async (resource: Resource, { name }: ObjectName, { uid }: DeleteOptions = {}) => {
      this.#fail('delete');
      this.deleted.push(`${resource.kind} ${name} ${uid ?? ''}`);
      this.secrets.delete(name);
    },
  });
  readonly writer = new ChildWriter({
    client: this.client,
    caches: {} as Caches,
    events: {
      name: 'events',
      record: (about, { type, reason, note }) =>
        void this.told.push(`${about.metadata.name ?? ''} ${type} ${reason}: ${note}`),
      stop: () => Promise.resolve(),
    },
    failpoints: noFailpoints,
    clock: this.clock,
  });

  put(secret: KubeObject): void {
    this.secrets.set(secret.metadata.name ?? '', secret);
  }

  #fail(call: 'get' | 'delete'): void {
    const error = this.failure[call];
    this.failure[call] = undefined;
    if (error !== undefined) throw error;
  }
}

export const writingOf = (cluster: OllamaCluster): Writing => ({
  cluster,
  key: `${cluster.metadata.namespace}/${cluster.metadata.name}`,
  context: { signal: new AbortController().signal, log: silentLogger },
});
