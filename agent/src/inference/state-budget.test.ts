import { expect, test } from '@jest/globals';
import { stateMemoryBytes } from './state-budget.ts';

const gibibyte = 1024 ** 3;

test.each<[string, number, number, number | undefined, number]>([
  ['a twentieth of what is available', 4 * gibibyte, gibibyte, undefined, 0.2 * gibibyte],
  ['half a gibibyte at most', 100 * gibibyte, gibibyte, undefined, 0.5 * gibibyte],
  ['no more than the model leaves', 4 * gibibyte, 3.9 * gibibyte, undefined, 0.1 * gibibyte],
  ['nothing where the model leaves nothing', 4 * gibibyte, 5 * gibibyte, undefined, 0],
  ['as much as is set', 4 * gibibyte, gibibyte, 2 * gibibyte, 2 * gibibyte],
  ['as much as is set and there', 4 * gibibyte, 3 * gibibyte, 2 * gibibyte, gibibyte],
  ['nothing when that is set', 4 * gibibyte, gibibyte, 0, 0],
])('states get %s', (_what, available, needed, wanted, bytes) => {
  expect(stateMemoryBytes(available, needed, wanted)).toBeCloseTo(bytes, -2);
});
