import {
  ApiError,
  canonicalDesiredState,
  isApiError,
  type CatalogOperation,
  type DesiredState,
} from '@ollamamax/api';
import { backoffDelay, sleep, type Component, type Logger, type TlsMaterial } from '@ollamamax/common';
import type { Catalog } from './catalog.ts';
import { checkDesiredState } from './desired-state-check.ts';
import type { HostedMember } from './hosted-member.ts';
import { agree, catchUp } from './proposals.ts';
import { levelOfDesired, type CatalogState } from './state/catalog-state.ts';

export interface RaftCatalogOptions {
  readonly member: HostedMember;
  /** What this agent's own configuration asks for. It counts until something is pushed. */
  readonly configured: Omit<DesiredState, 'revision'>;
  /** It has no peers: it begins a group of one by itself, and has its models before it serves. */
  readonly alone: boolean;
  /** Begins a group of this agent alone. */
  readonly bootstrap: () => Promise<unknown>;
  /** Has the group use a feature level. @throws ApiError agents_outdated, not_a_member, no_leader */
  readonly requireLevel: (level: number) => Promise<void>;
  readonly log: Logger;
}

const aloneMs = 20_000;
const configuredRetry = { minMs: 500, maxMs: 10_000 } as const;

/** The catalogue as the group of agents has agreed on it, by Raft. */
export class RaftCatalog implements Catalog, Component {
  readonly name = 'catalog';
  readonly #options: RaftCatalogOptions;
  readonly #stopped = new AbortController();
  readonly #desiredListeners = new Set<(state: DesiredState) => void>();
  readonly #agreedListeners = new Set<(state: CatalogState) => void>();
  #configuring: Promise<unknown> = Promise.resolve();

  constructor(options: RaftCatalogOptions) {
    this.#options = options;
    options.member.watch((change) => {
      if (change === undefined) return;
      for (const listener of this.#agreedListeners) this.#call(() => listener(change.state));
      if (change.part !== 'desired' && change.part !== 'all') return;
      for (const listener of this.#desiredListeners) this.#call(() => listener(change.state.desired));
    });
  }

  /** @throws ApiError state_corrupt, member_disk, port_in_use, invalid_request when the configuration asks for what cannot be */
  async start(): Promise<void> {
    const { member, configured, alone, bootstrap, log } = this.#options;
    checkDesiredState({ ...configured, revision: 1 });
    await member.open();
    if (alone) {
      if (member.identity === undefined) await bootstrap();
      try {
        await this.#configure(aloneMs);
        return;
      } catch (error) {
        if (!isApiError(error) || error.code !== 'no_leader') throw error;
        // It was one of several before. What was agreed on then is still served.
        log.warn('This agent has no peers in its configuration, but its group has other members.', {
          error,
        });
      }
    }
    if (alone || configured.models.length > 0 || Object.keys(configured.settings).length > 0)
      this.#configuring = this.#configureLater();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#configuring;
    await this.#options.member.close();
  }

  renew(material: TlsMaterial): void {
    this.#options.member.renew(material);
  }

  state(): DesiredState {
    return this.agreed().desired;
  }

  agreed(): CatalogState {
    return this.#options.member.state;
  }

  async apply(value: DesiredState): Promise<{ readonly revision: number; readonly changed: boolean }> {
    const state = checkDesiredState(value);
    this.#running();
    const { revision } = this.state();
    // What this agent has learned may be behind, never ahead: that much needs no entry in the log.
    if (state.revision === revision) return { revision, changed: false };
    if (state.revision < revision)
      throw new ApiError(
        'stale_revision',
        `Revision ${state.revision} is older than revision ${revision}, which the cluster has.`,
      );
    await this.#options.requireLevel(levelOfDesired(state));
    const answer = await agree(() => this.#running(), { op: 'setDesired', origin: 'pushed', state });
    const changed = answer.changed === true;
    if (changed)
      this.#options.log.info('Took over a new desired state.', {
        revision: state.revision,
        models: state.models.length,
      });
    return { revision: state.revision, changed };
  }

  async agree(operation: CatalogOperation): Promise<void> {
    await agree(() => this.#running(), operation);
  }

  onChange(listener: (state: DesiredState) => void): () => void {
    this.#desiredListeners.add(listener);
    return () => this.#desiredListeners.delete(listener);
  }

  onAgreed(listener: (state: CatalogState) => void): () => void {
    this.#agreedListeners.add(listener);
    return () => this.#agreedListeners.delete(listener);
  }

  #running(): ReturnType<HostedMember['running']> {
    return this.#options.member.running();
  }

  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.log.error('A listener to catalogue changes failed.', { error });
    }
  }

  /** Once this agent is in a group, whenever that is. */
  async #configureLater(): Promise<void> {
    for (let attempt = 0; !this.#stopped.signal.aborted; attempt += 1) {
      try {
        if (this.#options.member.thread !== undefined) {
          await this.#configure();
          return;
        }
      } catch (error) {
        this.#options.log.debug('The configuration could not be handed to the group yet.', { error });
      }
      await sleep(backoffDelay(attempt, configuredRetry), this.#stopped.signal).catch(() => undefined);
    }
  }

  /** What was pushed stays, whatever the configuration says; what another configuration said does not. */
  async #configure(patienceMs?: number): Promise<void> {
    const { configured, log } = this.#options;
    await catchUp(() => this.#running(), patienceMs);
    const { desired, desiredOrigin } = this.agreed();
    if (desired.revision > 0 && desiredOrigin === 'pushed') return;
    if (desired.revision > 0 && canonicalDesiredState(desired) === canonicalDesiredState(configured)) return;
    const revision = desired.revision + 1;
    if (revision > 1)
      log.info('The configuration asks for other models or settings than before.', { revision });
    const state = checkDesiredState({ ...configured, revision });
    await this.#options.requireLevel(levelOfDesired(state));
    await agree(() => this.#running(), { op: 'setDesired', origin: 'configuration', state }, patienceMs);
  }
}
