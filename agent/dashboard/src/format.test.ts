import { describe, expect, test } from '@jest/globals';
import { formatBytes, formatDuration, formatRate, percentOf } from './format.ts';

describe('format', () => {
  test.each([
    [0, '0 B'],
    [1536, '1.5 KiB'],
    [3_000_000, '2.9 MiB'],
    [64 * 1024 ** 3, '64 GiB'],
  ])('%d bytes → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [-5, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_660_000, '1 h 1 min'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms → %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  test('rates are short', () => {
    expect([0, 1, 1.25, 9.96, 123.4].map(formatRate)).toEqual(['0', '1', '1.3', '10', '123']);
  });

  test('percent never passes 100 and says 100 only when done', () => {
    expect(percentOf(999, 1000)).toBe(99);
    expect(percentOf(2000, 1000)).toBe(100);
    expect(percentOf(5, 0)).toBe(0);
  });
});
