import { assert, assertSafe } from './assert.ts';
import { nobody, type Index, type NodeId } from './types.ts';

/** Settings of one member. Ticks are the driver's: the core knows no time. */
export interface RaftConfig {
  readonly id: NodeId;
  /**
   * A follower that hears nothing for this long to twice this long, by chance, campaigns. Several times
   * `heartbeatTicks`, or lost heartbeats look like a dead leader.
   */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Ask whether an election could be won before starting one: a member that was cut off disturbs nobody. */
  readonly preVote: boolean;
  /**
   * A leader that hears no quorum steps down, and nobody votes while it hears a leader. Together with `preVote` it
   * keeps partitions that are not symmetric from ending in elections for ever.
   */
  readonly checkQuorum: boolean;
  /** A leader that is removed or demoted stops leading; otherwise it goes on without a vote of its own. */
  readonly stepDownOnRemoval: boolean;
  /**
   * `safe` asks a quorum for every read. `lease` trusts clocks: a pause of the process or of the whole machine can
   * make it read what is no longer true. It needs `checkQuorum`.
   */
  readonly readOnly: 'safe' | 'lease';
  /**
   * Learners get entries once those are committed, and at most one append per tick while they keep up; they count for
   * no quorum, so that only what they know is older, by a tick at most. Otherwise they get what voters get.
   */
  readonly pacedLearners: boolean;
  /** Appends on their way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes of entries on their way to one follower; 0 for no bound. */
  readonly maxInflightBytes: number;
  /** Bytes of entries in one append; 0 for one entry at most. One entry always fits. */
  readonly maxAppendBytes: number;
  /** Bytes of proposals that are not applied yet; more are refused. One always fits. */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries that were handed to the application and are not applied yet. */
  readonly maxApplyBytes: number;
  /** What the application has applied already, when it keeps that itself. */
  readonly applied: Index;
  /** An integer in [0, below), by chance: the core has none of its own. */
  readonly random: (below: number) => number;
}

/** @throws RaftInvariantError on settings that cannot work */
export const checkConfig = (config: RaftConfig): void => {
  assertSafe(config.id, 'the id of a member');
  assertSafe(config.applied, 'the applied index');
  assert(config.id !== nobody, 'the id of a member is 0');
  assert(config.heartbeatTicks > 0, 'heartbeatTicks must be positive');
  assert(config.electionTicks > config.heartbeatTicks, 'electionTicks must be more than heartbeatTicks');
  assert(config.maxInflightMessages > 0, 'maxInflightMessages must be positive');
  assert(config.maxApplyBytes > 0, 'maxApplyBytes must be positive');
  assert(config.readOnly !== 'lease' || config.checkQuorum, 'lease reads need checkQuorum');
};
