import type { Message } from '../core/message.ts';
import type { Status } from '../core/status.ts';
import type { Index, NodeId, SoftState } from '../core/types.ts';
import type { SnapshotMessage } from '../codec/snapshot-codec.ts';
import type { Peer, Transport } from '../transport/transport.ts';
import { nextStep, type MemberHealth, type Step } from './autopilot.ts';
import { Driver } from './driver.ts';
import type { MemberSettings } from './member-settings.ts';
import type { Outcome } from './pending-proposals.ts';
import type { OutgoingSnapshot, SnapshotShelf } from './snapshot-shelf.ts';
import type { DurableLog, StateMachine } from './state-machine.ts';

export interface MemberOptions {
  readonly id: NodeId;
  readonly settings: MemberSettings;
  readonly log: DurableLog;
  readonly snapshots: SnapshotShelf;
  readonly machine: StateMachine;
  readonly transport: Transport;
  /** All that are to be members, as the state machine has it now. */
  readonly peers: () => readonly Peer[];
  /** Called once; the member has stopped. */
  readonly onFailure: (error: unknown) => void;
  readonly onRole: (state: SoftState) => void;
  /** A step was begun, or could not be. */
  readonly onStep: (step: Step) => void;
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

  status(): Status {
    return this.#driver.status();
  }

  propose(payload: Uint8Array, done: (outcome: Outcome) => void): void {
    this.#driver.propose(payload, done);
  }

  read(done: (applied: Index | undefined) => void): void {
    this.#driver.read(done);
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
    const { settings, peers, id } = this.#options;
    const status = this.#driver.status();
    if (status.role !== 'leader' || status.transferee !== 0) {
      this.#silentTicks.clear();
      return;
    }
    const health = this.#healthOf(status);
    const wanted = peers()
      .map(({ node }) => node)
      .sort((a, b) => a - b);
    // Nobody is known yet: the first command of a new cluster is on its way.
    if (wanted.length === 0) return;
    const { config, lastIndex } = status;
    const step = nextStep({ self: id, lastIndex, config, wanted, health }, settings.autopilot);
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

  #healthOf({ id: self, progress }: Status): ReadonlyMap<NodeId, MemberHealth> {
    const health = new Map<NodeId, MemberHealth>();
    for (const [id, { match, recentActive, state }] of progress) {
      const before = this.#silentTicks.get(id) ?? 0;
      const silentTicks = recentActive || id === self ? 0 : before + this.#options.settings.autopilotEvery;
      this.#silentTicks.set(id, silentTicks);
      health.set(id, { match, silentTicks, replicating: id === self || state === 'replicate' });
    }
    return health;
  }
}
