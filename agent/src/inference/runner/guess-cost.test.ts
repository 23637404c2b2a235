import { expect, test } from '@jest/globals';
import { GuessCost } from './guess-cost.ts';

/** Learned from steps that guessed so many tokens, of which each took what `cost` says. */
const learned = (
  plainMs: number,
  lengths: readonly number[],
  cost: (tokens: number) => number,
): GuessCost => {
  const known = new GuessCost(plainMs);
  for (const tokens of lengths) known.measured(tokens, plainMs + (tokens === 0 ? 0 : cost(tokens)));
  return known;
};
const times = (count: number, lengths: readonly number[]): readonly number[] =>
  Array.from({ length: count }, () => lengths).flat();

test('before anything was measured, a guess takes as long as a token of a prompt', () => {
  const known = new GuessCost(20);
  for (const tokens of [1, 5, 16]) expect(known.of(tokens, 2)).toBeCloseTo(2 * tokens);
});

test('what having any guess takes and what each takes are learned from steps of different lengths', () => {
  const known = learned(20, times(10, [1, 4, 8]), (tokens) => 10 + tokens / 2);
  for (const tokens of [1, 4, 8, 16]) expect(known.of(tokens, 2)).toBeGreaterThan(8 + tokens / 2);
  for (const tokens of [1, 4, 8, 16]) expect(known.of(tokens, 2)).toBeLessThan(10 + tokens);
});

test('one length says what that takes, and prompts what many do', () => {
  const known = learned(20, times(50, [2]), () => 10);
  expect(known.of(2, 2)).toBeGreaterThan(9);
  expect(known.of(2, 2)).toBeLessThan(11);
  expect(known.of(16, 2)).toBeGreaterThan(25);
});

test('more guesses never cost less, and none cost nothing or less', () => {
  const known = learned(20, times(10, [1, 8]), (tokens) => 16 - tokens);
  expect(known.of(16, 0.1)).toBeGreaterThanOrEqual(known.of(1, 0.1));
  expect(known.of(1, 0.1)).toBeGreaterThan(0);
  const faster = learned(20, times(10, [1, 8]), () => -5);
  expect(faster.of(1, 0)).toBe(0);
});

test('newer steps count for more', () => {
  const known = learned(20, [...times(50, [1, 8]), ...times(20, [1, 8])], () => 5);
  for (let step = 0; step < 40; step += 1) known.measured(1 + (step % 8), 20 + 50);
  expect(known.of(4, 2)).toBeGreaterThan(40);
});

test('what a step takes without any follows the newest ones', () => {
  const known = learned(20, [], () => 0);
  expect(known.plainMs).toBe(20);
  for (let step = 0; step < 30; step += 1) known.measured(0, 10);
  expect(known.plainMs).toBeCloseTo(10, 1);
});

test('an exception is forgotten over steps without guesses, what was seen often much later', () => {
  const exception = learned(20, [1], () => 200);
  expect(exception.of(1, 2)).toBeGreaterThan(100);
  for (let step = 0; step < 200; step += 1) exception.measured(0, 20);
  expect(exception.of(1, 2)).toBeLessThan(40);
  const rule = learned(20, times(50, [1]), () => 200);
  for (let step = 0; step < 50; step += 1) rule.measured(0, 20);
  expect(rule.of(1, 2)).toBeGreaterThan(100);
});
