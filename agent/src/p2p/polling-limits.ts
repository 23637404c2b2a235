/** Bounds of polling. Times in milliseconds, sizes in bytes. */
export interface PollingLimits {
  readonly connectMs: number;
  readonly statusMs: number;
  readonly statusBytes: number;
  readonly admissionBytes: number;
  readonly showMs: number;
  readonly showBytes: number;
  /** A large file is read for it the first time. */
  readonly chunksMs: number;
  /** Longest pause between two polls of an offline peer, and between two failed look-ups. */
  readonly maxBackoffMs: number;
  /** A peer is offline after so many missed polls. */
  readonly missedPolls: number;
  readonly discoveryMs: number;
  /** Longest wait for the members at the start. */
  readonly meetMs: number;
  /** A peer of which no address is found any more is a member, though offline, for so long after its last answer. */
  readonly forgetMs: number;
  readonly maxStreams: number;
  /** Time until a stream's answer begins; 0: no limit (a long prompt sends nothing). */
  readonly firstByteMs: number;
  /** Longest pause inside a stream; 0: no limit. */
  readonly idleMs: number;
  /** A silent stream fails when its peer has been offline for so long. */
  readonly lostPeerMs: number;
}

export const defaultPollingLimits: PollingLimits = {
  // A burst of new streams shakes many hands at once: more time than a poll gets.
  connectMs: 10_000,
  statusMs: 2000,
  statusBytes: 4 * 1024 * 1024,
  admissionBytes: 1024 * 1024,
  showMs: 15_000,
  showBytes: 64 * 1024 * 1024,
  chunksMs: 600_000,
  maxBackoffMs: 5000,
  missedPolls: 3,
  discoveryMs: 5000,
  meetMs: 3000,
  forgetMs: 60_000,
  maxStreams: 1024,
  firstByteMs: 0,
  idleMs: 0,
  lostPeerMs: 10_000,
};
