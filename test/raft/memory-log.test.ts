import { describe, expect, test } from '@jest/globals';
import { emptyConfState, entrySize, type Entry } from '../../agent/src/raft/core/types.ts';
import { MemoryLog } from './memory-log.ts';

const entry = (index: number, term: number, text = ''): Entry => ({
  index,
  term,
  type: 'normal',
  data: new TextEncoder().encode(text),
});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const config = { ...emptyConfState, voters: [1, 2, 3] };
const start = { index: 5, term: 2, config, data: bytes('state') };
const nothing = { entries: [], hardState: undefined, snapshot: undefined };
const terms = (log: MemoryLog): (number | undefined)[] =>
  (log.entries(log.firstIndex(), log.lastIndex() + 1, 1e9) ?? []).map(({ term }) => term);

describe('a log in memory', () => {
  test('is empty at first', () => {
    const log = new MemoryLog();
    expect(log.initialState()).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      config: emptyConfState,
    });
    expect([log.firstIndex(), log.lastIndex(), log.term(0), log.term(1)]).toEqual([1, 0, 0, undefined]);
    expect(log.snapshot()).toBeUndefined();
  });

  test('begins with a snapshot', () => {
    const log = new MemoryLog(start);
    expect(log.initialState()).toEqual({ hardState: { term: 2, vote: 0, commit: 5 }, config });
    expect([log.firstIndex(), log.lastIndex(), log.term(5), log.term(4)]).toEqual([6, 5, 2, undefined]);
    expect(log.snapshot()).toBe(start);
  });

  test('replaces its end from the first of the new entries on', () => {
    const log = new MemoryLog(start);
    log.append({ ...nothing, entries: [entry(6, 3), entry(7, 3), entry(8, 3)] });
    log.append({ ...nothing, entries: [entry(7, 4)], hardState: { term: 4, vote: 2, commit: 6 } });
    expect(terms(log)).toEqual([3, 4]);
    expect(log.hardState).toEqual({ term: 4, vote: 2, commit: 6 });
  });

  test('gives at least one entry and no more than so many bytes', () => {
    const log = new MemoryLog();
    const entries = [entry(1, 1, 'aaaa'), entry(2, 1, 'bb'), entry(3, 1, 'c')];
    log.append({ ...nothing, entries });
    const two = entrySize(entry(1, 1, 'aaaa')) + entrySize(entry(2, 1, 'bb'));
    expect(log.entries(1, 4, 0)).toHaveLength(1);
    expect(log.entries(1, 4, two - 1)).toHaveLength(1);
    expect(log.entries(1, 4, two)).toHaveLength(2);
    expect(log.entries(2, 3, 1e9)).toEqual([entries[1]]);
    expect(() => log.entries(1, 5, 1e9)).toThrow('the last one is 3');
  });

  test('keeps what an application has reached as its newest snapshot, and may then drop the log', () => {
    const log = new MemoryLog(start);
    log.append({ ...nothing, entries: [entry(6, 3), entry(7, 3)] });
    expect(() => log.compact(6)).toThrow('the newest snapshot');
    log.createSnapshot(6, config, bytes('more'));
    expect(log.snapshot()).toEqual({ index: 6, term: 3, config, data: bytes('more') });
    expect(log.initialState().hardState.commit).toBe(6);
    log.compact(6);
    log.compact(5);
    expect([log.firstIndex(), log.term(6), log.term(5), log.entries(6, 8, 1e9)]).toEqual([
      7,
      3,
      undefined,
      undefined,
    ]);
    expect(() => log.createSnapshot(9, config, bytes(''))).toThrow('does not hold');
  });

  test('takes a snapshot instead of all it had', () => {
    const log = new MemoryLog(start);
    log.append({ ...nothing, entries: [entry(6, 3), entry(7, 3)] });
    const snapshot = { index: 9, term: 4, config, data: bytes('far') };
    log.append({ entries: [entry(10, 4)], snapshot, hardState: { term: 4, vote: 0, commit: 9 } });
    expect([log.firstIndex(), log.lastIndex(), log.term(9)]).toEqual([10, 10, 4]);
    expect(log.snapshot()).toBe(snapshot);
  });

  test('refuses work that would lose what is committed', () => {
    const log = new MemoryLog(start);
    log.append({ ...nothing, entries: [entry(6, 3)], hardState: { term: 3, vote: 0, commit: 6 } });
    expect(() => log.append({ ...nothing, entries: [entry(6, 4)] })).toThrow('replaces a committed one');
    expect(() => log.append({ ...nothing, entries: [entry(8, 4)] })).toThrow('behind 6');
    expect(() => log.append({ ...nothing, entries: [entry(5, 2)] })).toThrow('compacted away');
    expect(() => log.append({ ...nothing, entries: [entry(7, 4), entry(9, 4)] })).toThrow('where 8 belongs');
    expect(() => log.append({ ...nothing, snapshot: start })).toThrow('older than commit 6');
    expect(() => log.append({ ...nothing, hardState: { term: 3, vote: 0, commit: 7 } })).toThrow('commit 7');
  });
});
