import type { Index } from '../types.ts';
import { Inflights } from './inflights.ts';

/**
 * `probe`: where the logs agree is not known; one append at a time asks. `replicate`: it is known; appends follow each
 * other without waiting. `snapshot`: the follower needs what is no longer in the log; nothing is sent until it has it.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows of one member. Always 0 <= match < next. */
export class Progress {
  /** The highest index that the member is known to hold durably. */
  match: Index = 0;
  /** Index of the first entry of the next append. */
  next: Index;
  state: ProgressState = 'probe';
  /** Of the snapshot that was sent; 0 outside state `snapshot`. */
  pendingSnapshot: Index = 0;
  /** Whether anything was heard from it since the leader last checked its quorum. */
  recentActive = false;
  /** Appends wait until something is heard: in `probe` one is out, in `replicate` the window is full. */
  appendsPaused = false;
  /** The highest commit index that is on its way to it. */
  sentCommit: Index = 0;
  /** In which tick of the leader the last append left. */
  sentInTick = -1;
  learner: boolean;
  readonly inflights: Inflights;

  constructor(next: Index, learner: boolean, maxInflightMessages: number, maxInflightBytes: number) {
    this.next = next;
    this.learner = learner;
    this.inflights = new Inflights(maxInflightMessages, maxInflightBytes);
  }

  #enter(state: ProgressState): void {
    this.appendsPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  becomeProbe(): void {
    // A snapshot that was sent may have been installed: what it covers need not be probed.
    const after = this.state === 'snapshot' ? this.pendingSnapshot : 0;
    this.#enter('probe');
    this.next = Math.max(this.match, after) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: Index): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** Appends with so many entries have left. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === 'probe') {
      if (count > 0) this.appendsPaused = true;
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, bytes);
    }
    // When it is full already, the empty append that has just left must not be followed by another.
    this.appendsPaused = this.inflights.full;
  }

  /** Whether a higher commit index is news to it: not when all that it can have is committed for it already. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** It acknowledged an index. @returns whether that is news; old acknowledgements are none */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.appendsPaused = false;
    return true;
  }

  /**
   * It refused an append.
   * @param rejected index of the entry before that append
   * @param hint where the logs may agree
   * @returns whether that is news; a late refusal is none
   */
  maybeDecreaseTo(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.appendsPaused = false;
    return true;
  }

  /** Whether no append may be sent now. */
  get paused(): boolean {
    return this.state === 'snapshot' || this.appendsPaused;
  }
}
