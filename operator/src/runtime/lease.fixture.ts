import { KubeError, type KubeClient, type KubeObject } from '../kube/index.ts';
import { clientOf } from './unused-client.fixture.ts';

type Fault = 'none' | 'error' | 'hang';

/** One Lease with the server's rule for writes: only on top of the newest resourceVersion. */
export class LeaseServer {
  lease: (KubeObject & { spec?: Record<string, unknown> }) | undefined;
  readonly faults = new Map<string, Fault>();
  readonly writes: string[] = [];
  #version = 0;

  /** How many times the holder changed, by its own count. */
  get transitions(): unknown {
    return this.lease?.spec?.leaseTransitions;
  }

  get holder(): unknown {
    return this.lease?.spec?.holderIdentity;
  }

  client(who: string): KubeClient {
    const reach = async (signal: AbortSignal | undefined): Promise<void> => {
      const fault = this.faults.get(who) ?? 'none';
      if (fault === 'error') throw new KubeError({ code: 500, reason: 'InternalError', message: 'no' });
      if (fault === 'hang')
        await new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
    };
    const store = (object: KubeObject): KubeObject => {
      this.#version += 1;
      this.writes.push(who);
      const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
      this.lease = { ...object, metadata };
      return this.lease;
    };
    return clientOf({
      get: async (_resource, _name, options) => {
        await reach(options?.signal);
        if (this.lease === undefined) throw new KubeError({ code: 404, reason: 'NotFound', message: 'none' });
        return this.lease as never;
      },
      create: async (_resource, object, options) => {
        await reach(options?.signal);
        if (this.lease !== undefined)
          throw new KubeError({ code: 409, reason: 'AlreadyExists', message: 'there' });
        return store(object) as never;
      },
      replace: async (_resource, object, options) => {
        await reach(options?.signal);
        if (this.lease?.metadata.resourceVersion !== object.metadata.resourceVersion)
          throw new KubeError({ code: 409, reason: 'Conflict', message: 'changed' });
        return store(object) as never;
      },
    });
  }
}
