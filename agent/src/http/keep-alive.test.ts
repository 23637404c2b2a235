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
    ['+1.5m', 90],
    ['.5s', 0.5],
    ['2.m', 120],
    ['3\u00b5s', 3e-6],
    ['3\u03bcs', 3e-6],
    [1e300, -1],
    ['9999999999h', -1],
  ])('%j is %d seconds', (value, seconds) => {
    expect(parseKeepAlive(value)).toBeCloseTo(seconds, 9);
  });

  test.each(['', 'soon', '5 m', 'm5', '5d', '1h30', '--5m', 'Infinity', 'NaN', '.s'])(
    '%j is refused',
    (value) => {
      expect(() => parseKeepAlive(value)).toThrow(`time: invalid duration ${JSON.stringify(value)}`);
    },
  );
});
