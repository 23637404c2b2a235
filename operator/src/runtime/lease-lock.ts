import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  type CallOptions,
  type Clock,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '../kube/index.ts';
import { microTime } from './micro-time.ts';

export interface LeaseLockOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly lease: string;
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly clock: Clock;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

type Lease = KubeObject & { readonly spec?: LeaseSpec };

const leases: Resource = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/**
 * A Lease that one process holds. Whether another's has run out is told by this process's own clock, from the moment it
 * saw the Lease change: clocks of other machines are not compared. Every write names the resourceVersion it builds on.
 */
export class LeaseLock {
  readonly #options: LeaseLockOptions;
  #seen: { readonly lease: Lease; readonly mark: string; readonly at: number } | undefined;

  constructor(options: LeaseLockOptions) {
    this.#options = options;
  }

  /** Who held it when it was last seen. */
  get holder(): string | undefined {
    const holder = this.#seen?.lease.spec?.holderIdentity;
    return holder === '' ? undefined : holder;
  }

  /**
   * Takes the lease or renews it. False when another holds it or was faster.
   * @throws KubeError when the server cannot tell
   */
  async take(call: CallOptions): Promise<boolean> {
    const { client, namespace, lease: name, identity, clock } = this.#options;
    // The holder builds on its own last write; only when that is outdated it has to look.
    if (this.#seen !== undefined && this.holder === identity) {
      const renewed = await this.#write(this.#seen.lease, call);
      if (renewed) return true;
    }
    let found: Lease;
    try {
      found = await client.get<Lease>(leases, { namespace, name }, call);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return this.#create(call);
    }
    this.#see(found);
    const { holderIdentity, leaseDurationSeconds = 0 } = found.spec ?? {};
    const free = holderIdentity === undefined || holderIdentity === '' || holderIdentity === identity;
    const seenAt = this.#seen?.at ?? clock.monotonic();
    if (!free && clock.monotonic() < seenAt + leaseDurationSeconds * 1000) return false;
    return this.#write(found, call);
  }

  /** Gives the lease back, if it is held. */
  async release(signal: AbortSignal): Promise<void> {
    const { client, identity, clock } = this.#options;
    const lease = this.#seen?.lease;
    if (lease === undefined || this.holder !== identity) return;
    const now = microTime(clock.now());
    const { leaseTransitions = 0 } = lease.spec ?? {};
    const spec: LeaseSpec = { leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    this.#see(await client.replace<Lease>(leases, { ...lease, spec } as Lease, { signal }));
  }

  async #create(call: CallOptions): Promise<boolean> {
    const { client, namespace, lease: name } = this.#options;
    const { apiVersion, kind } = leases;
    const lease: Lease = { apiVersion, kind, metadata: { namespace, name }, spec: this.#spec(undefined) };
    try {
      this.#see(await client.create<Lease>(leases, lease, call));
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** False when it changed since. */
  async #write(lease: Lease, call: CallOptions): Promise<boolean> {
    try {
      const next = { ...lease, spec: this.#spec(lease.spec) } as Lease;
      this.#see(await this.#options.client.replace<Lease>(leases, next, call));
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  #spec(before: LeaseSpec | undefined): LeaseSpec {
    const { identity, leaseDurationMs, clock } = this.#options;
    const now = microTime(clock.now());
    const mine = before?.holderIdentity === identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      acquireTime: mine ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: mine || before === undefined ? transitions : transitions + 1,
    };
  }

  #see(lease: Lease): void {
    const mark = JSON.stringify(lease.spec ?? null);
    const at = this.#seen?.mark === mark ? this.#seen.at : this.#options.clock.monotonic();
    this.#seen = { lease, mark, at };
  }
}
