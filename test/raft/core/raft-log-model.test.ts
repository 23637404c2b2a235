import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { RaftLog } from '../../../agent/src/raft/core/log.ts';
import {
  entrySize,
  type Entry,
  type EntryId,
  type Index,
  type Snapshot,
  type Term,
} from '../../../agent/src/raft/core/types.ts';
import { bytes, members, noBytes } from '../member.ts';
import { MemoryLog, type Stored } from '../memory-log.ts';
import { seededRandom, type Random } from '../scenario/random.ts';

const config = members([1]);
const unlimited = Number.MAX_SAFE_INTEGER;

interface Work extends Stored {
  readonly last: EntryId | undefined;
  readonly term: Term;
}

/**
 * A RaftLog on a disk that is slow, beside what it should be: an array. Work for the disk is handed out and done later
 * and in order, as RawNode does it.
 */
class Walk {
  readonly #random: Random;
  readonly #disk: MemoryLog;
  readonly #log: RaftLog;
  readonly #maxApplyBytes: number;
  #work: Work[] = [];
  #applying: (readonly Entry[])[] = [];
  #term = 1;
  #payload = 0;
  /** The model: a base, all behind it, and how far it is committed and applied. */
  #base: EntryId = { index: 0, term: 0 };
  #entries: Entry[] = [];
  #committed = 0;
  #applied = 0;
  #stored: { base: EntryId; entries: Entry[] } = { base: { index: 0, term: 0 }, entries: [] };

  constructor(random: Random) {
    this.#random = random;
    this.#disk = new MemoryLog({ index: 0, term: 0, config, data: noBytes });
    this.#maxApplyBytes = random(2) === 0 ? 1 + random(200) : unlimited;
    this.#log = new RaftLog(this.#disk, this.#maxApplyBytes);
  }

  step(): void {
    const kind = this.#random(100);
    if (kind < 25) this.#append();
    else if (kind < 40) this.#replace();
    else if (kind < 43) this.#restore();
    else if (kind < 55) this.#commit();
    else if (kind < 70) this.#handOut();
    else if (kind < 85) this.#store();
    else if (kind < 92) this.#take();
    else if (kind < 97) this.#apply();
    else this.#compact();
    this.#compare();
  }

  get #last(): Index {
    return this.#base.index + this.#entries.length;
  }

  #make(from: Index, count: number): Entry[] {
    return Array.from({ length: count }, (_, at) => {
      this.#payload += 1;
      return { index: from + at, term: this.#term, type: 'normal', data: bytes(`${this.#payload}`) };
    });
  }

  #append(): void {
    const entries = this.#make(this.#last + 1, 1 + this.#random(4));
    this.#log.append(entries);
    this.#entries.push(...entries);
  }

  /** What a leader of a new term sends: some that are there already, then others. */
  #replace(): void {
    this.#term += 1;
    const previous = this.#committed + this.#random(this.#last - this.#committed + 1);
    const kept = this.#entries.slice(
      previous - this.#base.index,
      previous - this.#base.index + this.#random(3),
    );
    const entries = [...kept, ...this.#make(previous + kept.length + 1, this.#random(4))];
    const commit = this.#random(this.#last + 5);
    const term = this.#termAt(previous);
    const matched = this.#log.maybeAppend({ index: previous, term: term ?? -1 }, entries, commit);
    expect(matched).toBe(previous + entries.length);
    if (entries.length > kept.length)
      this.#entries = [...this.#entries.slice(0, previous - this.#base.index), ...entries];
    this.#committed = Math.max(this.#committed, Math.min(commit, previous + entries.length));
    // With another term before it nothing is taken.
    expect(
      this.#log.maybeAppend({ index: previous, term: 99_999 }, this.#make(previous + 1, 1), 0),
    ).toBeUndefined();
  }

  #restore(): void {
    this.#term += 1;
    const index = this.#committed + 1 + this.#random(5);
    const snapshot: Snapshot = { index, term: this.#term, config, data: noBytes };
    this.#log.restore(snapshot);
    this.#base = { index, term: this.#term };
    this.#entries = [];
    this.#committed = index;
  }

  #commit(): void {
    const index = this.#committed + this.#random(this.#last - this.#committed + 1);
    this.#log.commitTo(index);
    this.#committed = index;
  }

  #handOut(): void {
    const entries = this.#log.nextUnstable();
    const snapshot = this.#log.nextSnapshot();
    this.#log.acceptUnstable();
    this.#work.push({
      entries,
      snapshot,
      hardState: { term: this.#term, vote: 0, commit: this.#committed },
      last: this.#log.lastUnstableId(),
      term: this.#term,
    });
    expect(this.#log.hasNextUnstable).toBe(false);
    expect(this.#log.nextSnapshot()).toBeUndefined();
    this.#checkHandedOut();
  }

  /** All that was handed out, done in order, is the log. */
  #checkHandedOut(): void {
    let { base, entries } = this.#stored;
    for (const work of this.#work) {
      if (work.snapshot !== undefined) [base, entries] = [work.snapshot, []];
      const from = work.entries[0]?.index ?? Infinity;
      entries = [...entries.filter(({ index }) => index < from), ...work.entries];
    }
    expect(entries.filter(({ index }) => index > this.#base.index)).toEqual(this.#entries);
    expect(base.index).toBeLessThanOrEqual(this.#base.index);
  }

  #store(): void {
    const work = this.#work.shift();
    if (work === undefined) return;
    this.#disk.append(work);
    if (work.snapshot !== undefined) this.#stored = { base: work.snapshot, entries: [] };
    const from = work.entries[0]?.index ?? Infinity;
    const kept = this.#stored.entries.filter(({ index }) => index < from);
    this.#stored = { ...this.#stored, entries: [...kept, ...work.entries] };
    if (work.last !== undefined && work.term === this.#term) this.#log.stableTo(work.last);
    if (work.snapshot === undefined) return;
    this.#log.stableSnapshotTo(work.snapshot.index);
    if (work.snapshot.index <= this.#applied) return;
    this.#log.appliedTo(work.snapshot.index, 0);
    this.#applied = work.snapshot.index;
    this.#applying = [];
  }

  #take(): void {
    const entries = this.#log.nextCommitted();
    this.#log.acceptCommitted(entries);
    if (entries.length === 0) return;
    const first = entries[0]?.index ?? 0;
    const expected = this.#entries.slice(first - this.#base.index - 1).slice(0, entries.length);
    expect(entries).toEqual(expected);
    for (const each of entries) {
      // Never what is not committed, nor what is not on disk, nor what was given before.
      expect(each.index).toBeLessThanOrEqual(this.#committed);
      expect(this.#disk.term(each.index)).toBe(each.term);
    }
    expect(first).toBe((this.#applying.at(-1)?.at(-1)?.index ?? this.#applied) + 1);
    this.#applying.push(entries);
    const size = this.#applying.flat().reduce((sum, each) => sum + entrySize(each), 0);
    const lastSize = entries.at(-1) === undefined ? 0 : entrySize(entries.at(-1)!);
    expect(size - lastSize).toBeLessThan(this.#maxApplyBytes);
  }

  #apply(): void {
    const entries = this.#applying.shift();
    const last = entries?.at(-1);
    if (entries === undefined || last === undefined) return;
    this.#log.appliedTo(
      last.index,
      entries.reduce((sum, each) => sum + entrySize(each), 0),
    );
    this.#applied = last.index;
  }

  #compact(): void {
    const { index } = this.#disk.snapshot() ?? { index: 0 };
    // What is applied, unless a newer snapshot is on its way.
    if (this.#log.hasPendingSnapshot || this.#applied <= index) return;
    this.#disk.createSnapshot(this.#applied, config, noBytes);
    const upTo = this.#applied - this.#random(2);
    if (upTo <= this.#base.index) return;
    const term = this.#termAt(upTo) ?? 0;
    this.#disk.compact(upTo);
    this.#entries = this.#entries.slice(upTo - this.#base.index);
    this.#base = { index: upTo, term };
    this.#stored = { base: this.#base, entries: this.#stored.entries.filter((each) => each.index > upTo) };
  }

  #termAt(index: Index): Term | undefined {
    return index === this.#base.index ? this.#base.term : this.#entries[index - this.#base.index - 1]?.term;
  }

  #compare(): void {
    const log = this.#log;
    const seen = [log.firstIndex(), log.lastIndex(), log.committed, log.applied];
    const meant = [this.#base.index + 1, this.#last, this.#committed, this.#applied];
    if (seen.join() !== meant.join())
      throw new Error(`first, last, committed, applied: ${seen.join()}, not ${meant.join()}`);
    for (let index = this.#base.index; index <= this.#last + 1; index += 1)
      if (log.term(index) !== this.#termAt(index))
        throw new Error(`term of ${index}: ${log.term(index) ?? 'none'}`);
    if (this.#base.index > 0 && log.term(this.#base.index - 1) !== undefined)
      throw new Error('a term before the base');
    const from = this.#base.index + 1 + this.#random(this.#entries.length + 1);
    const to = from + this.#random(this.#last + 2 - from);
    const maxBytes = this.#random(300);
    const slice = log.slice(from, to, maxBytes) ?? [];
    const wanted: Entry[] = [];
    for (const each of this.#entries.slice(from - this.#base.index - 1, to - this.#base.index - 1)) {
      const size = [...wanted, each].reduce((sum, one) => sum + entrySize(one), 0);
      if (wanted.length > 0 && size > maxBytes) break;
      wanted.push(each);
    }
    if (slice.length !== wanted.length || !slice.every((each, at) => each === wanted[at]))
      throw new Error(`entries ${from} to ${to} of ${maxBytes} bytes are others`);
  }
}

describe('RaftLog', () => {
  test('is an array to whoever looks, however slow the disk is', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const walk = new Walk(seededRandom(seed));
      for (let step = 0; step < 250; step += 1) {
        try {
          walk.step();
        } catch (error) {
          throw new Error(`seed ${seed}, step ${step}`, { cause: error });
        }
      }
    }
  });
});

describe('RaftLog at its edges', () => {
  const logOf = (count: number): RaftLog => {
    const disk = new MemoryLog({ index: 5, term: 1, config, data: noBytes });
    const log = new RaftLog(disk, unlimited);
    log.append(
      Array.from({ length: count }, (_, at) => ({ index: 6 + at, term: 2, type: 'normal', data: noBytes })),
    );
    return log;
  };

  test('knows the term of the entry before its first, and of none before that', () => {
    expect([3, 4, 5, 6, 7, 8].map((index) => logOf(2).term(index))).toEqual([
      undefined,
      undefined,
      1,
      2,
      2,
      undefined,
    ]);
  });

  test('gives nothing from before its first entry, and nothing for an empty range', () => {
    expect(logOf(2).slice(5, 7, 100)).toBeUndefined();
    expect(logOf(2).slice(7, 7, 100)).toEqual([]);
    expect(logOf(2).slice(3, 3, 100)).toEqual([]);
  });

  test.each([
    ['commits beyond its end', (log: RaftLog) => log.commitTo(9)],
    ['is asked for what it does not have', (log: RaftLog) => log.slice(6, 10, 100)],
    ['applies what is not committed', (log: RaftLog) => log.appliedTo(6, 0)],
    ['applies backwards', (log: RaftLog) => log.appliedTo(4, 0)],
    ['leaves a gap', (log: RaftLog) => log.append([{ index: 9, term: 2, type: 'normal', data: noBytes }])],
    [
      'replaces what is committed',
      (log: RaftLog) => log.append([{ index: 5, term: 2, type: 'normal', data: noBytes }]),
    ],
  ])('stops when it %s', (_name, wrong) => {
    expect(() => wrong(logOf(2))).toThrow(RaftInvariantError);
  });

  test('commits only an entry of the term that is asked for', () => {
    const log = logOf(2);
    expect(log.maybeCommit({ index: 7, term: 3 })).toBe(false);
    expect(log.maybeCommit({ index: 9, term: 2 })).toBe(false);
    expect(log.maybeCommit({ index: Infinity, term: 2 })).toBe(false);
    expect(log.maybeCommit({ index: 7, term: 2 })).toBe(true);
    expect(log.maybeCommit({ index: 6, term: 2 })).toBe(false);
    expect(log.committed).toBe(7);
  });

  test('finds where it may agree by terms', () => {
    const log = logOf(0);
    const terms = [2, 2, 4, 4, 6];
    log.append(terms.map((term, at) => ({ index: 6 + at, term, type: 'normal', data: noBytes })));
    expect(log.findConflictByTerm(10, 6)).toEqual({ index: 10, term: 6 });
    expect(log.findConflictByTerm(10, 5)).toEqual({ index: 9, term: 4 });
    expect(log.findConflictByTerm(9, 3)).toEqual({ index: 7, term: 2 });
    expect(log.findConflictByTerm(10, 1)).toEqual({ index: 5, term: 1 });
    // What was compacted away may agree: nobody knows.
    expect(log.findConflictByTerm(10, 0)).toEqual({ index: 4, term: 0 });
    expect(new RaftLog(new MemoryLog(), unlimited).findConflictByTerm(0, 3)).toEqual({ index: 0, term: 0 });
  });
});
