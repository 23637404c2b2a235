/** What a driver keeps and waits for at most. Times in ticks. */
export interface DriverLimits {
  /** Until a proposal or read is given up. */
  readonly patienceTicks: number;
  /** Until a read that got no answer is asked for again. */
  readonly readRetryTicks: number;
  readonly maxPendingProposals: number;
  readonly maxPendingReads: number;
  /** Messages that wait for a turn; more are dropped, as a network might. */
  readonly maxInbox: number;
  /** A snapshot is taken after so many bytes of applied entries. */
  readonly snapshotBytes: number;
  /** And after so many entries, large or small. */
  readonly snapshotEntries: number;
  /** Entries that stay behind a snapshot for members that are a little behind. */
  readonly keepEntries: number;
}
