import { assert } from './assert.ts';
import { leavesByItself, protocolOf, type ConfigChange } from './config-change/change.ts';
import { enterJoint, leaveJoint, simpleChange } from './config-change/changer.ts';
import { encodeConfigChange } from './config-change/codec.ts';
import type { RaftConfig } from './config.ts';
import { campaign } from './election.ts';
import { propose, reportSnapshot, reportUnreachable, tickLeader, type Refusal } from './leader.ts';
import type { LogStorage } from './log-storage.ts';
import { message, wireTypes, type Message, type MessageType } from './message.ts';
import type { AppendWork, ApplyWork, Ready } from './ready.ts';
import {
  commitAndTell,
  leaveJointByItself,
  releaseProposals,
  releaseReads,
  sendAppend,
} from './replication.ts';
import { RaftState } from './state.ts';
import { statusOf, type Status } from './status.ts';
import { step } from './step.ts';
import {
  entrySize,
  nobody,
  type ConfState,
  type Entry,
  type EntryId,
  type HardState,
  type Index,
  type NodeId,
  type SoftState,
  type Term,
} from './types.ts';

/**
 * What became of a proposal. One that is accepted may still be lost, with the leader: only its being applied is an
 * answer. `forwarded`: it went to the leader, and no more will be heard of it here.
 */
export type ProposeResult =
  | { readonly accepted: true; readonly forwarded: true }
  /** Index of the last of them, and the term: when another term's entry is applied there, they were lost. */
  | { readonly accepted: true; readonly forwarded: false; readonly index: Index; readonly term: Term }
  | { readonly accepted: false; readonly reason: Refusal };

/** What the core learns when a piece of work for the disk is durable. */
interface Pledge {
  readonly term: Term;
  readonly last: EntryId | undefined;
  readonly snapshot: Index | undefined;
  /** This member's own acknowledgements and votes. */
  readonly own: readonly Message[];
}

const answers: ReadonlySet<MessageType> = new Set(['appendResp', 'heartbeatResp', 'voteResp', 'preVoteResp']);

const sameHardState = (a: HardState, b: HardState): boolean =>
  a.term === b.term && a.vote === b.vote && a.commit === b.commit;

/**
 * One member as a pure state machine, after Ongaro and Ousterhout's paper and in the manner of etcd's raft. It is told
 * what happens, ticks of a clock, messages, proposals, work that is done, and says in `Ready` what is to be done. It
 * never waits: disk and application are given work and report later, in order.
 * @throws RaftInvariantError from any method when a rule of the algorithm is broken; the member must then stop
 */
export class RawNode {
  readonly id: NodeId;
  readonly #state: RaftState;
  #hardState: HardState;
  #softState: SoftState;
  readonly #pledges = new Map<number, Pledge>();
  #lastToken = 0;

  constructor(config: RaftConfig, storage: LogStorage) {
    this.id = config.id;
    this.#state = new RaftState(config, storage);
    this.#hardState = this.#state.hardState();
    this.#softState = this.#state.softState();
  }

  /** One tick of the driver's clock, after the messages that came meanwhile. */
  tick(): void {
    const state = this.#state;
    if (state.role === 'leader') {
      tickLeader(state);
      return;
    }
    state.electionElapsed += 1;
    if (state.promotable && state.electionElapsed >= state.randomizedElectionTimeout) {
      state.electionElapsed = 0;
      this.campaign();
    }
  }

  /** A message of another member; whether it really is from there, the transport has made sure. */
  step(received: Message): void {
    const { type, from, to } = received;
    if (!(type in wireTypes) || to !== this.id) return;
    // Only what followers pass on may come back to where it began.
    if (from === this.id && type !== 'propose' && type !== 'readIndex') return;
    // Who was removed may not know it, and its answers must not depose anybody.
    if (answers.has(type) && !this.#state.tracker.progress.has(from)) return;
    step(this.#state, received);
  }

  /** @param data one entry each */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return this.#propose(data.map((bytes) => ({ index: 0, term: 0, type: 'normal', data: bytes })));
  }

  proposeConfigChange(change: ConfigChange): ProposeResult {
    return this.#propose([{ index: 0, term: 0, type: 'config', data: encodeConfigChange(change) }]);
  }

  #propose(entries: readonly Entry[]): ProposeResult {
    const state = this.#state;
    assert(entries.length > 0, 'nothing is proposed');
    if (state.role === 'leader') {
      const reason = propose(state, entries);
      if (reason !== undefined) return { accepted: false, reason };
      return { accepted: true, forwarded: false, index: state.log.lastIndex(), term: state.term };
    }
    if (state.role !== 'follower' || state.lead === nobody) return { accepted: false, reason: 'noLeader' };
    state.forward(message('propose', state.lead, { from: this.id, entries }));
    return { accepted: true, forwarded: true };
  }

  /**
   * Takes a committed change over; to be called for each when it is applied, in order.
   * @param index of its entry: one that a snapshot has overtaken changes nothing any more
   * @returns the members from now on; undefined when a snapshot has overtaken it
   * @throws ConfigChangeError for one that is impossible: it was refused by this leader, or by the one that took it
   */
  applyConfigChange(change: ConfigChange, index: Index): ConfState | undefined {
    const state = this.#state;
    const { config } = state.tracker;
    if (index <= state.configIndex) return undefined;
    // Whoever joins without a snapshot or the first members would end up as the only voter of its own cluster.
    assert(config.voters.length > 0, 'members change that this member does not know');
    const protocol = protocolOf(change);
    let next: ConfState;
    if (protocol === 'leaveJoint') next = leaveJoint(config);
    else if (protocol === 'simple') next = simpleChange(config, change.changes);
    else next = enterJoint(config, change.changes, leavesByItself(change));
    const removed = change.changes.flatMap(({ op, node }) => (op === 'remove' ? [node] : []));
    state.setConfig(
      next,
      removed.filter((id) => !next.outgoing.includes(id)),
    );
    state.configIndex = index;
    this.#afterConfigChange();
    return next;
  }

  #afterConfigChange(): void {
    const state = this.#state;
    if (state.role !== 'leader') return;
    const own = state.ownProgress;
    if ((own === undefined || own.learner) && state.settings.stepDownOnRemoval) {
      state.becomeFollower(state.term, nobody);
      return;
    }
    // With other members more may be committed, and who is new need not wait for a heartbeat.
    if (!commitAndTell(state))
      for (const id of state.tracker.progress.keys()) if (id !== this.id) sendAppend(state, id, false);
    // And more reads confirmed: there may be nobody left to answer a heartbeat.
    releaseReads(state);
    if (state.transferee !== nobody && !state.tracker.isVoter(state.transferee)) state.abortTransfer();
  }

  /** Starts an election now, with a pre-vote first when that is on. */
  campaign(): void {
    campaign(this.#state, this.#state.settings.preVote ? 'preElection' : 'election');
  }

  /** Asks the leader to hand over; at a follower it is passed on. */
  transferLeader(to: NodeId): void {
    const { lead, term } = this.#state;
    step(this.#state, message('transferLeader', lead, { from: this.id, term, context: to }));
  }

  /** A follower that knows its leader to be gone need not wait for it to say no to a vote. */
  forgetLeader(): void {
    const state = this.#state;
    if (state.role === 'follower' && state.settings.readOnly !== 'lease') state.lead = nobody;
  }

  /** Answered in `Ready.readStates` with the same token, or never: whoever asks has a deadline. */
  readIndex(token: number): void {
    step(this.#state, message('readIndex', this.#state.lead, { from: this.id, context: token }));
  }

  /** Leads no longer, as when its quorum does not answer: another one is elected once it is silent. */
  stepDown(): void {
    const state = this.#state;
    if (state.role === 'leader') state.becomeFollower(state.term, nobody);
  }

  reportUnreachable(id: NodeId): void {
    if (this.#state.role === 'leader') reportUnreachable(this.#state, id);
  }

  reportSnapshot(id: NodeId, delivered: boolean): void {
    if (this.#state.role === 'leader') reportSnapshot(this.#state, id, delivered);
  }

  hasReady(): boolean {
    const state = this.#state;
    return (
      state.messages.length > 0 ||
      state.messagesAfterSync.length > 0 ||
      state.readStates.length > 0 ||
      state.log.hasNextUnstable ||
      state.log.nextSnapshot() !== undefined ||
      state.log.hasNextCommitted ||
      !sameHardState(this.#hardState, state.hardState()) ||
      this.#changedSoftState() !== undefined
    );
  }

  #changedSoftState(): SoftState | undefined {
    const now = this.#state.softState();
    return now.lead === this.#softState.lead && now.role === this.#softState.role ? undefined : now;
  }

  /** What is to be done; each thing is handed out once. */
  ready(): Ready {
    const state = this.#state;
    const softState = this.#changedSoftState();
    if (softState !== undefined) this.#softState = softState;
    const { messages, readStates } = state;
    state.messages = [];
    state.readStates = [];
    const append = this.#nextAppend();
    const committed = state.log.nextCommitted();
    state.log.acceptCommitted(committed);
    const apply = committed.length > 0 ? { entries: committed } : undefined;
    return { softState, messages, append, apply, readStates };
  }

  #nextAppend(): AppendWork | undefined {
    const state = this.#state;
    const entries = state.log.nextUnstable();
    const snapshot = state.log.nextSnapshot();
    const now = state.hardState();
    const hardState = sameHardState(now, this.#hardState) ? undefined : now;
    const promised = state.messagesAfterSync;
    if (entries.length === 0 && snapshot === undefined && hardState === undefined && promised.length === 0)
      return undefined;
    const voted = now.term !== this.#hardState.term || now.vote !== this.#hardState.vote;
    // Who votes must be known after a crash: with the members of before, some who are gone by then may be missing.
    const decidesMembers = (): boolean => state.log.hasConfig(this.#hardState.commit + 1, now.commit + 1);
    const mustSync = entries.length > 0 || snapshot !== undefined || voted || decidesMembers();
    state.messagesAfterSync = [];
    this.#hardState = now;
    state.log.acceptUnstable();
    const token = (this.#lastToken += 1);
    this.#pledges.set(token, {
      term: state.term,
      last: state.log.lastUnstableId(),
      snapshot: state.log.pendingSnapshotIndex,
      own: promised.filter(({ to }) => to === this.id),
    });
    return {
      entries,
      hardState,
      snapshot,
      mustSync,
      messages: promised.filter(({ to }) => to !== this.id),
      token,
    };
  }

  /** That piece, and every one before it, is durable. Its messages may leave. */
  appendDone({ token }: AppendWork): void {
    const pledge = this.#pledges.get(token);
    assert(pledge !== undefined, 'work for the disk was reported twice, or is not of this member');
    this.#pledges.delete(token);
    const state = this.#state;
    // Of an earlier term: entries may have been replaced by others of the same index and term, then again by these.
    // A later piece, which the new term's hard state always makes, speaks for them.
    if (pledge.last !== undefined && pledge.term === state.term) state.log.stableTo(pledge.last);
    if (pledge.snapshot !== undefined) this.#snapshotDone(pledge.snapshot);
    for (const own of pledge.own) step(state, own);
  }

  #snapshotDone(index: Index): void {
    const { log } = this.#state;
    log.stableSnapshotTo(index);
    // The application takes the snapshot over together with the disk.
    if (index > log.applied) log.appliedTo(index, 0);
  }

  /** Those entries are applied. */
  applyDone({ entries }: ApplyWork): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const state = this.#state;
    const bytes = entries.reduce((sum, entry) => sum + entrySize(entry), 0);
    // A snapshot may have overtaken them.
    state.log.appliedTo(Math.max(last.index, state.log.applied), bytes);
    releaseProposals(state, entries);
    leaveJointByItself(state);
  }

  /** The highest index that the application has applied. */
  get applied(): Index {
    return this.#state.log.applied;
  }

  /** All entries of the log, stored or not; for scenarios and tests. */
  entries(): readonly Entry[] {
    const { log } = this.#state;
    return log.slice(log.firstIndex(), log.lastIndex() + 1, Infinity) ?? [];
  }

  /** Whether a snapshot is on its way to the disk: the members are those of it already. */
  get hasPendingSnapshot(): boolean {
    return this.#state.log.hasPendingSnapshot;
  }

  /** The members as of the last applied change. */
  get config(): ConfState {
    return this.#state.tracker.config;
  }

  /** Sets this member's election timeout until the next one is drawn; for scenarios and tests. */
  setElectionTimeout(ticks: number): void {
    this.#state.randomizedElectionTimeout = ticks;
  }

  status(): Status {
    return statusOf(this.#state);
  }
}
