import type { Message } from '../core/message.ts';
import type { Status } from '../core/status.ts';
import { nobody, type Index, type NodeId, type SoftState } from '../core/types.ts';
import type { SnapshotMessage } from '../codec/snapshot-codec.ts';
import type { WalStats } from '../storage/wal.ts';
import type { TransportCounters } from '../transport/counters.ts';
import type { LinkStatus, Peer, Transport } from '../transport/transport.ts';
import { nextStep, type MemberHealth, type Step } from './autopilot.ts';
import { Driver } from './driver.ts';
import type { MemberSettings } from './member-settings.ts';
import type { Done } from './pending-proposals.ts';
import type { OutgoingSnapshot, SnapshotShelf } from './snapshot-shelf.ts';
import type { DurableLog, StateMachine } from './state-machine.ts';

export interface MemberOptions {
  readonly id: NodeId;
  readonly settings: MemberSettings;
  readonly log: DurableLog;
  readonly snapshots: SnapshotShelf;
  readonly machine: StateMachine;
  readonly transport: Transport;
  /** All that must be reached: those that are to be members, and those that were and may still be needed. */
  readonly peers: () => readonly Peer[];
  /** All that are to be members, as the state machine has it now. */
  readonly wanted: () => readonly NodeId[];
  /** Called once; the member has stopped. */
  readonly onFailure: (error: unknown) => void;
  readonly onRole: (state: SoftState) => void;
  /** A step was begun, or could not be. */
  readonly onStep: (step: Step) => void;
}

/** A member as whoever looks after it sees it. */
export interface MemberReport {
  readonly status: Status;
  /** Of the leader: whom it has heard of lately. */
  readonly alive: readonly NodeId[];
  /** Of the leader: a change of the members is under way, or is the next step. */
  readonly changing: boolean;
  /** Of the leader: why the next step cannot be made now. */
  readonly blocked: string | undefined;
  /** For metrics, like all that follows: the log since it was opened. */
  readonly log?: WalStats | undefined;
  /** Messages, connections and snapshots since the start. */
  readonly transport?: TransportCounters | undefined;
  /** The connection to each other member. */
  readonly links?: readonly LinkStatus[] | undefined;
}

const random = (below: number): number => Math.floor(Math.random() * below);

/** One member on a real clock and network: the driver, its ticks, and what brings the members to be who is wanted. */
export class Member {
  readonly #options: MemberOptions;
  readonly #driver: Driver;
  readonly #silentTicks = new Map<NodeId, number>();
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #blocked = '';

  constructor(options: MemberOptions) {
    this.#options = options;
    const { id, settings, log, snapshots, machine, transport, onRole } = options;
    this.#driver = new Driver({
      raft: { ...settings.raft, id, random },
      limits: settings.driver,
      log,
      snapshots,
      machine,
      send: (messages) => transport.send(messages),
      sendSnapshot: (message, done) => this.#sendSnapshot(message, done),
      defer: (turn) => setImmediate(turn),
      onFailure: (error) => {
        this.#halt();
        options.onFailure(error);
      },
      onRole,
    });
  }

  /** Takes messages and begins to tick. @throws ApiError port_in_use */
  async start(): Promise<void> {
    const { transport, snapshots, settings, id } = this.#options;
    await transport.start({
      onMessages: (_peer, messages) => {
        this.#driver.receive(messages);
        return true;
      },
      onUnreachable: (peer) => this.#driver.reportUnreachable(peer),
      snapshotSink: () => snapshots.sink(),
    });
    this.refreshPeers();
    this.#timer = setInterval(() => this.#tick(), settings.tickMs);
    // There is nobody whose heartbeats it could be waiting for.
    const { voters, outgoing } = this.#driver.status().config;
    if (voters.length === 1 && voters[0] === id && outgoing.length === 0) this.#driver.campaign();
  }

  /** The members that are wanted, or where they are, may be others now. */
  refreshPeers(): void {
    const { transport, peers, id } = this.#options;
    transport.setPeers(peers().filter(({ node }) => node !== id));
  }

  report(): MemberReport {
    const { log, transport } = this.#options;
    const counters = transport.counters;
    return {
      ...this.#reportLead(this.#driver.status()),
      log: log.stats,
      // A copy: they count on.
      transport: counters === undefined ? undefined : { ...counters, refused: { ...counters.refused } },
      links: transport.links?.(),
    };
  }

  #reportLead(status: Status): Pick<MemberReport, 'status' | 'alive' | 'changing' | 'blocked'> {
    if (status.role !== 'leader') return { status, alive: [], changing: false, blocked: undefined };
    const { aliveTicks } = this.#options.settings.autopilot;
    const alive = [...status.progress.keys()].filter(
      (id) => id === status.id || (this.#silentTicks.get(id) ?? 0) < aliveTicks,
    );
    const step = this.#nextStep(status);
    const changing =
      status.config.outgoing.length > 0 ||
      status.transferee !== nobody ||
      (step !== undefined && step.kind !== 'blocked');
    return { status, alive, changing, blocked: step?.kind === 'blocked' ? step.why : undefined };
  }

  propose(payload: Uint8Array, done: Done, tag = 0): void {
    this.#driver.propose(payload, done, tag);
  }

  read(done: (applied: Index | undefined) => void): void {
    this.#driver.read(done);
  }

  takeSnapshot(done: (index: Index | undefined) => void): void {
    this.#driver.takeSnapshot(done);
  }

  transferLeader(to: NodeId): void {
    this.#driver.transferLeader(to);
  }

  /** Takes no part any more. */
  async stop(): Promise<void> {
    this.#halt();
    this.#driver.stop();
    await this.#options.transport.close();
  }

  #halt(): void {
    clearInterval(this.#timer);
  }

  #sendSnapshot(message: Message, done: (delivered: boolean) => void): void {
    const { snapshots, transport } = this.#options;
    const { snapshot } = message;
    if (snapshot === undefined) return;
    let outgoing: OutgoingSnapshot;
    try {
      outgoing = snapshots.send(snapshot.index);
    } catch {
      // A newer one has taken its place: that is sent with the next try.
      setImmediate(() => done(false));
      return;
    }
    const { size, sha256, read } = outgoing;
    transport.sendSnapshot({ message: message as SnapshotMessage, size, sha256 }, read, (problem) => {
      outgoing.close();
      done(problem === undefined);
    });
  }

  #tick(): void {
    this.#driver.tick();
    this.#ticks += 1;
    if (this.#ticks % this.#options.settings.autopilotEvery === 0) this.#steer();
  }

  /** One step towards the members that are wanted; who leads does it. */
  #steer(): void {
    const status = this.#driver.status();
    if (status.role !== 'leader' || status.transferee !== nobody) {
      this.#silentTicks.clear();
      return;
    }
    this.#listen(status);
    const step = this.#nextStep(status);
    if (step === undefined) {
      this.#blocked = '';
      return;
    }
    if (step.kind === 'blocked') {
      if (step.why === this.#blocked) return;
      this.#blocked = step.why;
    } else if (step.kind === 'transfer') this.#driver.transferLeader(step.to);
    else if (!this.#driver.changeMembers(step.change).accepted) return;
    this.#options.onStep(step);
  }

  /** Counts since when each member has been silent. */
  #listen({ id: self, progress }: Status): void {
    const { autopilotEvery } = this.#options.settings;
    for (const [id, { recentActive }] of progress) {
      const before = this.#silentTicks.get(id) ?? 0;
      this.#silentTicks.set(id, recentActive || id === self ? 0 : before + autopilotEvery);
    }
  }

  #nextStep(status: Status): Step | undefined {
    const { settings } = this.#options;
    const wanted = [...this.#options.wanted()].sort((a, b) => a - b);
    // Nobody is known yet: the first command of a new cluster is on its way.
    if (wanted.length === 0) return undefined;
    const { id: self, config, lastIndex } = status;
    const health = this.#healthOf(status);
    return nextStep({ self, lastIndex, config, wanted, health }, settings.autopilot);
  }

  #healthOf({ id: self, progress }: Status): ReadonlyMap<NodeId, MemberHealth> {
    return new Map(
      [...progress].map(([id, { match, state }]): [NodeId, MemberHealth] => [
        id,
        {
          match,
          silentTicks: this.#silentTicks.get(id) ?? 0,
          replicating: id === self || state === 'replicate',
        },
      ]),
    );
  }
}
