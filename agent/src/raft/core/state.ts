import { assert, assertSafe } from './assert.ts';
import { membersOf } from './config-change/changer.ts';
import { checkConfig, type RaftConfig } from './config.ts';
import type { LogStorage } from './log-storage.ts';
import { RaftLog } from './log.ts';
import { message, termless, type Message, type MessageType } from './message.ts';
import { ReadQueue } from './read-queue.ts';
import { Tracker } from './tracker/tracker.ts';
import type { Progress } from './tracker/progress.ts';
import {
  nobody,
  type ConfState,
  type HardState,
  type Index,
  type NodeId,
  type ReadState,
  type Role,
  type SoftState,
  type Term,
} from './types.ts';

type Outgoing = Partial<Omit<Message, 'type' | 'to' | 'from'>>;

/** Answers that promise something: they may leave only when what they promise is on disk. */
const promises: ReadonlySet<MessageType> = new Set(['appendResp', 'voteResp', 'preVoteResp']);

/** What a member is and knows, with the moves between roles. What each role does is in the files named for them. */
export class RaftState {
  readonly id: NodeId;
  readonly settings: RaftConfig;
  readonly log: RaftLog;
  readonly tracker: Tracker;

  term: Term = 0;
  vote: NodeId = nobody;
  lead: NodeId = nobody;
  role: Role = 'follower';

  /** Ticks since an election could last have been due, or since a leader last checked its quorum. */
  /** Ticks of this member as a leader, over all its terms. */
  leaderTicks = 0;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;

  /** Whom the leader is handing over to. */
  transferee: NodeId = nobody;
  /**
   * A change of the members may be proposed only once this is applied: there may be one in the log up to there. A new
   * leader takes its whole log for one, since it cannot know what is in its tail.
   */
  pendingConfigIndex: Index = 0;
  /** The members are those as of this entry, or of a later one that changed none. */
  configIndex: Index = 0;
  /** Bytes of proposals in this leader's log that are not applied yet. */
  uncommittedBytes = 0;
  reads = new ReadQueue();
  /** Reads that wait until this leader has committed an entry of its own term. */
  earlyReads: { readonly from: NodeId; readonly token: number }[] = [];

  /** May leave at once. */
  messages: Message[] = [];
  /** May leave, or come back to this member, once all that was handed to the disk is durable. */
  messagesAfterSync: Message[] = [];
  readStates: ReadState[] = [];

  constructor(settings: RaftConfig, storage: LogStorage) {
    checkConfig(settings);
    this.settings = settings;
    this.id = settings.id;
    this.tracker = new Tracker(settings);
    this.log = new RaftLog(storage, settings.maxApplyBytes);
    const { hardState, config } = storage.initialState();
    this.setConfig(config);
    assertSafe(hardState.term, 'the term');
    // Lower than the log's own start is possible: it moves without a sync, and what was compacted is committed.
    assert(
      hardState.commit <= this.log.lastIndex(),
      'commit % is behind the last entry %',
      hardState.commit,
      this.log.lastIndex(),
    );
    this.term = hardState.term;
    this.vote = hardState.vote;
    // What was applied is committed, also when that was not synced before the crash.
    this.log.commitTo(Math.max(hardState.commit, settings.applied));
    if (settings.applied > 0) this.log.appliedTo(settings.applied, 0);
    this.configIndex = this.log.applied;
    this.becomeFollower(this.term, nobody);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, role: this.role };
  }

  get ownProgress(): Progress | undefined {
    return this.tracker.progress.get(this.id);
  }

  /** A learner waits to be promoted, and who was removed has no say; a snapshot on its way may say which it is. */
  get promotable(): boolean {
    const own = this.ownProgress;
    return own !== undefined && !own.learner && !this.log.hasPendingSnapshot;
  }

  /**
   * Takes members over; what is known of those that stay is kept.
   * @param removed those that went on the way, also when they are back: nothing is known of them any more
   */
  setConfig(config: ConfState, removed: readonly NodeId[] = []): void {
    const { tracker } = this;
    const next = Math.max(this.log.lastIndex(), 1);
    const learners = new Set(config.learners);
    const progress = new Map<NodeId, Progress>();
    for (const id of membersOf(config)) {
      const learner = learners.has(id);
      let known = removed.includes(id) ? undefined : tracker.progress.get(id);
      if (known === undefined) {
        known = tracker.newProgress(next, learner);
        // Or a check of the quorum before it has had a chance to answer would count it as lost.
        known.recentActive = true;
      }
      known.learner = learner;
      progress.set(id, known);
    }
    tracker.config = config;
    tracker.progress = progress;
  }

  /** Queues a message of this term. */
  send(type: MessageType, to: NodeId, fields: Outgoing = {}): void {
    const term = termless.has(type) ? 0 : (fields.term ?? this.term);
    const outgoing = message(type, to, { ...fields, from: this.id, term });
    if (promises.has(type)) this.messagesAfterSync.push(outgoing);
    else {
      assert(to !== this.id, 'a message of type % to itself', type);
      this.messages.push(outgoing);
    }
  }

  /** Passes a message on to the leader, as it came. */
  forward(original: Message): void {
    const term = termless.has(original.type) ? 0 : this.term;
    this.messages.push({ ...original, to: this.lead, term });
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#reset(term);
    this.lead = lead;
    this.role = 'follower';
  }

  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader cannot become a pre-candidate');
    // Neither term nor vote change: nobody is asked to elect, and the timer goes on.
    this.tracker.resetVotes();
    this.lead = nobody;
    this.role = 'preCandidate';
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader cannot become a candidate');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = 'candidate';
  }

  /** The role only: its first entry is the leader's own business. */
  becomeLeader(): void {
    assert(this.role === 'candidate', 'a % cannot become leader', this.role);
    this.#reset(this.term);
    this.lead = this.id;
    this.role = 'leader';
    const own = this.ownProgress;
    assert(own !== undefined, 'a leader must be a member');
    own.becomeReplicate();
    own.recentActive = true;
    this.pendingConfigIndex = this.log.lastIndex();
  }

  abortTransfer(): void {
    this.transferee = nobody;
  }

  drawElectionTimeout(): void {
    const { electionTicks, random } = this.settings;
    this.randomizedElectionTimeout = electionTicks + random(electionTicks);
  }

  #reset(term: Term): void {
    assertSafe(term, 'the term');
    if (term !== this.term) {
      assert(term > this.term, 'the term would fall from % to %', this.term, term);
      this.term = term;
      this.vote = nobody;
    }
    this.lead = nobody;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.abortTransfer();
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    this.tracker.progress = new Map(
      [...this.tracker.progress].map(([id, { learner }]) => {
        const fresh = this.tracker.newProgress(last + 1, learner);
        if (id === this.id) fresh.match = last;
        return [id, fresh];
      }),
    );
    this.pendingConfigIndex = 0;
    this.uncommittedBytes = 0;
    this.reads = new ReadQueue();
    this.earlyReads = [];
  }
}
