import { assert } from './assert.ts';
import type { Entry, EntryId, Index, Snapshot, Term } from './types.ts';

/**
 * The end of the log that is not known to be on disk, and a snapshot on its way there. What is behind `inProgress` has
 * been handed out to be written; an acknowledgement names the last entry that it covers by index and term, so that
 * one for entries that were replaced meanwhile releases nothing of their successors.
 */
export class Unstable {
  entries: Entry[] = [];
  /** Index of entries[0]. */
  offset: Index;
  snapshot: Snapshot | undefined = undefined;
  /** Index of the first entry that was not handed out yet. */
  #offsetInProgress: Index;
  #snapshotInProgress = false;

  constructor(offset: Index) {
    this.offset = offset;
    this.#offsetInProgress = offset;
  }

  /** @returns undefined when there is neither entry nor snapshot here */
  lastIndex(): Index | undefined {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1;
    return this.snapshot?.index;
  }

  /** @returns undefined when the entry is not here */
  term(index: Index): Term | undefined {
    if (index < this.offset) return index === this.snapshot?.index ? this.snapshot.term : undefined;
    return this.entries[index - this.offset]?.term;
  }

  /** Entries that are to be handed out. */
  nextEntries(): readonly Entry[] {
    return this.entries.slice(this.#offsetInProgress - this.offset);
  }

  get hasNextEntries(): boolean {
    return this.#offsetInProgress < this.offset + this.entries.length;
  }

  /** The snapshot, when it is to be handed out. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.snapshot;
  }

  /** All that is here has been handed out. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.offset + this.entries.length;
    if (this.snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /** Entries up to that one are on disk, if it is still the same. */
  stableTo({ index, term }: EntryId): void {
    if (index < this.offset || this.term(index) !== term) return;
    this.entries = this.entries.slice(index + 1 - this.offset);
    this.offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.offset);
  }

  stableSnapshotTo(index: Index): void {
    if (this.snapshot?.index !== index) return;
    this.snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  restore(snapshot: Snapshot): void {
    this.entries = [];
    this.offset = snapshot.index + 1;
    this.#offsetInProgress = this.offset;
    this.snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Puts entries at their place; what was there from the first of them on goes. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]?.index;
    if (from === undefined) return;
    const end = this.offset + this.entries.length;
    assert(from <= end, 'entries from % leave a gap behind %', from, end - 1);
    if (from === end) {
      for (const entry of entries) this.entries.push(entry);
    } else if (from <= this.offset) {
      // Only from here on is the log other than what is on disk: the disk replaces its end as well.
      this.entries = [...entries];
      this.offset = from;
      this.#offsetInProgress = from;
    } else {
      // A new array: the old one may be in a message or in work for the disk.
      this.entries = [...this.entries.slice(0, from - this.offset), ...entries];
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
    }
  }
}
