import { isVoter, jointCommitted, jointVote } from '../quorum/joint.ts';
import type { VoteResult } from '../quorum/majority.ts';
import { emptyConfState, type ConfState, type Index, type NodeId } from '../types.ts';
import { Progress } from './progress.ts';

export interface InflightLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** The members, what a leader knows of each, and the votes of an election. */
export class Tracker {
  readonly #limits: InflightLimits;
  config: ConfState = emptyConfState;
  /** By id, in ascending order: members are sent to in the same order in every run. */
  progress: ReadonlyMap<NodeId, Progress> = new Map();
  #votes = new Map<NodeId, boolean>();

  constructor(limits: InflightLimits) {
    this.#limits = limits;
  }

  newProgress(next: Index, learner: boolean): Progress {
    const { maxInflightMessages, maxInflightBytes } = this.#limits;
    return new Progress(next, learner, maxInflightMessages, maxInflightBytes);
  }

  /** All voters of both halves, ascending. */
  voters(): NodeId[] {
    const { voters, outgoing } = this.config;
    return [...new Set([...voters, ...outgoing])].sort((a, b) => a - b);
  }

  isVoter(id: NodeId): boolean {
    return isVoter(this.config, id);
  }

  get joint(): boolean {
    return this.config.outgoing.length > 0;
  }

  /** The highest index that a quorum holds durably. */
  committed(): Index {
    return jointCommitted(this.config, (id) => this.progress.get(id)?.match ?? 0);
  }

  /** Whether a quorum was heard from lately. */
  quorumActive(): boolean {
    return jointVote(this.config, (id) => this.progress.get(id)?.recentActive ?? false) === 'won';
  }

  resetVotes(): void {
    this.#votes = new Map();
  }

  /** The first vote of a member counts, whatever it sends later. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  hasVoted(id: NodeId): boolean {
    return this.#votes.has(id);
  }

  voteResult(): VoteResult {
    return jointVote(this.config, (id) => this.#votes.get(id));
  }
}
