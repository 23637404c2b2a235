import type { ConfState, Entry, HardState, Index, Snapshot, Term } from './types.ts';

/**
 * What the core reads of the log that is handed to the disk. Reads answer at once: from memory, or from the page
 * cache of a file. The log goes on behind the newest snapshot: firstIndex is snapshot.index + 1, or lower while entries
 * before it are kept for members that are a little behind.
 */
export interface LogStorage {
  /** As it was when the member started. */
  initialState(): { readonly hardState: HardState; readonly config: ConfState };
  firstIndex(): Index;
  lastIndex(): Index;
  /** @returns undefined when the entry was compacted away; known for firstIndex - 1 */
  term(index: Index): Term | undefined;
  /**
   * Entries [from, to), at least one and then no more than `maxBytes` of them.
   * @returns undefined when the first was compacted away
   */
  entries(from: Index, to: Index, maxBytes: number): readonly Entry[] | undefined;
  /** The newest one, for a member that is too far behind; undefined while there is none. */
  snapshot(): Snapshot | undefined;
}
