import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import type { Entry, EntryId, Index, Snapshot, Term } from '../../../agent/src/raft/core/types.ts';
import { Unstable } from '../../../agent/src/raft/core/unstable.ts';
import { entry, members, noBytes } from '../member.ts';
import { seededRandom, type Random } from '../scenario/random.ts';

const snapshotAt = (index: Index, term: Term): Snapshot => ({
  index,
  term,
  config: members([1]),
  data: noBytes,
});

/** The same by the slowest means: a list in which each entry knows whether it was handed out. */
class Model {
  offset: Index = 1;
  list: { readonly entry: Entry; handedOut: boolean }[] = [];
  snapshot: Snapshot | undefined;
  snapshotHandedOut = false;

  get end(): Index {
    return this.offset + this.list.length;
  }

  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    this.list = this.list.filter((each) => each.entry.index < first.index);
    if (first.index < this.offset) this.offset = first.index;
    this.list.push(...entries.map((each) => ({ entry: each, handedOut: false })));
  }

  stableTo({ index, term }: EntryId): void {
    if (!this.list.some((each) => each.entry.index === index && each.entry.term === term)) return;
    this.list = this.list.filter((each) => each.entry.index > index);
    this.offset = index + 1;
  }

  restore(snapshot: Snapshot): void {
    Object.assign(this, { list: [], offset: snapshot.index + 1, snapshot, snapshotHandedOut: false });
  }

  handOut(): void {
    for (const each of this.list) each.handedOut = true;
    this.snapshotHandedOut = this.snapshot !== undefined;
  }
}

/** @returns where they differ; undefined when they do not */
const difference = (unstable: Unstable, model: Model): string | undefined => {
  const next = model.list.filter(({ handedOut }) => !handedOut).map((each) => each.entry);
  const seen = unstable.nextEntries();
  if (seen.length !== next.length || seen.some((each, at) => each !== next[at]))
    return 'what is to be handed out';
  if (unstable.hasNextEntries !== next.length > 0) return 'whether anything is';
  if (unstable.nextSnapshot() !== (model.snapshotHandedOut ? undefined : model.snapshot))
    return 'the snapshot';
  if (unstable.offset !== model.offset) return 'the offset';
  if (unstable.lastIndex() !== (model.list.at(-1)?.entry.index ?? model.snapshot?.index))
    return 'the last index';
  for (let index = 0; index <= model.end + 1; index += 1) {
    const inList = model.list.find((each) => each.entry.index === index)?.entry.term;
    const inSnapshot = model.snapshot?.index === index ? model.snapshot.term : undefined;
    if (unstable.term(index) !== (inList ?? inSnapshot)) return `the term of ${index}`;
  }
  return undefined;
};

const step = (random: Random, unstable: Unstable, model: Model, term: Term): void => {
  const kind = random(100);
  if (kind < 45) {
    const from = Math.max(model.offset - random(3), model.snapshot === undefined ? 1 : model.offset);
    const first = random(2) === 0 ? model.end : from + random(model.end - from + 1);
    const entries = Array.from({ length: random(4) }, (_, at) => entry(first + at, term));
    unstable.truncateAndAppend(entries);
    model.append(entries);
  } else if (kind < 65) {
    unstable.acceptInProgress();
    model.handOut();
  } else if (kind < 90) {
    // In time, late, or of an entry that was replaced since.
    const known = model.list[random(model.list.length + 1)]?.entry;
    const id = { index: known?.index ?? random(model.end + 2), term: (known?.term ?? term) - random(2) };
    unstable.stableTo(id);
    model.stableTo(id);
  } else if (kind < 94) {
    const snapshot = snapshotAt(model.end + random(3), term);
    unstable.restore(snapshot);
    model.restore(snapshot);
  } else {
    const index = (model.snapshot?.index ?? 0) + (random(3) === 0 ? 1 : 0);
    unstable.stableSnapshotTo(index);
    if (model.snapshot?.index === index)
      Object.assign(model, { snapshot: undefined, snapshotHandedOut: false });
  }
};

describe('Unstable', () => {
  test('is a list from which what is on disk is struck, whatever acknowledgements come late', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const unstable = new Unstable(1);
      const model = new Model();
      for (let count = 1; count <= 200; count += 1) {
        step(random, unstable, model, 1 + Math.floor(count / 8));
        const what = difference(unstable, model);
        if (what !== undefined) throw new Error(`seed ${seed}, step ${count}: ${what}`);
      }
    }
  });

  test('leaves no gap', () => {
    const unstable = new Unstable(5);
    expect(() => {
      unstable.truncateAndAppend([entry(6, 1)]);
    }).toThrow(RaftInvariantError);
  });

  test('does not touch arrays that it has given away', () => {
    const unstable = new Unstable(1);
    const given = [entry(1, 1), entry(2, 1)];
    unstable.truncateAndAppend(given);
    const before = unstable.nextEntries();
    unstable.truncateAndAppend([entry(3, 1)]);
    unstable.truncateAndAppend([entry(2, 2)]);
    expect(before.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(given).toHaveLength(2);
  });
});
