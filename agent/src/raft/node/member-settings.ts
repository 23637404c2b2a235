import type { RaftConfig } from '../core/config.ts';
import type { AutopilotLimits } from './autopilot.ts';
import type { DriverLimits } from './driver-limits.ts';

/** Everything about a member that is not its identity. */
export interface MemberSettings {
  readonly tickMs: number;
  readonly raft: Omit<RaftConfig, 'id' | 'applied' | 'random'>;
  readonly driver: DriverLimits;
  readonly autopilot: AutopilotLimits;
  /** Ticks between two looks at the members. */
  readonly autopilotEvery: number;
  readonly segmentBytes: number;
}

/**
 * Elections after 0.75 to 1.5 s of silence: the processors are shared with inference, and an election that nobody needs
 * costs more than a moment of waiting; yet somebody leads again within two seconds.
 */
export const defaultMemberSettings: MemberSettings = {
  tickMs: 50,
  raft: {
    electionTicks: 15,
    heartbeatTicks: 2,
    preVote: true,
    checkQuorum: true,
    stepDownOnRemoval: true,
    readOnly: 'safe',
    pacedLearners: true,
    maxInflightMessages: 256,
    maxInflightBytes: 8 * 1024 * 1024,
    maxAppendBytes: 1024 * 1024,
    maxUncommittedBytes: 64 * 1024 * 1024,
    maxApplyBytes: 32 * 1024 * 1024,
  },
  driver: {
    patienceTicks: 100,
    readRetryTicks: 10,
    maxPendingProposals: 4096,
    maxPendingReads: 16_384,
    maxInbox: 65_536,
    snapshotBytes: 32 * 1024 * 1024,
    snapshotEntries: 50_000,
    keepEntries: 1000,
  },
  autopilot: { aliveTicks: 40, replaceTicks: 1200, closeEntries: 1000 },
  autopilotEvery: 4,
  segmentBytes: 16 * 1024 * 1024,
};

/**
 * Of the heap of the thread that a member runs in, in MB: small, since what it makes mostly dies with the message that
 * made it, and a pass over more takes longer than a message may wait. V8 takes a third of it for what was just made.
 */
export const youngGenerationMB = 12;
