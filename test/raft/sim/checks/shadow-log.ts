import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { Entry, EntryId, HardState, Index, Term } from '../../../../agent/src/raft/core/types.ts';

export const sameEntry = (one: Entry, other: Entry): boolean =>
  one === other ||
  (one.index === other.index &&
    one.term === other.term &&
    one.type === other.type &&
    one.data.length === other.data.length &&
    one.data.every((byte, at) => byte === other.data[at]));

/** What a log must hold, by the work that was handed to it: kept by the checker, so that nobody else's word counts. */
export class ShadowLog {
  hardState: HardState;
  /** The entry before the first. */
  base: EntryId;
  entries: Entry[];

  constructor(base: EntryId, entries: readonly Entry[], hardState: HardState) {
    this.base = base;
    this.entries = [...entries];
    this.hardState = hardState;
  }

  copy(): ShadowLog {
    return new ShadowLog(this.base, this.entries, this.hardState);
  }

  get lastIndex(): Index {
    return this.base.index + this.entries.length;
  }

  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? this.base.term;
  }

  at(index: Index): Entry | undefined {
    return this.entries[index - this.base.index - 1];
  }

  term(index: Index): Term | undefined {
    return index === this.base.index ? this.base.term : this.at(index)?.term;
  }

  /** @returns entries that were replaced by others or cut off */
  apply({ snapshot, entries, hardState }: AppendWork): number {
    let dropped = 0;
    if (snapshot !== undefined) {
      this.base = { index: snapshot.index, term: snapshot.term };
      this.entries = [];
      this.hardState = { ...this.hardState, commit: Math.max(this.hardState.commit, snapshot.index) };
    }
    const first = entries[0];
    if (first !== undefined) {
      const kept = first.index - this.base.index - 1;
      dropped = Math.max(0, this.entries.length - kept);
      this.entries.length = Math.min(this.entries.length, Math.max(0, kept));
      for (const entry of entries) this.entries.push(entry);
    }
    if (hardState !== undefined) this.hardState = hardState;
    return dropped;
  }
}
