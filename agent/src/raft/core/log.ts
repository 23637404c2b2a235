import { assert, assertSafe } from './assert.ts';
import type { LogStorage } from './log-storage.ts';
import { entrySize, type Entry, type EntryId, type Index, type Snapshot, type Term } from './types.ts';
import { Unstable } from './unstable.ts';

const scanBytes = 1024 * 1024;

/** Entries up to a size, at least one. */
export const limitSize = (entries: readonly Entry[], maxBytes: number): readonly Entry[] => {
  let bytes = 0;
  const end = entries.findIndex((entry, at) => {
    bytes += entrySize(entry);
    return at > 0 && bytes > maxBytes;
  });
  return end === -1 ? entries : entries.slice(0, end);
};

/**
 * The log as the algorithm sees it: what is on disk, and behind it what is not known to be there yet. Always
 * applied <= applying <= committed <= lastIndex.
 */
export class RaftLog {
  readonly #storage: LogStorage;
  readonly #unstable: Unstable;
  readonly #maxApplyBytes: number;
  /** The highest index that is known to be held durably by a quorum. */
  committed: Index;
  /** The highest index that was handed to the application. */
  #applying: Index;
  /** The highest index that the application has applied. */
  applied: Index;
  #applyingBytes = 0;

  /** @param maxApplyBytes of committed entries that the application has not applied yet */
  constructor(storage: LogStorage, maxApplyBytes: number) {
    this.#storage = storage;
    this.#maxApplyBytes = maxApplyBytes;
    const before = storage.firstIndex() - 1;
    this.#unstable = new Unstable(storage.lastIndex() + 1);
    this.committed = before;
    this.#applying = before;
    this.applied = before;
  }

  firstIndex(): Index {
    const { snapshot } = this.#unstable;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): Index {
    return this.#unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  /** Of any entry from firstIndex - 1 to lastIndex. @returns undefined when it is not there, or not any more */
  term(index: Index): Term | undefined {
    const unstable = this.#unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#storage.term(index);
  }

  lastId(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    assert(term !== undefined, 'the term of the last entry % is not known', index);
    return { index, term };
  }

  matches({ index, term }: EntryId): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends so holds all that may be committed here: the later term, then the longer log. */
  isUpToDate(other: EntryId): boolean {
    const own = this.lastId();
    return other.term > own.term || (other.term === own.term && other.index >= own.index);
  }

  /** Whether there is, or may be, a change of the members among these. @param to exclusive */
  hasConfig(from: Index, to: Index): boolean {
    for (let next = from; next < to;) {
      const entries = this.slice(next, to, scanBytes) ?? [];
      if (entries.some(({ type }) => type === 'config')) return true;
      // Compacted away, or under a snapshot that is on its way, which may hold one.
      if (entries.length === 0) return true;
      next += entries.length;
    }
    return false;
  }

  /** Entries [from, to), at least one and then no more than so many bytes. @returns undefined when compacted away */
  slice(from: Index, to: Index, maxBytes: number): readonly Entry[] | undefined {
    if (from >= to) return [];
    if (from < this.firstIndex()) return undefined;
    assert(
      to <= this.lastIndex() + 1,
      'entries up to % are asked for, the last is %',
      to - 1,
      this.lastIndex(),
    );
    const { offset, entries } = this.#unstable;
    if (from >= offset) return limitSize(entries.slice(from - offset, to - offset), maxBytes);
    const split = Math.min(to, offset);
    const stored = this.#storage.entries(from, split, maxBytes);
    // Cut short by the size, or nothing behind it is asked for.
    if (stored === undefined || stored.length < split - from || split === to) return stored;
    return limitSize([...stored, ...entries.slice(0, to - offset)], maxBytes);
  }

  /** From there to the end. */
  entriesFrom(from: Index, maxBytes: number): readonly Entry[] | undefined {
    return this.slice(from, this.lastIndex() + 1, maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.#unstable.snapshot ?? this.#storage.snapshot();
  }

  /** Puts entries at the end, or at their place instead of what was there. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    assert(first.index > this.committed, 'entry % would replace one that is committed', first.index);
    assertSafe(last.index, 'the index of an entry');
    this.#unstable.truncateAndAppend(entries);
  }

  /**
   * What a leader sent. Only a conflict of terms removes anything: a late, shorter append does not.
   * @returns the last index that now matches the leader's log; undefined when the entry before is another one here
   */
  maybeAppend(previous: EntryId, entries: readonly Entry[], leaderCommit: Index): Index | undefined {
    if (!this.matches(previous)) return undefined;
    const last = previous.index + entries.length;
    const conflict = entries.findIndex((entry) => !this.matches(entry));
    if (conflict !== -1) this.append(entries.slice(conflict));
    // Not the own last index: what is behind these entries may be of another leader.
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /**
   * The highest index up to `index` at which this log may agree with one that has `term` at `index`.
   * @returns its term as well; 0 when it was compacted away
   */
  findConflictByTerm(index: Index, term: Term): EntryId {
    for (let at = index; at > 0; at -= 1) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Never goes back. */
  commitTo(index: Index): void {
    if (index <= this.committed) return;
    assert(index <= this.lastIndex(), 'commit % is behind the last entry %', index, this.lastIndex());
    this.committed = index;
  }

  /** Commits up to an index that a quorum holds, when its entry is of that term. @returns whether that is news */
  maybeCommit({ index, term }: EntryId): boolean {
    if (index <= this.committed || !this.matches({ index, term })) return false;
    this.commitTo(index);
    return true;
  }

  get hasPendingSnapshot(): boolean {
    return this.#unstable.snapshot !== undefined;
  }

  /** Of a snapshot that is not known to be on disk. */
  get pendingSnapshotIndex(): Index | undefined {
    return this.#unstable.snapshot?.index;
  }

  nextSnapshot(): Snapshot | undefined {
    return this.#unstable.nextSnapshot();
  }

  nextUnstable(): readonly Entry[] {
    return this.#unstable.nextEntries();
  }

  get hasNextUnstable(): boolean {
    return this.#unstable.hasNextEntries;
  }

  acceptUnstable(): void {
    this.#unstable.acceptInProgress();
  }

  /** The last entry that an acknowledgement of all that was handed out covers. */
  lastUnstableId(): EntryId | undefined {
    const last = this.#unstable.entries.at(-1);
    return last === undefined ? undefined : { index: last.index, term: last.term };
  }

  stableTo(id: EntryId): void {
    this.#unstable.stableTo(id);
  }

  stableSnapshotTo(index: Index): void {
    this.#unstable.stableSnapshotTo(index);
  }

  restore(snapshot: Snapshot): void {
    this.#unstable.restore(snapshot);
    this.committed = snapshot.index;
  }

  /** The highest index that may be applied: committed, and on this member's disk. */
  #applicable(): Index {
    return Math.min(this.committed, this.#unstable.offset - 1);
  }

  get hasNextCommitted(): boolean {
    // Entries come after the snapshot that they build on.
    if (this.hasPendingSnapshot || this.#applyingBytes >= this.#maxApplyBytes) return false;
    return this.#applying < this.#applicable();
  }

  /** Committed entries that are to be handed to the application. */
  nextCommitted(): readonly Entry[] {
    if (!this.hasNextCommitted) return [];
    const room = this.#maxApplyBytes - this.#applyingBytes;
    const entries = this.slice(this.#applying + 1, this.#applicable() + 1, room);
    assert(entries !== undefined, 'entry % was compacted away before it was applied', this.#applying + 1);
    return entries;
  }

  acceptCommitted(entries: readonly Entry[]): void {
    for (const entry of entries) this.#applyingBytes += entrySize(entry);
    this.#applying = entries.at(-1)?.index ?? this.#applying;
  }

  /** @param bytes of the entries that were handed out for it */
  appliedTo(index: Index, bytes: number): void {
    assert(
      index <= this.committed && index >= this.applied,
      'applied % is not in %..%',
      index,
      this.applied,
      this.committed,
    );
    this.applied = index;
    this.#applying = Math.max(this.#applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
  }
}
