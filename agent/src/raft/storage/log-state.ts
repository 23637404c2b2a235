import { assert } from '../core/assert.ts';
import type { ConfState, EntryId, HardState, Index, Snapshot, Term } from '../core/types.ts';
import type { BatchSummary } from './entry-batch.ts';
import { LogIndex, TermRuns, type Position, type Stretch } from './log-index.ts';
import type { SnapshotMarker } from './markers.ts';
import type { LogSummary } from './segment.ts';

/**
 * What the records of a log add up to. The running log and its recovery are the same code: one feeds it what became
 * durable, the other what it finds. It throws RaftInvariantError for a record that no correct member would write.
 */
export class LogState {
  #last: EntryId;
  #compacted: EntryId;
  #hardState: HardState;
  #snapshot: Snapshot;
  /** The first entry that was fed in; more than one above `compacted` while only a part of the log was. */
  #availableFrom: Index;
  #terms: TermRuns;
  readonly #index = new LogIndex();

  constructor({ last, compacted, hardState, snapshot }: LogSummary) {
    this.#last = last;
    this.#compacted = compacted;
    this.#hardState = hardState;
    this.#snapshot = snapshot;
    this.#availableFrom = last.index + 1;
    this.#terms = new TermRuns(last);
  }

  static empty(config: ConfState): LogState {
    const none = { index: 0, term: 0 };
    const snapshot = { ...none, config, data: new Uint8Array(0) };
    return new LogState({
      last: none,
      compacted: none,
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot,
    });
  }

  get summary(): LogSummary {
    return {
      last: this.#last,
      compacted: this.#compacted,
      hardState: this.#hardState,
      snapshot: this.#snapshot,
    };
  }

  get firstIndex(): Index {
    return this.#compacted.index + 1;
  }

  get lastIndex(): Index {
    return this.#last.index;
  }

  /** Whether every entry of the log was fed in, so that none is missing. */
  get isComplete(): boolean {
    return this.#availableFrom <= this.firstIndex;
  }

  get availableFrom(): Index {
    return this.#availableFrom;
  }

  term(index: Index): Term | undefined {
    if (index > this.#last.index || index < this.#compacted.index) return undefined;
    return index === this.#compacted.index ? this.#compacted.term : this.#terms.at(index);
  }

  /** From where to read entries from `index` on. */
  stretchOf(index: Index, to = index + 1): Stretch | undefined {
    return index > this.#last.index ? undefined : this.#index.stretchOf(index, to);
  }

  addEntries({ first, count, terms }: BatchSummary, position: Position): void {
    const overwrites = first <= this.#last.index;
    assert(first <= this.#last.index + 1, 'entries from % leave a gap behind %', first, this.#last.index);
    assert(first > this.#compacted.index, 'entries from % are already compacted', first);
    assert(first > this.#hardState.commit, 'entries from % overwrite committed ones', first);
    const before = this.term(first - 1);
    const term = terms[0]?.term ?? 0;
    assert(before === undefined || before <= term, 'the term falls to % at %', term, first);
    this.#terms.replaceFrom(first, terms);
    this.#index.add(first, position, overwrites);
    this.#availableFrom = Math.min(this.#availableFrom, first);
    this.#last = { index: first + count - 1, term: terms.at(-1)?.term ?? term };
  }

  setHardState(next: HardState): void {
    const { term, vote, commit } = this.#hardState;
    assert(next.term >= term, 'the term falls from % to %', term, next.term);
    assert(next.term > term || vote === 0 || next.vote === vote, 'the vote in term % changes', term);
    assert(next.commit >= commit, 'the commit index falls from % to %', commit, next.commit);
    assert(next.commit <= this.#last.index, 'what is committed, up to %, is not in the log', next.commit);
    this.#hardState = next;
  }

  setSnapshot({ snapshot, replacesLog }: SnapshotMarker): void {
    const { index, term } = snapshot;
    assert(index >= this.#snapshot.index, 'a snapshot of % follows one of %', index, this.#snapshot.index);
    if (replacesLog) {
      assert(index >= this.#hardState.commit, 'a snapshot of % undoes what is committed', index);
      this.#last = { index, term };
      this.#compacted = this.#last;
      this.#availableFrom = index + 1;
      this.#terms = new TermRuns(this.#last);
      this.#index.clear();
    } else {
      assert(index <= this.#last.index, 'a snapshot of % is ahead of the log', index);
      const known = this.term(index);
      assert(known === undefined || known === term, 'a snapshot of % is of another term', index);
    }
    this.#snapshot = snapshot;
    // What a snapshot holds is committed, also where the word of it was not synced.
    const commit = Math.max(this.#hardState.commit, index);
    this.#hardState = { ...this.#hardState, commit };
  }

  compact(to: EntryId): void {
    assert(to.index > this.#compacted.index, 'the log is already compacted up to %', this.#compacted.index);
    assert(to.index <= this.#snapshot.index, 'no snapshot holds what is compacted up to %', to.index);
    assert((this.term(to.index) ?? to.term) === to.term, 'entry % is not of term %', to.index, to.term);
    this.#compacted = to;
    this.#terms.forgetBelow(to.index);
    if (to.index === this.#last.index) this.#index.clear();
    else this.#index.forgetBelow(to.index + 1);
  }
}
