import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '@ollamamax/api';
import { acquireFileLock, sleep, type FileLock, type Logger, type TlsMaterial } from '@ollamamax/common';
import { nobody, type ConfState, type SoftState } from '../raft/core/types.ts';
import { readIdentityFile, writeIdentityFile, type MemberIdentity } from '../raft/node/identity-file.ts';
import type { MemberReport } from '../raft/node/member.ts';
import { defaultMemberSettings, type MemberSettings } from '../raft/node/member-settings.ts';
import type { Peer } from '../raft/transport/transport.ts';
import type { CatalogChange } from './catalog-machine.ts';
import { emptyCatalog, type CatalogState } from './state/catalog-state.ts';
import type { ThreadTls } from './thread/protocol.ts';
import { RaftThread } from './thread/raft-thread.ts';

/** How a member reaches the others. */
export interface MemberNetwork {
  readonly host: string;
  readonly port: number;
  /** Where others reach it, as host:port. */
  readonly advertise: string;
  /** As it is now: it may be renewed. */
  readonly tls: () => TlsMaterial;
}

export interface HostedMemberOptions {
  /** Folder of the member's own. */
  readonly directory: string;
  readonly agent: string;
  /** Name of the cluster in certificates. */
  readonly cluster: string;
  /** Left out for an agent that is and stays alone. */
  readonly network: MemberNetwork | undefined;
  readonly log: Logger;
  readonly settings?: MemberSettings;
}

/** Between two looks at the thread. */
const reportMs = 500;
const catchUpMs = 20_000;
const idle: SoftState = { role: 'follower', lead: nobody };

const textOf = ({ ca, cert, key }: TlsMaterial): ThreadTls => ({
  ca: String(ca),
  cert: String(cert),
  key: String(key),
});

/** This agent's member, if it has one: its disk, its thread and what is known of it. */
export class HostedMember {
  readonly #options: HostedMemberOptions;
  readonly #listeners = new Set<(change: CatalogChange | undefined) => void>();
  #lock: FileLock | undefined;
  #identity: MemberIdentity | undefined;
  #thread: RaftThread | undefined;
  /** What was agreed on last, also when the member is gone. */
  #state: CatalogState = emptyCatalog;
  #report: MemberReport | undefined;
  #failure: ApiError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #port: number | undefined;

  constructor(options: HostedMemberOptions) {
    this.#options = options;
  }

  get identity(): MemberIdentity | undefined {
    return this.#identity;
  }

  /** Where others reach it; undefined for one that is and stays alone. */
  get address(): string | undefined {
    const advertise = this.#options.network?.advertise;
    // A port that the system picked is known once the thread listens.
    return this.#port === undefined ? advertise : advertise?.replace(/:0$/, `:${this.#port}`);
  }

  /** Undefined while there is no member, and after it failed. */
  get thread(): RaftThread | undefined {
    return this.#failure === undefined ? this.#thread : undefined;
  }

  /** @throws ApiError not_a_member, or why the member has failed */
  running(): RaftThread {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#thread === undefined) throw new ApiError('not_a_member');
    return this.#thread;
  }

  get state(): CatalogState {
    return this.#state;
  }

  get config(): ConfState | undefined {
    // The log says nothing of it before it has changed once.
    return this.#thread?.catalog.config ?? this.#report?.status.config;
  }

  get role(): SoftState {
    return this.thread?.role ?? idle;
  }

  /** At most half a second old. */
  get report(): MemberReport | undefined {
    return this.#report;
  }

  get failure(): ApiError | undefined {
    return this.#failure;
  }

  /** @param listener called after each change of the catalogue, and without one when something else is different */
  watch(listener: (change: CatalogChange | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes the folder, and the member that is in it up again.
   * @throws ApiError state_corrupt, member_disk, port_in_use
   */
  async open(): Promise<void> {
    const { directory, agent } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const lock = await acquireFileLock(join(directory, 'lock'));
    if ('heldBy' in lock)
      throw new ApiError(
        'state_corrupt',
        `${directory} is in use by process ${lock.heldBy.pid}: two agents cannot share one data directory.`,
      );
    this.#lock = lock;
    const identity = await readIdentityFile(directory, agent);
    if (identity === undefined) return;
    await this.#run(identity, []);
    await this.#untilCaughtUp();
  }

  /**
   * Begins a member on this disk.
   * @param peers members to be reached before the log tells of any
   * @throws ApiError member_disk, port_in_use
   */
  async begin(
    member: Pick<MemberIdentity, 'clusterId' | 'memberId' | 'incarnation'>,
    peers: readonly Peer[],
  ): Promise<void> {
    const { directory, agent } = this.#options;
    const identity: MemberIdentity = { ...member, agent, setUp: false };
    await writeIdentityFile(directory, identity);
    await this.#run(identity, peers);
  }

  /** Ends the member for good and frees its disk. What was agreed on last stays known until the process ends. */
  async discard(): Promise<void> {
    await this.#halt();
    const { directory } = this.#options;
    // First who it was: without that nothing of the rest counts.
    for (const name of ['identity.json', 'wal', 'snapshots'])
      await rm(join(directory, name), { recursive: true, force: true });
    this.#identity = undefined;
    this.#tell(undefined);
  }

  async close(): Promise<void> {
    await this.#halt();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** New connections use these certificates. */
  renew(material: TlsMaterial): void {
    this.thread?.renew(textOf(material));
  }

  /** Looks at the thread now rather than in a while. */
  async refresh(): Promise<void> {
    const report = await this.thread?.report();
    if (report === undefined) return;
    this.#report = report;
    this.#tell(undefined);
  }

  async #run(identity: MemberIdentity, peers: readonly Peer[]): Promise<void> {
    const { directory, cluster, network, log, settings = defaultMemberSettings } = this.#options;
    const thread = new RaftThread({
      thread: {
        directory,
        identity,
        create: !identity.setUp,
        cluster,
        ...(network === undefined
          ? {}
          : {
              network: {
                host: network.host,
                port: network.port,
                advertise: network.advertise,
                tls: textOf(network.tls()),
              },
            }),
        peers,
        settings,
      },
      log,
      onFailure: (error) => this.#failed(thread, error),
    });
    this.#failure = undefined;
    this.#thread = thread;
    thread.catalog.watch((change) => {
      this.#state = change.state;
      this.#tell(change);
    });
    thread.onRole(() => {
      this.#tell(undefined);
      void this.refresh();
    });
    try {
      this.#port = await thread.start();
    } catch (error) {
      this.#thread = undefined;
      throw error;
    }
    this.#identity = { ...identity, setUp: true };
    await this.refresh();
    this.#timer = setInterval(() => void this.refresh(), reportMs);
  }

  /** What this disk knows to be agreed is applied again before anybody asks. */
  async #untilCaughtUp(): Promise<void> {
    const deadline = performance.now() + catchUpMs;
    while (performance.now() < deadline) {
      await this.refresh();
      const status = this.#report?.status;
      if (this.thread === undefined || status === undefined || status.applied >= status.commit) return;
      await sleep(20);
    }
  }

  #failed(thread: RaftThread, error: ApiError): void {
    if (thread !== this.#thread) return;
    clearInterval(this.#timer);
    this.#failure = error;
    this.#options.log.error('The member has stopped; what was agreed on until now is still served.', {
      error,
    });
    this.#tell(undefined);
  }

  async #halt(): Promise<void> {
    clearInterval(this.#timer);
    const thread = this.#thread;
    this.#thread = undefined;
    this.#report = undefined;
    await thread?.stop();
  }

  #tell(change: CatalogChange | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#options.log.error('A listener to catalogue changes failed.', { error });
      }
    }
  }
}
