import { expect, test } from '@jest/globals';
import { backoffDelay, sleep } from './backoff.ts';

test('doubles up to its bound, between half and the whole', () => {
  const options = { minMs: 100, maxMs: 1000 };
  const most = [0, 1, 2, 3, 4, 99].map((attempt) => backoffDelay(attempt, { ...options, random: () => 1 }));
  const least = [0, 1, 99].map((attempt) => backoffDelay(attempt, { ...options, random: () => 0 }));
  expect(most).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(least).toEqual([50, 100, 500]);
});

test('a sleep ends early with the reason of its signal', async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(sleep(60_000, controller.signal)).rejects.toThrow('enough');
  await expect(sleep(1)).resolves.toBeUndefined();
});
