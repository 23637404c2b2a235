import type { Component, Logger } from '@ollamamax/common';
import { systemClock, wait, type Clock, type KubeClient } from '../kube/index.ts';
import { LeaseLock } from './lease-lock.ts';
import type { RuntimeMetrics } from './metrics.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly namespace: string;
  /** Name of the Lease. */
  readonly lease: string;
  /** Unique for each process, such as pod name and a random part. */
  readonly identity: string;
  /** How long others wait for a silent leader, 15 000 ms. */
  readonly leaseDurationMs?: number | undefined;
  /** After that long without a renewal the leader stands down, 10 000 ms. */
  readonly renewDeadlineMs?: number | undefined;
  /** 2 000 ms. */
  readonly retryPeriodMs?: number | undefined;
  /** Work of the leader. The signal aborts when leadership ends; the lease is released once this has resolved. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Leadership was lost rather than given up: end the process, it does not stand again. */
  readonly onLost: (error: Error) => void;
  readonly onNewLeader?: ((identity: string) => void) | undefined;
  readonly metrics?: RuntimeMetrics | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Sees to it that one process of many leads, by a Lease. `start` returns at once; who does not lead is ready too. */
export interface LeaderElection extends Component {
  readonly leading: boolean;
  /** Identity of the leader as last seen. */
  readonly leader: string | undefined;
  start(signal: AbortSignal): Promise<void>;
  /** Ends `lead`, then gives the lease back so that another takes over at once. */
  stop(signal: AbortSignal): Promise<void>;
}

/** @throws RangeError when the times do not fit into each other */
export const createLeaderElection = (options: LeaderElectionOptions): LeaderElection =>
  new LeaseElection(options);

class LeaseElection implements LeaderElection {
  readonly name: string;
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #lock: LeaseLock;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #stopping = new AbortController();
  /** Exists while this process leads. */
  #term: { readonly ended: AbortController; readonly work: Promise<void> } | undefined;
  #running: Promise<void> = Promise.resolve();
  #told: string | undefined;

  constructor(options: LeaderElectionOptions) {
    const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2000 } = options;
    if (leaseDurationMs <= renewDeadlineMs || renewDeadlineMs <= retryPeriodMs)
      throw new RangeError('leader election needs lease duration > renew deadline > retry period');
    this.name = `leader election ${options.lease}`;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryPeriodMs = retryPeriodMs;
    this.#lock = new LeaseLock({
      client: options.client,
      namespace: options.namespace,
      lease: options.lease,
      identity: options.identity,
      clock: this.#clock,
      leaseDurationMs,
    });
    options.metrics?.leader.set({ name: options.lease }, 0);
  }

  get leading(): boolean {
    return this.#term?.ended.signal.aborted === false;
  }

  get leader(): string | undefined {
    return this.#lock.holder;
  }

  start(): Promise<void> {
    this.#running = this.#stand();
    return Promise.resolve();
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error(`${this.name} is stopped`));
    const term = this.#term;
    const led = this.leading;
    this.#end(this.#stopping.signal.reason as Error);
    await this.#running;
    // Not before the work has ended: the next leader begins at once.
    await term?.work.catch(() => undefined);
    if (led && !signal.aborted) {
      await this.#lock.release(signal).catch((error: unknown) => {
        this.#options.log.warn('The lease was not given back and has to run out', { error });
      });
    }
  }

  /** Tries until it leads, then renews until it is stopped or has lost. */
  async #stand(): Promise<void> {
    const { signal } = this.#stopping;
    const { random = Math.random, log } = this.#options;
    while (!signal.aborted) {
      const began = this.#clock.monotonic();
      try {
        const held = await this.#lock.take({ signal, timeoutMs: this.#renewDeadlineMs / 2 });
        this.#announce();
        if (held) {
          await this.#renew(began);
          return;
        }
      } catch (error) {
        if (isStopped(signal)) return;
        log.warn('The lease could not be read or taken', { error });
      }
      // At most the retry period, so that a lease that was given back is taken within it.
      const pauseMs = this.#retryPeriodMs * (0.5 + random() / 2);
      await wait(this.#clock, pauseMs, signal).catch(() => undefined);
    }
  }

  async #renew(takenAt: number): Promise<void> {
    const { log, lead, onLost, metrics, lease } = this.#options;
    const ended = new AbortController();
    log.info('This process leads now', { lease });
    metrics?.leader.set({ name: lease }, 1);
    const lose = (error: Error): void => {
      if (ended.signal.aborted) return;
      log.error('This process leads no longer', { lease, error });
      this.#end(error);
      onLost(error);
    };
    const begin = Promise.withResolvers<undefined>();
    const work = begin.promise.then(() => lead(ended.signal));
    work.catch((error: unknown) => lose(new Error('the work of the leader failed', { cause: error })));
    this.#term = { ended, work };
    let renewedAt = takenAt;
    // Not by the loop below: a call that hangs must not hold it up.
    let cancel = (): void => undefined;
    const watchDeadline = (): void => {
      const leftMs = renewedAt + this.#renewDeadlineMs - this.#clock.monotonic();
      if (leftMs > 0) cancel = this.#clock.after(leftMs, watchDeadline);
      else lose(new Error(`the lease was not renewed within ${this.#renewDeadlineMs} ms`));
    };
    watchDeadline();
    begin.resolve(undefined);
    const signal = AbortSignal.any([this.#stopping.signal, ended.signal]);
    while (!signal.aborted) {
      await wait(this.#clock, this.#retryPeriodMs, signal).catch(() => undefined);
      if (isStopped(signal)) break;
      const began = this.#clock.monotonic();
      try {
        if (await this.#lock.take({ signal, timeoutMs: this.#renewDeadlineMs / 2 })) renewedAt = began;
        else lose(new Error(`the lease was taken by ${this.#lock.holder ?? 'nobody'}`));
      } catch (error) {
        if (!isStopped(signal)) log.warn('The lease was not renewed', { error });
      }
    }
    cancel();
  }

  #end(reason: Error): void {
    if (!this.leading) return;
    this.#options.metrics?.leader.set({ name: this.#options.lease }, 0);
    this.#term?.ended.abort(reason);
  }

  #announce(): void {
    const { holder } = this.#lock;
    if (holder === undefined || holder === this.#told) return;
    this.#told = holder;
    this.#options.onNewLeader?.(holder);
  }
}

const isStopped = (signal: AbortSignal): boolean => signal.aborted;
