import { Worker } from 'node:worker_threads';
import { ApiError } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { nobody, type Index, type NodeId, type SoftState } from '../../raft/core/types.ts';
import { youngGenerationMB } from '../../raft/node/member-settings.ts';
import type { MemberReport } from '../../raft/node/member.ts';
import type { Outcome } from '../../raft/node/pending-proposals.ts';
import type { Peer } from '../../raft/transport/transport.ts';
import { CatalogMachine } from '../catalog-machine.ts';
import type { Problem, Report, Request, ThreadOptions, ThreadTls } from './protocol.ts';

const stopMs = 5000;

type Waiting =
  | { readonly kind: 'outcome'; readonly resolve: (outcome: Outcome) => void }
  | { readonly kind: 'readDone'; readonly resolve: (applied: Index | undefined) => void }
  | { readonly kind: 'reportDone'; readonly resolve: (report: MemberReport | undefined) => void }
  | { readonly kind: 'snapshotDone'; readonly resolve: (index: Index | undefined) => void };

export interface RaftThreadOptions {
  readonly thread: ThreadOptions;
  readonly log: Logger;
  /** Called once when the member has stopped by itself: its disk failed, or a rule was broken. */
  readonly onFailure: (error: ApiError) => void;
}

const failureOf = (error: unknown): Problem => ({
  code: 'member_failed',
  message: error instanceof Error ? error.message : String(error),
});

/**
 * A member of the group in a thread of its own, so that nothing that this process does keeps heartbeats waiting, and a
 * replica of the catalogue in this thread, which follows it entry by entry.
 */
export class RaftThread {
  readonly catalog = new CatalogMachine();
  readonly #options: RaftThreadOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #roleListeners = new Set<(state: SoftState) => void>();
  #worker: Worker | undefined;
  readonly #started = Promise.withResolvers<number | undefined>();
  readonly #stopped = Promise.withResolvers<undefined>();
  #role: SoftState = { role: 'follower', lead: nobody };
  #lastId = 0;
  #over = false;

  constructor(options: RaftThreadOptions) {
    this.#options = options;
  }

  /**
   * @returns the port it listens on; undefined when it is alone
   * @throws ApiError state_corrupt, port_in_use, disk_full
   */
  async start(): Promise<number | undefined> {
    const worker = new Worker(new URL('./raft-worker.ts', import.meta.url), {
      workerData: this.#options.thread,
      execArgv: [],
      name: 'raft',
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMB },
    });
    this.#worker = worker;
    worker.on('message', (report: Report) => this.#take(report));
    worker.once('error', (error: unknown) => this.#end(failureOf(error)));
    worker.once('exit', (code) => {
      this.#stopped.resolve(undefined);
      this.#end({ code: 'member_failed', message: `The thread of the catalogue ended with code ${code}.` });
    });
    return this.#started.promise;
  }

  /** Who leads, as far as this member knows. */
  get role(): SoftState {
    return this.#role;
  }

  onRole(listener: (state: SoftState) => void): () => void {
    this.#roleListeners.add(listener);
    return () => this.#roleListeners.delete(listener);
  }

  propose(payload: Uint8Array): Promise<Outcome> {
    return new Promise((resolve) => {
      const sent = this.#ask({ kind: 'outcome', resolve }, (id) => ({ kind: 'propose', id, payload }));
      if (!sent) resolve({ kind: 'refused', reason: 'stopped' });
    });
  }

  /** @returns the index up to which the replica now holds all that was agreed on before; undefined when that is not known */
  read(): Promise<Index | undefined> {
    return new Promise((resolve) => {
      const sent = this.#ask({ kind: 'readDone', resolve }, (id) => ({ kind: 'read', id }));
      if (!sent) resolve(undefined);
    });
  }

  /** @returns undefined once it has stopped */
  report(): Promise<MemberReport | undefined> {
    return new Promise((resolve) => {
      const sent = this.#ask({ kind: 'reportDone', resolve }, (id) => ({ kind: 'report', id }));
      if (!sent) resolve(undefined);
    });
  }

  /** @returns index of a snapshot that holds all that was applied before; undefined when it could not be written */
  snapshot(): Promise<Index | undefined> {
    return new Promise((resolve) => {
      const sent = this.#ask({ kind: 'snapshotDone', resolve }, (id) => ({ kind: 'snapshot', id }));
      if (!sent) resolve(undefined);
    });
  }

  /** Members as they are known by another way than the log, which may not tell of them yet, or of where they are now. */
  setPeers(peers: readonly Peer[]): void {
    this.#send({ kind: 'peers', peers });
  }

  transferLeader(to: NodeId): void {
    this.#send({ kind: 'transfer', to });
  }

  renew(tls: ThreadTls): void {
    this.#send({ kind: 'renew', tls });
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#over = true;
    this.#settleAll();
    this.#send({ kind: 'stop' });
    const late = setTimeout(() => void worker.terminate(), stopMs);
    await this.#stopped.promise;
    clearTimeout(late);
  }

  #send(request: Request): void {
    this.#worker?.postMessage(request);
  }

  #ask(waiting: Waiting, request: (id: number) => Request): boolean {
    if (this.#over || this.#worker === undefined) return false;
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, waiting);
    this.#send(request(this.#lastId));
    return true;
  }

  #take(report: Report): void {
    switch (report.kind) {
      case 'started':
        this.#started.resolve(report.port);
        return;
      case 'applied':
        this.catalog.apply(report.index, report.payload);
        return;
      case 'members':
        this.catalog.membersChanged(report.index, report.config);
        return;
      case 'restored':
        this.catalog.restore(report.index, report.config, report.snapshot);
        return;
      case 'role':
        this.#role = report.state;
        for (const listener of this.#roleListeners) listener(report.state);
        return;
      case 'log':
        this.#options.log[report.level](report.message, report.fields);
        return;
      case 'failed':
        this.#end(report.problem);
        return;
      case 'stopped':
        return;
      default:
        this.#answer(report);
    }
  }

  #answer(report: Extract<Report, { readonly id: number }>): void {
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    if (report.kind === 'outcome' && waiting?.kind === 'outcome') waiting.resolve(report.outcome);
    else if (report.kind === 'readDone' && waiting?.kind === 'readDone') waiting.resolve(report.applied);
    else if (report.kind === 'reportDone' && waiting?.kind === 'reportDone') waiting.resolve(report.report);
    else if (report.kind === 'snapshotDone' && waiting?.kind === 'snapshotDone')
      waiting.resolve(report.index);
  }

  #end({ code, message }: Problem): void {
    if (this.#over) return;
    this.#over = true;
    const error = new ApiError(code, message);
    this.#started.reject(error);
    // Where the start has succeeded nobody waits for it any more.
    this.#started.promise.catch(() => undefined);
    this.#settleAll();
    this.#options.onFailure(error);
  }

  #settleAll(): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) {
      if (waiting.kind === 'outcome') waiting.resolve({ kind: 'unknown' });
      else waiting.resolve(undefined);
    }
  }
}
