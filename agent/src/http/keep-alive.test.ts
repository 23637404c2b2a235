import { describe, expect, test } from '@jest/globals';
import { parseKeepAlive } from './keep-alive.ts';

describe('parseKeepAlive', () => {
  test.each<[number | string, number]>([
    [300, 300],
    [0, 0],
    [-1, -1],
    [0.5, 0.5],
    ['0', 0],
    ['-1', -1],
    ['90', 90],
    ['5m', 300],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['250ms', 0.25],
    ['-1m', -60],
    [' 10s ', 10],
  ])('%j is %d seconds', (value, seconds) => {
    expect(parseKeepAlive(value)).toBeCloseTo(seconds, 9);
  });

  test.each(['', 'soon', '5 m', 'm5', '5d', '1h30', '--5m', 'Infinity', 'NaN'])('%j is refused', (value) => {
    expect(() => parseKeepAlive(value)).toThrow(/neither a number of seconds nor a duration/);
  });
});
