import { beforeEach, describe, expect, test } from '@jest/globals';
import { Registry } from '@ollamamax/common';
import { FakeClock, settle } from '../kube/fake-clock.fixture.ts';
import { createRuntimeMetrics } from './metrics.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

let clock: FakeClock;
let queue: WorkQueue;
let registry: Registry;

beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry();
  const metrics = createRuntimeMetrics(registry);
  // The longest of the jitter, so that delays are whole.
  queue = createWorkQueue({ name: 'q', clock, metrics, random: () => 1 });
});

const takeAll = async (): Promise<string[]> => {
  const keys: string[] = [];
  while (queue.length > 0) {
    const taken = await queue.take();
    if (taken === undefined) break;
    keys.push(taken.key);
    queue.done(taken.key);
  }
  return keys;
};

const metric = async (name: string): Promise<Record<string, number>> => {
  const found = (await registry.getMetricsAsJSON()).find((candidate) => candidate.name === name);
  return Object.fromEntries(
    (found?.values ?? []).map(({ value, labels }) => [String(labels.priority ?? ''), value]),
  );
};

describe('keys', () => {
  test('wait once, in order, high priority first', async () => {
    queue.add('low', 'low');
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(await takeAll()).toEqual(['a', 'b', 'low']);
  });

  test('rise to the higher priority and never fall', async () => {
    queue.add('a', 'low');
    queue.add('b', 'low');
    queue.add('b', 'high');
    queue.add('b', 'low');
    expect(await takeAll()).toEqual(['b', 'a']);
  });

  test('that a worker holds come up again once, after it is done', async () => {
    queue.add('a');
    await queue.take();
    for (let times = 0; times < 5; times += 1) queue.add('a', 'low');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await takeAll()).toEqual(['a']);
  });

  test('go straight to a worker that waits, to each only one', async () => {
    const takes = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    expect(await Promise.all(takes)).toEqual([
      { key: 'a', priority: 'high' },
      { key: 'b', priority: 'high' },
    ]);
  });
});

describe('a worker for keys of high priority alone', () => {
  test('leaves the others, and has its turn when a key is raised', async () => {
    queue.add('waits', 'low');
    const reserved = queue.take(undefined, 'high');
    const any = await queue.take();
    expect(any).toEqual({ key: 'waits', priority: 'low' });
    queue.add('low', 'low');
    expect(queue.length).toBe(1);
    queue.add('low', 'high');
    expect(await reserved).toEqual({ key: 'low', priority: 'high' });
    expect(queue.length).toBe(0);
  });

  test('is passed over for one that takes all', async () => {
    const reserved = queue.take(undefined, 'high');
    const all = queue.take();
    queue.add('low', 'low');
    expect(await all).toEqual({ key: 'low', priority: 'low' });
    queue.add('high');
    expect(await reserved).toEqual({ key: 'high', priority: 'high' });
  });

  test('ends with the queue', async () => {
    const reserved = queue.take(undefined, 'high');
    queue.add('low', 'low');
    queue.shutDown();
    expect(await reserved).toBeUndefined();
  });
});

describe('time', () => {
  test('the earlier of two times wins', async () => {
    queue.addAfter('a', 5000);
    queue.addAfter('a', 1000);
    queue.addAfter('a', 9000);
    await clock.advance(999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await takeAll()).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });

  test('now wins over later, and a later one at high priority lifts what is there', async () => {
    queue.addAfter('a', 5000);
    queue.add('a', 'low');
    queue.add('b', 'low');
    queue.addAfter('b', 100, 'high');
    expect(await takeAll()).toEqual(['a', 'b']);
    expect(clock.pending).toBe(0);
  });

  test('a key that is held when its time comes waits for its worker', async () => {
    queue.add('a');
    await queue.take();
    queue.addAfter('a', 10);
    await clock.advance(10);
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
  });

  test('failures double the delay up to the cap; success ends it', async () => {
    const delays: number[] = [];
    for (let failure = 0; failure < 20; failure += 1) {
      const before = clock.monotonic();
      queue.addRateLimited('a');
      await clock.until(
        queue.take().then(() => queue.done('a')),
        5 * 2 ** Math.min(failure, 18),
        10,
      );
      delays.push(Math.min(1_000_000, clock.monotonic() - before));
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(delays.at(-1)).toBe(1_000_000);
    expect(queue.retries('a')).toBe(20);
    queue.forget('a');
    expect(queue.retries('a')).toBe(0);
  });
});

describe('the end', () => {
  test('a shut down queue gives nothing, keeps nothing and lets waiting workers go', async () => {
    const waiting = queue.take();
    queue.shutDown();
    expect(await waiting).toBeUndefined();
    queue.add('a');
    queue.addAfter('b', 10);
    expect(await queue.take()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  test('a worker stops waiting with its signal and misses nothing', async () => {
    const controller = new AbortController();
    const waiting = queue.take(controller.signal);
    controller.abort();
    expect(await waiting).toBeUndefined();
    queue.add('a');
    await settle();
    expect(queue.length).toBe(1);
    expect(await queue.take(controller.signal)).toBeUndefined();
  });
});

test('metrics tell depth, adds and how long work is held', async () => {
  queue.add('a');
  queue.add('a');
  queue.add('b', 'low');
  expect(await metric('workqueue_depth')).toEqual({ high: 1, low: 1 });
  expect(await metric('workqueue_adds_total')).toEqual({ '': 2 });
  await queue.take();
  await clock.advance(3000);
  expect(await metric('workqueue_longest_running_processor_seconds')).toEqual({ '': 3 });
  queue.done('a');
  expect(await metric('workqueue_unfinished_work_seconds')).toEqual({ '': 0 });
  expect(await metric('workqueue_depth')).toEqual({ high: 0, low: 1 });
});
