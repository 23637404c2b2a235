import { describe, expect, test } from '@jest/globals';
import type { Call } from './history.ts';
import { notLinearizable } from './linearizability.ts';

const never = Infinity;

const read = (invoked: number, returned: number, value: string, key = 'x'): Call => ({
  kind: 'read',
  client: 0,
  invoked,
  returned,
  key,
  value,
});

const put = (invoked: number, returned: number, value: string, key = 'x'): Call => ({
  kind: 'write',
  client: 0,
  invoked,
  returned,
  operation: { kind: 'put', key, value },
  swapped: false,
});

const append = (invoked: number, returned: number, value: string): Call => ({
  kind: 'write',
  client: 0,
  invoked,
  returned,
  operation: { kind: 'append', key: 'x', value },
  swapped: false,
});

const swap = (
  invoked: number,
  returned: number,
  expected: string,
  value: string,
  swapped: boolean,
): Call => ({
  kind: 'write',
  client: 0,
  invoked,
  returned,
  operation: { kind: 'swap', key: 'x', expected, value },
  swapped,
});

const explicable: Readonly<Record<string, readonly Call[]>> = {
  'nothing at all': [],
  'one after the other': [put(1, 2, 'a'), read(3, 4, 'a'), put(5, 6, 'b'), read(7, 8, 'b')],
  'a read beside a write sees either': [put(1, 2, 'a'), put(3, 8, 'b'), read(4, 5, 'a'), read(6, 7, 'b')],
  'two writes at once, in the order that is read': [put(1, 4, 'a'), put(2, 3, 'b'), read(5, 6, 'a')],
  'nothing was written': [read(1, 2, '')],
  'a lost write that nobody sees': [put(1, 2, 'a'), put(3, never, 'b'), read(4, 5, 'a'), read(6, 7, 'a')],
  'a lost write that takes effect late': [
    put(1, never, 'a'),
    put(2, 3, 'b'),
    read(4, 5, 'b'),
    read(6, 7, 'a'),
  ],
  'a swap that finds what it expects': [put(1, 2, 'a'), swap(3, 4, 'a', 'b', true), read(5, 6, 'b')],
  'a swap that finds something else': [put(1, 2, 'a'), swap(3, 4, 'z', 'b', false), read(5, 6, 'a')],
  'a swap that fails because of a lost write that nobody has read': [
    put(1, 2, 'a'),
    put(3, never, 'b'),
    swap(4, 5, 'a', 'c', false),
    put(6, 7, 'd'),
    read(8, 9, 'd'),
  ],
  'two swaps that fail because of two lost writes': [
    put(1, 2, 'a'),
    put(3, never, 'u'),
    put(4, never, 'v'),
    swap(5, 6, 'a', 'b', false),
    put(7, 8, 'c'),
    swap(9, 10, 'c', 'd', false),
  ],
  'two swaps that fail, the first because of a lost swap': [
    put(1, 2, 'a'),
    put(3, never, 'u'),
    swap(4, never, 'a', 'v', false),
    swap(5, 6, 'a', 'b', false),
    put(7, 8, 'c'),
    swap(9, 10, 'c', 'd', false),
  ],
  'a swap that expects a lost write, and finds it': [
    put(1, never, 'a'),
    swap(2, 3, 'a', 'b', true),
    read(4, 5, 'b'),
  ],
  'a swap that expects a lost write, and does not find it': [
    put(1, never, 'a'),
    swap(2, 3, 'a', 'b', false),
    read(4, 5, ''),
  ],
  'appends in the order that is read': [append(1, 6, 'a'), append(2, 5, 'b'), read(7, 8, 'b a')],
  'a lost append that is read later': [
    append(1, never, 'a'),
    append(2, 3, 'b'),
    read(4, 5, 'b'),
    read(6, 7, 'b a'),
  ],
  'several keys, each for itself': [
    put(1, 2, 'a', 'x'),
    put(3, 4, 'b', 'y'),
    read(5, 6, 'a', 'x'),
    read(7, 8, 'b', 'y'),
  ],
  'many at once': [
    ...Array.from({ length: 8 }, (_, at) => put(1 + at / 10, 20 + at, `v${at}`)),
    read(40, 41, 'v3'),
  ],
};

const inexplicable: Readonly<Record<string, readonly Call[]>> = {
  'a stale read': [put(1, 2, 'a'), put(3, 4, 'b'), read(5, 6, 'a')],
  'a read of what was never written': [put(1, 2, 'a'), read(3, 4, 'z')],
  'a lost acknowledged write': [put(1, 2, 'a'), read(3, 4, '')],
  'reads that go back': [put(1, 10, 'a'), read(2, 3, 'a'), read(4, 5, '')],
  'two readers that disagree': [
    put(1, 20, 'a'),
    put(2, 21, 'b'),
    read(3, 4, 'a'),
    read(5, 6, 'b'),
    read(7, 8, 'a'),
  ],
  'a read before the write began': [read(1, 2, 'a'), put(3, 4, 'a')],
  'a swap that took place twice': [put(1, 2, 'a'), swap(3, 4, 'a', 'b', true), swap(5, 6, 'a', 'c', true)],
  'a swap that failed for no reason': [put(1, 2, 'a'), swap(3, 4, 'a', 'b', false), read(5, 6, 'a')],
  'two swaps that failed, and one lost write': [
    put(1, 2, 'a'),
    put(3, never, 'u'),
    swap(4, 5, 'a', 'b', false),
    put(6, 7, 'c'),
    swap(8, 9, 'c', 'd', false),
  ],
  'a swap that failed because of a lost write that is gone afterwards': [
    put(1, 2, 'a'),
    put(3, never, 'u'),
    swap(4, 5, 'a', 'b', false),
    read(6, 7, 'a'),
  ],
  'a swap that failed before the lost write began': [
    put(1, 2, 'a'),
    swap(3, 4, 'a', 'b', false),
    put(5, never, 'u'),
  ],
  'an append that is gone': [append(1, 2, 'a'), append(3, 4, 'b'), read(5, 6, 'b')],
  'an append that took effect twice': [append(1, 2, 'a'), append(3, 4, 'b'), read(5, 6, 'a b a')],
  'appends out of order': [append(1, 2, 'a'), append(3, 4, 'b'), read(5, 6, 'b a')],
  'a lost write that takes effect and is undone': [
    put(1, 2, 'a'),
    put(3, never, 'b'),
    read(4, 5, 'b'),
    read(6, 7, 'a'),
  ],
};

describe('what clients saw', () => {
  test.each(Object.entries(explicable))('%s', (_, calls) => {
    expect(notLinearizable(calls)).toEqual([]);
  });

  test.each(Object.entries(inexplicable))('%s', (_, calls) => {
    expect(notLinearizable(calls)).toEqual(['x']);
  });

  test('the key that is wrong is told', () => {
    const calls = [put(1, 2, 'a', 'x'), read(3, 4, 'a', 'x'), put(5, 6, 'b', 'y'), read(7, 8, '', 'y')];
    expect(notLinearizable(calls)).toEqual(['y']);
  });

  test('a long history is searched fast', () => {
    const calls: Call[] = [];
    for (let at = 0; at < 2000; at += 1) {
      calls.push(put(4 * at, 4 * at + 1, `v${at}`), read(4 * at + 2, 4 * at + 3, `v${at}`));
    }
    expect(notLinearizable(calls)).toEqual([]);
    calls.push(read(10_000, 10_001, 'v7'));
    expect(notLinearizable(calls)).toEqual(['x']);
  });
});
