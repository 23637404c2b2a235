import { describe, expect, test } from '@jest/globals';
import {
  findCondition,
  isConditionTrue,
  mergeConditions,
  sameJson,
  setCondition,
  type ConditionFacts,
} from './conditions.ts';

const now = Date.UTC(2026, 0, 1, 0, 0, 0, 789);
const later = now + 60_000;
const facts = (type: string, status: 'True' | 'False' | 'Unknown', reason = 'Because'): ConditionFacts => ({
  type,
  status,
  reason,
  message: 'so it is',
  observedGeneration: 3,
});

describe('a list', () => {
  test('has the given order, whole seconds, and nothing that was left out', () => {
    const first = mergeConditions(undefined, [facts('B', 'True'), facts('A', 'False')], now);
    expect(first.map(({ type }) => type)).toEqual(['B', 'A']);
    expect(first[0]?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    expect(mergeConditions(first, [facts('A', 'False')], later).map(({ type }) => type)).toEqual(['A']);
  });

  test('moves the time of a condition only when its status flips', () => {
    const first = mergeConditions(undefined, [facts('A', 'True'), facts('B', 'True')], now);
    const second = mergeConditions(
      first,
      [{ ...facts('A', 'True', 'Other'), message: 'new', observedGeneration: 4 }, facts('B', 'False')],
      later,
    );
    expect(second.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:01:00Z',
    ]);
    expect(second[0]).toMatchObject({ reason: 'Other', message: 'new', observedGeneration: 4 });
  });

  test('judged the same again is the same, so that it need not be written', () => {
    const first = mergeConditions(undefined, [facts('A', 'True')], now);
    expect(sameJson(first, mergeConditions(first, [facts('A', 'True')], later))).toBe(true);
    expect(sameJson(first, mergeConditions(first, [facts('A', 'False')], later))).toBe(false);
  });

  test('refuses an empty reason and a type twice', () => {
    expect(() => mergeConditions(undefined, [facts('A', 'True', '')], now)).toThrow('no reason');
    expect(() => mergeConditions(undefined, [facts('A', 'True'), facts('A', 'True')], now)).toThrow('twice');
  });
});

test('one condition is set in its place or at the end', () => {
  const list = mergeConditions(undefined, [facts('A', 'True'), facts('B', 'True')], now);
  const changed = setCondition(list, facts('A', 'False'), later);
  expect(changed.map(({ type, status }) => `${type} ${status}`)).toEqual(['A False', 'B True']);
  expect(setCondition(list, facts('C', 'True'), later).map(({ type }) => type)).toEqual(['A', 'B', 'C']);
  expect(isConditionTrue(changed, 'B')).toBe(true);
  expect(isConditionTrue(changed, 'C')).toBe(false);
  expect(findCondition(changed, 'A')?.status).toBe('False');
});

test.each([
  [{ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 }, true],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: null }, false],
  [[1, 2], [2, 1], false],
  [[1], { 0: 1 }, false],
  [null, {}, false],
  ['a', 'a', true],
])('%j and %j are the same JSON: %s', (a, b, same) => {
  expect(sameJson(a, b)).toBe(same);
  expect(sameJson(b, a)).toBe(same);
});
