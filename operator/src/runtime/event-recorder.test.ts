import { beforeEach, describe, expect, test } from '@jest/globals';
import { Registry, silentLogger } from '@ollamamax/common';
import { FakeClock, settle } from '../kube/fake-clock.fixture.ts';
import { KubeError, type KubeObject } from '../kube/index.ts';
import {
  createEventRecorder,
  type EventFacts,
  type EventRecorder,
  type EventRecorderOptions,
} from './event-recorder.ts';
import { createRuntimeMetrics } from './metrics.ts';
import { clientOf } from './unused-client.fixture.ts';

let clock: FakeClock;
let registry: Registry;
let writes: {
  readonly verb: string;
  readonly name: string | undefined;
  readonly body: Record<string, unknown>;
}[];
let answer: (verb: string) => Promise<void>;

const never = new AbortController().signal;
const about: KubeObject = {
  apiVersion: 'x.io/v1',
  kind: 'Thing',
  metadata: { namespace: 'n', name: 'a', uid: 'u' },
};
const facts: EventFacts = { type: 'Normal', reason: 'Scaled', note: 'from 1 to 2' };

beforeEach(() => {
  clock = new FakeClock();
  registry = new Registry();
  writes = [];
  answer = async () => undefined;
});

const make = (options: Partial<EventRecorderOptions> = {}): EventRecorder =>
  createEventRecorder({
    client: clientOf({
      create: async (_resource, object) => {
        writes.push({ verb: 'create', name: object.metadata.name, body: object as never });
        await answer('create');
        return object as never;
      },
      mergePatch: async (_resource, { name }, body) => {
        writes.push({ verb: 'patch', name, body: body as Record<string, unknown> });
        await answer('patch');
        return body as never;
      },
    }),
    log: silentLogger,
    controller: 'x.io/operator',
    instance: 'pod-1',
    clock,
    metrics: createRuntimeMetrics(registry),
    ...options,
  });

const dropped = async (cause: string): Promise<number> => {
  const found = (await registry.getMetricsAsJSON()).find(({ name }) => name.endsWith('events_dropped_total'));
  return found?.values.find(({ labels }) => labels.cause === cause)?.value ?? 0;
};

describe('news', () => {
  test('are written as an event about the object', async () => {
    make().record(about, { ...facts, action: 'Scaling' });
    await settle();
    expect(writes).toEqual([
      {
        verb: 'create',
        name: expect.stringMatching(/^a\.[0-9a-f]+$/),
        body: expect.objectContaining({
          type: 'Normal',
          reason: 'Scaled',
          action: 'Scaling',
          note: 'from 1 to 2',
          eventTime: '2026-01-01T00:00:00.000000Z',
          reportingController: 'x.io/operator',
          reportingInstance: 'pod-1',
          regarding: { apiVersion: 'x.io/v1', kind: 'Thing', namespace: 'n', name: 'a', uid: 'u' },
        }),
      },
    ]);
  });

  test('that repeat are counted, and the count is written now and then', async () => {
    const recorder = make();
    for (let times = 0; times < 100; times += 1) {
      recorder.record(about, facts);
      await clock.advance(1000);
    }
    expect(writes.map(({ verb }) => verb)).toEqual(['create', ...Array.from({ length: 9 }, () => 'patch')]);
    expect(new Set(writes.map(({ name }) => name)).size).toBe(1);
    expect(writes.at(-1)?.body).toEqual({
      series: { count: 91, lastObservedTime: '2026-01-01T00:01:30.000000Z' },
    });
    await recorder.stop(never);
    expect(writes.at(-1)?.body).toMatchObject({ series: { count: 100 } });
    expect(clock.pending).toBe(0);
  });

  test('that come again after a long time, or differ in anything, are news of their own', async () => {
    const recorder = make();
    recorder.record(about, facts);
    recorder.record(about, { ...facts, note: 'from 2 to 3' });
    recorder.record({ ...about, metadata: { ...about.metadata, uid: 'v' } }, facts);
    await clock.advance(360_000);
    recorder.record(about, facts);
    await settle();
    expect(writes.filter(({ verb }) => verb === 'create')).toHaveLength(4);
    expect(new Set(writes.map(({ name }) => name)).size).toBe(4);
  });

  test('of an object without a namespace go where they may, and long ones are cut', async () => {
    make().record({ ...about, metadata: { name: 'x'.repeat(253) } }, { ...facts, note: 'y'.repeat(5000) });
    await settle();
    const { metadata, note } = writes[0]?.body as {
      metadata: { name: string; namespace: string };
      note: string;
    };
    expect(metadata.namespace).toBe('default');
    expect(metadata.name.length).toBeLessThanOrEqual(253);
    expect(note).toHaveLength(1024);
  });
});

describe('bounds', () => {
  test('one object cannot flood, and others are not touched by it', async () => {
    const recorder = make({ rate: { burst: 3, everyMs: 60_000 } });
    for (let times = 0; times < 10; times += 1) recorder.record(about, { ...facts, note: `number ${times}` });
    recorder.record({ ...about, metadata: { ...about.metadata, uid: 'other' } }, facts);
    await settle(20);
    expect(writes).toHaveLength(4);
    expect(await dropped('rate')).toBe(7);
    await clock.advance(60_000);
    recorder.record(about, { ...facts, note: 'later' });
    await settle();
    expect(writes).toHaveLength(5);
  });

  test('what waits while the server hangs is bounded, and nobody is held up', async () => {
    answer = () => new Promise(() => undefined);
    const recorder = make({ rate: { burst: 10_000, everyMs: 1 } });
    for (let times = 0; times < 1000; times += 1)
      recorder.record(about, { ...facts, note: `number ${times}` });
    expect(await dropped('full')).toBeGreaterThan(400);
  });
});

describe('a server that refuses', () => {
  const refuse =
    (code: number, reason: string, times = Infinity) =>
    async (): Promise<void> => {
      if (times-- > 0) throw new KubeError({ code, reason, message: 'no' });
    };

  test('is tried again when it may change its mind', async () => {
    answer = refuse(500, 'InternalError', 2);
    make().record(about, facts);
    await clock.advance(10_000);
    expect(writes).toHaveLength(3);
    expect(await dropped('refused')).toBe(0);
  });

  test('is not tried again when it will not, nor for ever', async () => {
    answer = refuse(403, 'Forbidden');
    const recorder = make();
    recorder.record(about, facts);
    await clock.advance(100_000);
    expect(writes).toHaveLength(1);
    answer = refuse(500, 'InternalError');
    recorder.record(about, facts);
    await clock.advance(1_000_000);
    expect(writes).toHaveLength(6);
    expect(await dropped('refused')).toBe(2);
  });

  test('because it has the event already has it', async () => {
    answer = refuse(409, 'AlreadyExists', 1);
    make().record(about, facts);
    await clock.advance(100_000);
    expect(writes).toHaveLength(1);
    expect(await dropped('refused')).toBe(0);
  });

  test('because the event has expired gets it anew', async () => {
    const recorder = make();
    recorder.record(about, facts);
    await settle();
    recorder.record(about, facts);
    answer = (verb) => (verb === 'patch' ? refuse(404, 'NotFound')() : Promise.resolve());
    await clock.advance(10_000);
    expect(writes.map(({ verb }) => verb)).toEqual(['create', 'patch', 'create']);
    expect(writes[2]?.body).toMatchObject({ series: { count: 2 } });
  });
});

test('the end waits for what is written, but not for ever, and nothing is taken after it', async () => {
  let finish = (): void => undefined;
  answer = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const recorder = make();
  recorder.record(about, facts);
  await settle();
  const stop = recorder.stop(never);
  recorder.record(about, { ...facts, note: 'too late' });
  finish();
  await stop;
  expect(writes).toHaveLength(1);
});
