import type { Message } from './message.ts';
import type { Entry, HardState, ReadState, Snapshot, SoftState } from './types.ts';

/**
 * Work for the disk. Pieces are to be done in the order in which they were handed out, each whole: entries replace
 * what the log held from their first index on; a snapshot replaces the whole log and comes before the entries.
 * `RawNode.appendDone` must be told once it is durable, in the same order; a piece that failed is never reported.
 */
export interface AppendWork {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
  /** False when a crash may undo it, also one of this process alone: only `commit` moved, and decided no members. */
  readonly mustSync: boolean;
  /** Messages to others that may leave once this is durable. */
  readonly messages: readonly Message[];
  /** @internal What the core itself learns from it. */
  readonly token: number;
}

/** Committed entries for the application, in order; `RawNode.applyDone` must be told once they are applied. */
export interface ApplyWork {
  readonly entries: readonly Entry[];
}

/** What is to be done now. Fields that are undefined or empty ask for nothing. */
export interface Ready {
  /** Only when it changed. */
  readonly softState: SoftState | undefined;
  /** May leave at once, before anything is durable. */
  readonly messages: readonly Message[];
  readonly append: AppendWork | undefined;
  readonly apply: ApplyWork | undefined;
  readonly readStates: readonly ReadState[];
}
