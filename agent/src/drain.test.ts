import { describe, expect, test } from '@jest/globals';
import { drain } from './drain.ts';

const setUp = () => {
  const order: string[] = [];
  let finished: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (finished = resolve));
  return {
    order,
    finished: () => finished(),
    steps: {
      announce: () => order.push('announce'),
      finish: () => {
        order.push('finish');
        return ended;
      },
      abort: () => {
        order.push('abort');
        finished();
      },
    },
  };
};

describe('drain', () => {
  test('announces, waits, refuses new work, and lets running work end', async () => {
    const { order, finished, steps } = setUp();
    const drained = drain(steps, { delayMs: 50, graceMs: 60_000 }, new AbortController().signal);
    expect(order).toEqual(['announce']);
    setTimeout(finished, 150);
    expect(await drained).toBe(true);
    expect(order).toEqual(['announce', 'finish']);
  });

  test('ends running work when the grace time is over, and says so', async () => {
    const { order, steps } = setUp();
    expect(await drain(steps, { delayMs: 0, graceMs: 50 }, new AbortController().signal)).toBe(false);
    expect(order).toEqual(['announce', 'finish', 'abort']);
  });

  test('skips all waiting when it has to hurry', async () => {
    const { order, steps } = setUp();
    const hurry = new AbortController();
    const drained = drain(steps, { delayMs: 60_000, graceMs: 60_000 }, hurry.signal);
    hurry.abort();
    expect(await drained).toBe(false);
    expect(order).toEqual(['announce', 'finish', 'abort']);
  });
});
