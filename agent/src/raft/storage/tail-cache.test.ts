import { describe, expect, test } from '@jest/globals';
import { seeded } from '../codec/random-messages.fixture.ts';
import type { Entry } from '../core/types.ts';
import { TailCache } from './tail-cache.ts';

const entry = (index: number, length: number, term = 1): Entry => ({
  index,
  term,
  type: index % 7 === 0 ? 'config' : 'normal',
  data: Uint8Array.from({ length }, (_, at) => (index * 31 + term * 17 + at) % 256),
});

const plain = (entries: readonly Entry[]): object[] =>
  entries.map(({ data, ...rest }) => ({ ...rest, data: [...data] }));

describe('the newest entries of the log', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'whatever was added, cut and read: it holds the end of the log, unchanged (seed %d)',
    (seed) => {
      const chance = seeded(seed);
      const below = (limit: number): number => Math.floor(chance() * limit);
      const cache = new TailCache(below(700));
      let log: Entry[] = [];
      let last = 0;
      for (let term = 1; term <= 40; term += 1) {
        // What is read stays as it was, whatever is written over it later.
        const kept = Number.isFinite(cache.first) ? cache.slice(cache.first, last + 1, Infinity) : [];
        const before = plain(kept);
        const leavesGap = chance() < 0.1;
        const from = leavesGap ? last + 10 : Math.max(1, last + 1 - below(6));
        const added = Array.from({ length: 1 + below(12) }, (_, at) => entry(from + at, below(91), term));
        log = [...(leavesGap ? [] : log.filter(({ index }) => index < from)), ...added];
        last = from + added.length - 1;
        cache.add(added);
        expect(plain(kept)).toEqual(before);
        const { first } = cache;
        const held = Number.isFinite(first) ? cache.slice(first, last + 1, Infinity) : [];
        expect(plain(held)).toEqual(plain(log.filter(({ index }) => index >= first)));
      }
    },
  );

  test('it keeps as many as fit, the newest', () => {
    const cache = new TailCache(1000);
    for (let index = 1; index <= 100; index += 1) cache.add([entry(index, 87)]);
    expect(cache.first).toBe(91);
  });

  test('one that is larger than the memory leaves nothing behind it', () => {
    const cache = new TailCache(100);
    cache.add([entry(1, 10), entry(2, 200)]);
    expect(cache.first).toBe(Infinity);
    cache.add([entry(3, 10)]);
    expect(cache.first).toBe(3);
  });

  test('a limit cuts a slice, but never to nothing', () => {
    const cache = new TailCache(10_000);
    cache.add([1, 2, 3].map((index) => entry(index, 100)));
    expect(cache.slice(1, 4, 1)).toHaveLength(1);
    expect(cache.slice(1, 4, 250)).toHaveLength(2);
    expect(cache.slice(2, 3, Infinity)).toHaveLength(1);
  });
});
