import type { ConfigChange } from '../core/config-change/change.ts';
import { ConfigChangeError } from '../core/config-change/changer.ts';
import { decodeConfigChange } from '../core/config-change/codec.ts';
import type { RaftConfig } from '../core/config.ts';
import type { Message } from '../core/message.ts';
import { RawNode, type ProposeResult } from '../core/raw-node.ts';
import type { AppendWork, ApplyWork } from '../core/ready.ts';
import type { Status } from '../core/status.ts';
import { nobody, type Entry, type Index, type NodeId, type SoftState } from '../core/types.ts';
import { CommitNotices } from './commit-notices.ts';
import { DiskWatch } from './disk-watch.ts';
import type { DriverLimits } from './driver-limits.ts';
import { PendingProposals, type Done } from './pending-proposals.ts';
import { PendingReads } from './pending-reads.ts';
import { unwrapRequest, wrapRequest } from './request-id.ts';
import type { DurableLog, SnapshotFiles, StateMachine } from './state-machine.ts';

export interface DriverOptions {
  readonly raft: Omit<RaftConfig, 'applied'>;
  readonly log: DurableLog;
  readonly snapshots: SnapshotFiles;
  readonly machine: StateMachine;
  /** May lose and delay messages; never waits. */
  readonly send: (messages: readonly Message[]) => void;
  /** Brings a snapshot to a member by a way of its own. @param done whether it arrived */
  readonly sendSnapshot: (message: Message, done: (delivered: boolean) => void) => void;
  /** Has a turn run soon, after what has already come in was read. */
  readonly defer: (turn: () => void) => void;
  /** A rule of the algorithm is broken, or the machine failed: this member has stopped. */
  readonly onFailure: (error: unknown) => void;
  readonly onRole?: (state: SoftState) => void;
  readonly limits: DriverLimits;
}

/** So many ticks proposals that were handed to another leader wait after a new one is known. */
const graceTicks = 4;

/** Well below what one message may hold: what is in a log must fit into an append. */
const maxProposalBytes = 8 * 1024 * 1024;

/**
 * Runs a RawNode: collects what comes in, and once per turn hands all of it to the core, then what the core asks for to
 * disk, machine and network. No clock, socket or file of its own: the real environment and the simulated one run the
 * same code.
 */
export class Driver {
  readonly #options: DriverOptions;
  readonly #node: RawNode;
  readonly #proposals: PendingProposals;
  readonly #reads: PendingReads;
  readonly #notices = new CommitNotices();
  readonly #disk: DiskWatch;
  #inbox: Message[] = [];
  #proposed: Uint8Array[] = [];
  #ticksDue = 0;
  #now = 0;
  #turnDue = false;
  #stopped = false;
  #snapshotUnderWay = false;
  /** They wait for a snapshot that holds all that was applied when they asked. */
  #wantSnapshot: ((index: Index | undefined) => void)[] = [];
  /** Of the newest snapshot that the log was told of: an own one that is saved late must not follow it. */
  #newestSnapshot: Index = 0;
  #sinceSnapshot = { entries: 0, bytes: 0 };

  /** Takes the machine's state from the newest snapshot. @throws when that cannot be read */
  constructor(options: DriverOptions) {
    this.#options = options;
    const { raft, limits, log, machine, snapshots } = options;
    const newest = log.snapshot();
    if (newest !== undefined) {
      machine.restore(newest.index, newest.config, snapshots.read(newest.index));
      // A process that ended before it could do so has left them.
      snapshots.dropOlder(newest.index);
    }
    this.#newestSnapshot = newest?.index ?? 0;
    this.#node = new RawNode({ ...raft, applied: newest?.index ?? 0 }, log);
    const nonce = raft.random(2 ** 32);
    this.#proposals = new PendingProposals(raft.id, nonce, limits.maxPendingProposals);
    this.#reads = new PendingReads(nonce, limits.readRetryTicks, limits.maxPendingReads);
    this.#disk = new DiskWatch(raft.electionTicks);
  }

  status(): Status {
    return this.#node.status();
  }

  /** Messages that the transport has checked to be of their sender. */
  receive(messages: readonly Message[]): void {
    const room = this.#options.limits.maxInbox - this.#inbox.length;
    for (const one of room >= messages.length ? messages : messages.slice(0, Math.max(0, room)))
      this.#inbox.push(one);
    this.#wake();
  }

  /** The clock has ticked. Ticks that come together count as few: a stall of this process is no silence of the leader. */
  tick(): void {
    this.#ticksDue += 1;
    this.#wake();
  }

  /**
   * @param done called once: applied, refused, or nothing is known when its time is over
   * @param tag given to it as well
   */
  propose(payload: Uint8Array, done: Done, tag = 0): void {
    if (this.#stopped) done({ kind: 'refused', reason: 'stopped' }, tag);
    else if (this.#proposals.full) done({ kind: 'refused', reason: 'tooMany' }, tag);
    else if (payload.length > maxProposalBytes) done({ kind: 'refused', reason: 'tooLarge' }, tag);
    else {
      const id = this.#proposals.add(done, this.#now + this.#options.limits.patienceTicks, tag);
      this.#proposed.push(wrapRequest(id, payload));
      this.#wake();
    }
  }

  /**
   * @param done called once: with the applied index, at which the machine then stands, as of a moment after the call;
   * without, when that could not be learned
   */
  read(done: (applied: Index | undefined) => void): void {
    if (this.#stopped || this.#reads.full) done(undefined);
    else {
      this.#reads.add(done, this.#now + this.#options.limits.patienceTicks);
      this.#wake();
    }
  }

  /** @returns whether it is on its way; that it is applied, the status says */
  changeMembers(change: ConfigChange): ProposeResult {
    return this.#do(() => this.#node.proposeConfigChange(change)) ?? { accepted: false, reason: 'noLeader' };
  }

  transferLeader(to: NodeId): void {
    this.#do(() => this.#node.transferLeader(to));
  }

  campaign(): void {
    this.#do(() => this.#node.campaign());
  }

  forgetLeader(): void {
    this.#do(() => this.#node.forgetLeader());
  }

  /** @param done with the index of a snapshot that holds all that is applied now; without, when it could not be written */
  takeSnapshot(done: (index: Index | undefined) => void): void {
    if (this.#stopped) done(undefined);
    else {
      this.#wantSnapshot.push(done);
      this.#wake();
    }
  }

  reportUnreachable(id: NodeId): void {
    this.#do(() => this.#node.reportUnreachable(id));
  }

  /** Takes no part any more; what was proposed here may yet be applied by others. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#inbox = [];
    this.#proposed = [];
    this.#proposals.abandon();
    this.#reads.abandon();
    for (const done of this.#wantSnapshot.splice(0)) done(undefined);
  }

  /** Runs something on the core, which may then have more to hand out. */
  #do<T>(work: () => T): T | undefined {
    const result = this.#guard(work);
    this.#wake();
    return result;
  }

  /** Whatever breaks in there breaks this member: it stops. */
  #guard<T>(work: () => T): T | undefined {
    if (this.#stopped) return undefined;
    try {
      return work();
    } catch (error) {
      this.stop();
      this.#options.onFailure(error);
      return undefined;
    }
  }

  #wake(): void {
    if (this.#turnDue || this.#stopped) return;
    this.#turnDue = true;
    this.#options.defer(() => {
      this.#turnDue = false;
      this.#guard(() => {
        this.#turn();
      });
    });
  }

  #turn(): void {
    const node = this.#node;
    const { raft, limits } = this.#options;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const one of inbox) node.step(one);
    this.#proposeAll();
    // After the messages: what a stall has kept waiting may be heartbeats. And never so many that they alone elect.
    const ticks = Math.min(this.#ticksDue, Math.max(1, Math.floor(raft.electionTicks / 2)));
    this.#ticksDue = 0;
    for (let tick = 0; tick < ticks; tick += 1) {
      this.#now += 1;
      this.#tickNode();
    }
    if (this.#stopped) return;
    if (ticks > 0) {
      this.#proposals.expire(this.#now);
      this.#reads.tick(this.#now);
    }
    const question = this.#reads.nextQuestion(this.#now);
    if (question !== undefined) node.readIndex(question);
    while (node.hasReady()) this.#handOut();
    if (ticks > 0) this.#send(this.#notices.release());
    this.#reads.serve(node.applied);
    this.#maybeSnapshot(limits);
  }

  /**
   * A member whose disk does not answer promises nothing, but could lead all the same, and no client would get an
   * answer: it hands in its lead, and does not stand for election until the disk is back. It goes on answering
   * heartbeats.
   */
  #tickNode(): void {
    const disk = this.#disk.look(this.#now);
    if (disk === 'well') this.#node.tick();
    else this.#node.stepDown();
    const { log } = this.#options;
    if (disk !== 'hung' || log.giveUp === undefined || this.#stopped) return;
    this.stop();
    log.giveUp();
  }

  /** All at once: one append to each member, one sync on each disk. */
  #proposeAll(): void {
    if (this.#proposed.length === 0) return;
    const batch = this.#proposed;
    this.#proposed = [];
    const result = this.#node.propose(batch);
    if (result.accepted) return;
    const { reason } = result;
    for (const bytes of batch) {
      const request = unwrapRequest(bytes);
      if (request !== undefined) this.#proposals.settle(request.id, () => ({ kind: 'refused', reason }));
    }
  }

  #handOut(): void {
    const { softState, messages, append, apply, readStates } = this.#node.ready();
    if (softState !== undefined) {
      this.#send(this.#notices.release());
      this.#notices.clear();
      // What the one before has taken is applied by now, or nobody can tell.
      if (softState.lead !== nobody) this.#proposals.hurry(this.#now + graceTicks);
      this.#options.onRole?.(softState);
    }
    const leaving = this.#notices.pass(messages);
    // Entries travel while they are written here. What else there is to say waits until who proposed is answered.
    const isReplicating = leaving.some(({ entries }) => entries.length > 0);
    if (isReplicating) this.#send(leaving);
    if (append !== undefined) {
      this.#newestSnapshot = append.snapshot?.index ?? this.#newestSnapshot;
      let isHandingOut = true;
      this.#disk.begin(this.#now);
      this.#options.log.append(append, () => {
        // What need not be durable is done at once, and what it answers leaves within this turn.
        if (isHandingOut) {
          this.#appended(append);
          return;
        }
        this.#guard(() => this.#appended(append));
        // A follower has mostly said all that there is to say.
        if (append.snapshot !== undefined || this.#node.hasReady()) this.#wake();
      });
      isHandingOut = false;
    }
    for (const state of readStates) this.#reads.confirm(state);
    const waiting = apply === undefined ? [] : this.#apply(apply);
    this.#send([...(isReplicating ? [] : leaving), ...this.#notices.release(waiting)]);
  }

  #send(messages: readonly Message[]): void {
    const plain = messages.filter(({ type }) => type !== 'snapshot');
    if (plain.length > 0) this.#options.send(plain);
    for (const one of messages)
      if (one.type === 'snapshot')
        this.#options.sendSnapshot(one, (delivered) => {
          this.#do(() => this.#node.reportSnapshot(one.to, delivered));
        });
  }

  #appended(work: AppendWork): void {
    this.#disk.end();
    const { machine, snapshots } = this.#options;
    if (work.snapshot !== undefined) {
      const { index, config } = work.snapshot;
      machine.restore(index, config, snapshots.read(index));
      snapshots.dropOlder(index);
      this.#sinceSnapshot = { entries: 0, bytes: 0 };
    }
    this.#node.appendDone(work);
    this.#send(work.messages);
  }

  /** @returns the members that wait for it to be applied with them; undefined: all */
  #apply(work: ApplyWork): Iterable<NodeId> | undefined {
    const proposers = new Set<NodeId>();
    let isForAll = false;
    for (const entry of work.entries) {
      this.#sinceSnapshot.entries += 1;
      this.#sinceSnapshot.bytes += entry.data.length;
      if (entry.type === 'config') {
        isForAll = true;
        this.#applyConfig(entry);
      } else {
        const proposer = this.#applyNormal(entry);
        if (proposer !== undefined) proposers.add(proposer);
      }
    }
    this.#node.applyDone(work);
    return isForAll ? undefined : proposers;
  }

  #applyConfig(entry: Entry): void {
    const change = decodeConfigChange(entry.data);
    try {
      const config = this.#node.applyConfigChange(change, entry.index);
      if (config !== undefined) this.#options.machine.membersChanged(entry.index, config, change.context);
    } catch (error) {
      // Every member refuses it alike: it was proposed by a leader that did not know better.
      if (!(error instanceof ConfigChangeError)) throw error;
    }
  }

  /** @returns the member that proposed it */
  #applyNormal({ index, data }: Entry): NodeId | undefined {
    const request = unwrapRequest(data);
    if (request === undefined) return undefined;
    const result = this.#options.machine.apply(index, request.payload);
    this.#proposals.settle(request.id, () => ({ kind: 'applied', index, result }));
    return request.id.node;
  }

  #maybeSnapshot({ snapshotBytes, snapshotEntries, keepEntries }: DriverLimits): void {
    const { entries, bytes } = this.#sinceSnapshot;
    // While another one's snapshot is on its way in, members and state are not of one index.
    if (this.#snapshotUnderWay || this.#node.hasPendingSnapshot) return;
    const isWanted = this.#wantSnapshot.length > 0;
    if (!isWanted && entries < snapshotEntries && bytes < snapshotBytes) return;
    const { log, machine, snapshots } = this.#options;
    const { applied, config } = this.#node;
    const wanted = this.#wantSnapshot.splice(0);
    const tell = (index: Index | undefined): void => {
      for (const done of wanted) done(index);
    };
    const term = log.term(applied);
    if (term === undefined || applied <= this.#newestSnapshot) {
      // Nothing was applied since the newest one.
      tell(this.#newestSnapshot === 0 ? undefined : this.#newestSnapshot);
      return;
    }
    this.#snapshotUnderWay = true;
    this.#sinceSnapshot = { entries: 0, bytes: 0 };
    const snapshot = { index: applied, term, config, data: new Uint8Array() };
    snapshots.save(snapshot, machine.snapshot(), (error) => {
      this.#do(() => {
        this.#snapshotUnderWay = false;
        // The log grows on meanwhile; the next one may find room.
        if (error !== undefined || applied <= this.#newestSnapshot) {
          tell(error === undefined ? this.#newestSnapshot : undefined);
          return;
        }
        this.#newestSnapshot = applied;
        log.recordSnapshot(snapshot, () => {
          snapshots.dropOlder(applied);
          tell(applied);
          const upTo = applied - keepEntries;
          if (upTo >= log.firstIndex()) log.compact(upTo, () => undefined);
        });
      });
    });
  }
}
