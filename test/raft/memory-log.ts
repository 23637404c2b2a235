import type { LogStorage } from '../../agent/src/raft/core/log-storage.ts';
import type { AppendWork } from '../../agent/src/raft/core/ready.ts';
import {
  emptyConfState,
  entrySize,
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  type Snapshot,
  type Term,
} from '../../agent/src/raft/core/types.ts';

/** What of an AppendWork is stored. */
export type Stored = Pick<AppendWork, 'entries' | 'hardState' | 'snapshot'>;

/**
 * A log in memory. What it holds is what is durable: a test that crashes a member drops the core together with the
 * work that it has not given to `append` yet, and starts another core on the same log.
 */
export class MemoryLog implements LogStorage {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  /** Entries behind `#base`. */
  #entries: Entry[] = [];
  /** The entry before the first: compacted away, or covered by a snapshot. */
  #base: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  #snapshot: Snapshot | undefined;

  /** @param start a member that begins with a snapshot has its term, no vote, and all of it committed */
  constructor(start?: Snapshot) {
    if (start === undefined) return;
    this.#install(start);
    this.#hardState = { term: start.term, vote: 0, commit: start.index };
  }

  /** Term, vote and commit as a crash now would leave them. */
  get hardState(): HardState {
    return this.#hardState;
  }

  initialState(): { readonly hardState: HardState; readonly config: ConfState } {
    return { hardState: this.#hardState, config: this.#snapshot?.config ?? emptyConfState };
  }

  firstIndex(): Index {
    return this.#base.index + 1;
  }

  lastIndex(): Index {
    return this.#base.index + this.#entries.length;
  }

  term(index: Index): Term | undefined {
    return index === this.#base.index ? this.#base.term : this.#entries[index - this.firstIndex()]?.term;
  }

  entries(from: Index, to: Index, maxBytes: number): readonly Entry[] | undefined {
    if (from < this.firstIndex()) return undefined;
    if (to > this.lastIndex() + 1)
      throw new Error(`entries up to ${to - 1} are asked for, the last one is ${this.lastIndex()}`);
    const found = this.#entries.slice(from - this.firstIndex(), to - this.firstIndex());
    let bytes = 0;
    const tooMuch = found.findIndex((entry, at) => {
      bytes += entrySize(entry);
      return at > 0 && bytes > maxBytes;
    });
    return tooMuch === -1 ? found : found.slice(0, tooMuch);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Makes one piece of work durable, whole. */
  append({ snapshot, entries, hardState }: Stored): void {
    if (snapshot !== undefined) this.#install(snapshot);
    const first = entries[0];
    if (first !== undefined) this.#replaceFrom(first.index, entries);
    // A piece that waited while the application went on may know less of what is committed.
    if (hardState !== undefined)
      this.#hardState = { ...hardState, commit: Math.max(hardState.commit, this.#hardState.commit) };
    if (this.#hardState.commit > this.lastIndex())
      throw new Error(`commit ${this.#hardState.commit} is stored behind the last entry ${this.lastIndex()}`);
  }

  /** The application has reached `index` with these members and this state: the newest snapshot from now on. */
  createSnapshot(index: Index, config: ConfState, data: Uint8Array): Snapshot {
    const term = this.term(index);
    if (term === undefined) throw new Error(`a snapshot at ${index}, which the log does not hold`);
    this.#snapshot = { index, term, config, data };
    // What was applied is committed, also when the commit index itself was still on its way to the disk.
    this.#hardState = { ...this.#hardState, commit: Math.max(this.#hardState.commit, index) };
    return this.#snapshot;
  }

  /** Drops the log up to and including `index`; what is gone already stays gone. */
  compact(index: Index): void {
    if (index <= this.#base.index) return;
    const term = this.term(index);
    if (term === undefined || index > (this.#snapshot?.index ?? 0))
      throw new Error(`the log can be dropped up to ${this.#snapshot?.index ?? 0}, the newest snapshot`);
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = { index, term };
  }

  #install(snapshot: Snapshot): void {
    if (snapshot.index < this.#hardState.commit)
      throw new Error(`snapshot ${snapshot.index} is older than commit ${this.#hardState.commit}`);
    this.#snapshot = snapshot;
    this.#base = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    this.#hardState = { ...this.#hardState, commit: snapshot.index };
  }

  #replaceFrom(from: Index, entries: readonly Entry[]): void {
    entries.forEach(({ index }, at) => {
      if (index !== from + at) throw new Error(`entry ${index} where ${from + at} belongs`);
    });
    if (from > this.lastIndex() + 1) throw new Error(`entries from ${from} behind ${this.lastIndex()}`);
    if (from <= this.#base.index) throw new Error(`entry ${from} replaces one that was compacted away`);
    for (const { index, term } of entries) {
      if (index <= this.#hardState.commit && this.term(index) !== term)
        throw new Error(
          `entry ${index} of term ${term} replaces a committed one of term ${this.term(index) ?? 0}`,
        );
    }
    this.#entries = [...this.#entries.slice(0, from - this.firstIndex()), ...entries];
  }
}
