import { expect, test } from '@jest/globals';
import { StateWorth } from './state-worth.ts';

const megabyte = 1024 * 1024;

test('what was never measured is tried', () => {
  const worth = new StateWorth();
  expect(worth.bytesOf(1000)).toBe(0);
  expect(worth.savesSoon(1000)).toBe(true);
  expect(worth.isSooner(100, megabyte, false, 1)).toBe(true);
});

test('a state is brought back where that is clearly sooner than to compute its tokens', () => {
  const worth = new StateWorth();
  worth.restored(megabyte, 100);
  expect(worth.isSooner(100, megabyte, true, 2)).toBe(true);
  expect(worth.isSooner(100, megabyte, true, 1.9)).toBe(false);
});

test('a slow disk counts for states that are there', () => {
  const worth = new StateWorth();
  worth.restored(megabyte, 1);
  worth.read(megabyte, 1000);
  expect(worth.isSooner(100, megabyte, true, 1)).toBe(true);
  expect(worth.isSooner(100, megabyte, false, 1)).toBe(false);
});

test('long copies do not hold up those who answer', () => {
  const worth = new StateWorth();
  worth.saved(1000, 100 * megabyte, 200);
  worth.restored(100 * megabyte, 100);
  expect([worth.savesSoon(1000), worth.savesSoon(2000)]).toEqual([true, false]);
  expect([worth.restoresSoon(200 * megabyte), worth.restoresSoon(300 * megabyte)]).toEqual([true, false]);
});

test('one slow copy does not hold for ever', () => {
  const worth = new StateWorth();
  worth.restored(megabyte, 10_000);
  const tries = Array.from({ length: 100 }, () => worth.isSooner(100, megabyte, true, 2));
  expect([tries[0], tries.at(-1)]).toEqual([false, true]);
});
