/** One way to get it wrong. */
export interface Mutant {
  readonly name: string;
  /** Of the list in docs/raft/verification.md; 0 when it is none of them. */
  readonly pitfall: number;
  /** Below `agent/src/raft`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What it gets wrong. */
  readonly why: string;
  /** Why no seed finds it, and which other test does. */
  readonly survives?: string;
}
