import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Registry, silentLogger } from '@ollamamax/common';
import { FakeClock, settle } from '../kube/fake-clock.fixture.ts';
import { KubeError, type KubeObject } from '../kube/index.ts';
import { createController, type Controller, type ControllerOptions, type Reconcile } from './controller.ts';
import type { Informer, InformerHandler } from './informer.ts';
import { toController, toItself, unlessStatusOnly } from './mappings.ts';
import { createRuntimeMetrics } from './metrics.ts';
import { TerminalError } from './terminal-error.ts';

let clock: FakeClock;
let registry: Registry;
let reconcile: jest.Mock<Reconcile>;
let stopped: AbortController;

beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry();
  reconcile = jest.fn<Reconcile>(async () => undefined);
  stopped = new AbortController();
});

const make = (options: Partial<ControllerOptions> = {}): Controller =>
  createController({
    name: 'test',
    reconcile,
    log: silentLogger,
    clock,
    random: () => 1,
    metrics: createRuntimeMetrics(registry),
    ...options,
  });

const keys = (): string[] => reconcile.mock.calls.map(([key]) => key);

const counts = async (name: string): Promise<Record<string, number>> => {
  const found = (await registry.getMetricsAsJSON()).find((metric) => metric.name === name);
  const values = (found?.values ?? []).map(({ value, labels }): [string, number] => [
    String(labels.result ?? 'all'),
    value,
  ]);
  return Object.fromEntries(values.filter(([, value]) => value > 0));
};

describe('results', () => {
  test('nothing means done; a delay means again then', async () => {
    reconcile.mockResolvedValueOnce({ requeueAfterMs: 30_000 });
    const controller = make();
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(29_999);
    expect(keys()).toEqual(['a']);
    await clock.advance(1);
    expect(keys()).toEqual(['a', 'a']);
    expect(await counts('controller_runtime_reconcile_total')).toEqual({ success: 1, requeue_after: 1 });
    await controller.stop();
    await run;
    expect(clock.pending).toBe(0);
  });

  test('an error means backoff that success ends', async () => {
    reconcile.mockRejectedValueOnce(new Error('one')).mockRejectedValueOnce(new Error('two'));
    const controller = make({ backoff: { minMs: 100, maxMs: 10_000 } });
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(100);
    expect(keys()).toHaveLength(2);
    await clock.advance(199);
    expect(keys()).toHaveLength(2);
    await clock.advance(1);
    expect(keys()).toHaveLength(3);
    reconcile.mockRejectedValueOnce(new Error('three'));
    controller.enqueue('a');
    await clock.advance(100);
    expect(keys()).toHaveLength(5);
    expect(await counts('controller_runtime_reconcile_errors_total')).toEqual({ all: 3 });
    await controller.stop();
    await run;
  });

  test('a conflict is tried again and is no error', async () => {
    reconcile.mockRejectedValueOnce(new KubeError({ code: 409, reason: 'Conflict', message: 'changed' }));
    const controller = make();
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(5);
    expect(keys()).toHaveLength(2);
    expect(await counts('controller_runtime_reconcile_total')).toEqual({ requeue: 1, success: 1 });
    expect(await counts('controller_runtime_reconcile_errors_total')).toEqual({});
    await controller.stop();
    await run;
  });

  test('a busy server is left alone for as long as it asked', async () => {
    const busy = { code: 429, reason: 'TooManyRequests', message: 'busy', retryAfterMs: 40_000 };
    reconcile.mockRejectedValueOnce(new KubeError(busy));
    const controller = make();
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(39_000);
    expect(keys()).toHaveLength(1);
    await clock.advance(1000);
    expect(keys()).toHaveLength(2);
    await controller.stop();
    await run;
  });

  test('a terminal error rests until the generation changes', async () => {
    let generation = 'u/1';
    reconcile.mockRejectedValueOnce(new TerminalError('spec makes no sense'));
    const controller = make({ generationOf: () => generation });
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(2_000_000);
    controller.enqueue('a');
    await settle();
    expect(keys()).toHaveLength(1);
    generation = 'u/2';
    controller.enqueue('a');
    await settle();
    expect(keys()).toHaveLength(2);
    expect(await counts('controller_runtime_terminal_reconcile_errors_total')).toEqual({ all: 1 });
    await controller.stop();
    await run;
  });

  test('counters stand at zero before anything happened', async () => {
    make();
    const text = await registry.metrics();
    for (const result of ['success', 'requeue', 'requeue_after', 'error'])
      expect(text).toContain(`controller_runtime_reconcile_total{controller="test",result="${result}"} 0`);
    expect(text).toContain('controller_runtime_max_concurrent_reconciles{controller="test"} 1');
  });
});

describe('at the same time', () => {
  test('as many keys as workers, never the same twice, and a burst is at most two runs', async () => {
    const running = new Set<string>();
    let most = 0;
    reconcile.mockImplementation(async (key) => {
      expect(running.has(key)).toBe(false);
      running.add(key);
      most = Math.max(most, running.size);
      await new Promise((resolve) => clock.after(100, () => resolve(undefined)));
      running.delete(key);
      return undefined;
    });
    const controller = make({ workers: 3 });
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await settle();
    for (let times = 0; times < 50; times += 1) for (const key of 'abcde') controller.enqueue(key);
    await clock.advance(1000);
    expect(most).toBe(3);
    // Three were at work already when the burst came.
    expect(keys().toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c', 'd', 'e']);
    await controller.stop();
    await run;
  });

  test('half of the workers are kept for what people ask for', async () => {
    reconcile.mockImplementation(async () => {
      await new Promise((resolve) => clock.after(100, () => resolve(undefined)));
      return undefined;
    });
    const controller = make({ workers: 4 });
    const run = controller.run(stopped.signal);
    for (const key of 'abcd') controller.enqueue(key, { priority: 'low' });
    await settle();
    expect(keys()).toEqual(['a', 'b']);
    controller.enqueue('x');
    controller.enqueue('y');
    controller.enqueue('z');
    await settle();
    expect(keys()).toEqual(['a', 'b', 'x', 'y']);
    await clock.advance(100);
    expect(keys().slice(0, 5)).toEqual(['a', 'b', 'x', 'y', 'z']);
    await clock.advance(1000);
    expect(keys().slice(5)).toEqual(['c', 'd']);
    await controller.stop();
    await run;
  });
});

describe('the signal of a reconcile', () => {
  /** Ends when it is told to, as a well-behaved one does. */
  const obedient: Reconcile = (_key, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });

  test('aborts at the deadline, which counts as an error', async () => {
    reconcile.mockImplementationOnce(obedient);
    const controller = make({ reconcileTimeoutMs: 5000 });
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await clock.advance(5000);
    expect(await counts('controller_runtime_reconcile_timeouts_total')).toEqual({ all: 1 });
    expect(await counts('controller_runtime_reconcile_total')).toMatchObject({ error: 1 });
    await controller.stop();
    await run;
  });

  test('aborts at once when leadership is lost, and nothing is begun any more', async () => {
    reconcile.mockImplementation(obedient);
    const controller = make();
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    controller.enqueue('b');
    await settle();
    stopped.abort(new Error('lost'));
    await run;
    expect(keys()).toEqual(['a']);
    expect(await counts('controller_runtime_reconcile_errors_total')).toEqual({});
    expect(clock.pending).toBe(0);
  });

  test('aborts on stop only after a moment to end by itself', async () => {
    let aborted = false;
    reconcile.mockImplementation((key, context) => {
      context.signal.addEventListener('abort', () => {
        aborted = true;
      });
      return obedient(key, context);
    });
    const controller = make({ drainMs: 800 });
    const run = controller.run(stopped.signal);
    controller.enqueue('a');
    await settle();
    const stop = controller.stop();
    await clock.advance(799);
    expect(aborted).toBe(false);
    await clock.advance(1);
    expect(aborted).toBe(true);
    await Promise.all([stop, run]);
  });
});

test('a resync brings every key again at low priority, spread over time', async () => {
  const controller = make({ resync: { keys: () => ['a', 'b'], everyMs: 600_000 }, random: () => 0.5 });
  const run = controller.run(stopped.signal);
  await clock.advance(480_000);
  expect(keys()).toEqual([]);
  await clock.advance(120_000);
  expect(keys()).toEqual(['a', 'b']);
  expect(reconcile.mock.calls[0]?.[1].priority).toBe('low');
  await controller.stop();
  await run;
  expect(clock.pending).toBe(0);
});

describe('watching', () => {
  let tell: InformerHandler<KubeObject>;
  const informer = (synced = true): Informer => ({
    name: 'informer of things',
    resource: { apiVersion: 'v1', kind: 'Thing', plural: 'things', namespaced: true },
    store: { size: 0, get: () => undefined, list: () => [], keys: () => [], byIndex: () => [] },
    synced,
    sinceHeard: () => 0,
    onEvent: (handler) => {
      tell = handler;
      return () => undefined;
    },
    start: async () => undefined,
    stop: async () => undefined,
  });
  const thing = (name: string, owner?: string, generation = 1): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: {
      namespace: 'n',
      name,
      generation,
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'x.io/v2', kind: 'Owner', name: owner, uid: owner, controller: true },
            ],
          }),
    },
  });

  test('nothing starts before the informers are filled', async () => {
    const controller = make();
    controller.watch(informer(false), toItself);
    await expect(controller.run(stopped.signal)).rejects.toThrow('informer of things');
  });

  test('a child brings its owner, and both owners when it changed hands', async () => {
    const controller = make();
    controller.watch(informer(), toController({ apiVersion: 'x.io/v1', kind: 'Owner' }));
    const run = controller.run(stopped.signal);
    tell({ type: 'add', object: thing('c', 'one'), initial: true });
    tell({ type: 'add', object: thing('stray'), initial: false });
    await settle();
    expect(reconcile.mock.calls.map(([key, { priority }]) => [key, priority])).toEqual([['n/one', 'low']]);
    tell({ type: 'update', object: thing('c', 'two'), previous: thing('c', 'one'), initial: false });
    tell({ type: 'delete', object: thing('d', 'three'), initial: false });
    await settle();
    expect(keys()).toEqual(['n/one', 'n/two', 'n/one', 'n/three']);
    await controller.stop();
    await run;
  });

  test('a change of status alone can be passed over', async () => {
    const controller = make();
    controller.watch(informer(), toItself, { when: unlessStatusOnly });
    const run = controller.run(stopped.signal);
    tell({ type: 'update', object: thing('a'), previous: thing('a'), initial: false });
    tell({ type: 'update', object: thing('b', undefined, 2), previous: thing('b'), initial: false });
    await settle();
    expect(keys()).toEqual(['n/b']);
    await controller.stop();
    await run;
  });

  test('what can wait is one turn for a burst, after what people ask for', async () => {
    const controller = make();
    controller.watch(informer(), toItself, { priority: 'low', afterMs: 200 });
    const reported = tell;
    controller.watch(informer(), toItself);
    const asked = tell;
    let free = (): void => undefined;
    reconcile.mockImplementationOnce(() => new Promise((resolve) => (free = () => resolve(undefined))));
    const run = controller.run(stopped.signal);
    const change = (name: string, to: InformerHandler<KubeObject>): void =>
      to({ type: 'update', object: thing(name), previous: thing(name), initial: false });
    change('busy', asked);
    change('reported', reported);
    await clock.advance(150);
    change('reported', reported);
    await clock.advance(50);
    change('asked', asked);
    change('sooner', reported);
    change('sooner', asked);
    free();
    await settle();
    expect(reconcile.mock.calls.map(([key, { priority }]) => [key, priority])).toEqual([
      ['n/busy', 'high'],
      ['n/asked', 'high'],
      ['n/sooner', 'high'],
      ['n/reported', 'low'],
    ]);
    await clock.advance(1000);
    expect(keys()).toHaveLength(4);
    await controller.stop();
    await run;
  });
});
