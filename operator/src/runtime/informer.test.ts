import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLogger } from '@ollamamax/common';
import { FakeClock, settle } from '../kube/fake-clock.fixture.ts';
import {
  KubeError,
  type KubeClient,
  type KubeList,
  type KubeObject,
  type Resource,
  type WatchEvent,
  type WatchOptions,
} from '../kube/index.ts';
import type { InformerEvent } from './informer-event.ts';
import { createInformer, type Informer, type InformerOptions } from './informer.ts';
import { clientOf } from './unused-client.fixture.ts';

const things: Resource = { apiVersion: 'v1', kind: 'Thing', plural: 'things', namespaced: true };
const thing = (name: string, resourceVersion: string, namespace = 'n'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { namespace, name, uid: name, resourceVersion },
});

/** What the server of a test does: lists by turns, and watches whose events are pushed by hand. */
class Feed {
  readonly lists: (() => KubeList<KubeObject>)[] = [];
  readonly watches: {
    options: WatchOptions;
    push: (event: WatchEvent<KubeObject> | Error | 'end') => void;
  }[] = [];
  listed = 0;

  readonly client: KubeClient = clientOf({
    listAll: async <T extends KubeObject>() => {
      const next = this.lists.length > 1 ? this.lists.shift() : this.lists[0];
      this.listed += 1;
      return (next?.() ?? { items: [], resourceVersion: '1' }) as unknown as KubeList<T>;
    },
    watch: <T extends KubeObject>(_resource: Resource, options: WatchOptions) =>
      this.#watch(options) as unknown as AsyncGenerator<WatchEvent<T>, void, undefined>,
  });

  get current(): Feed['watches'][number] {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error('there is no watch');
    return last;
  }

  async *#watch(options: WatchOptions): AsyncGenerator<WatchEvent<KubeObject>, void, undefined> {
    const events: (WatchEvent<KubeObject> | Error | 'end')[] = [];
    let wake = (): void => undefined;
    this.watches.push({
      options,
      push: (event) => {
        events.push(event);
        wake();
      },
    });
    options.signal?.addEventListener('abort', () => wake(), { once: true });
    for (;;) {
      options.signal?.throwIfAborted();
      const event = events.shift();
      if (event === 'end') return;
      if (event instanceof Error) throw event;
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
}

let clock: FakeClock;
let feed: Feed;
let seen: string[];

beforeEach(() => {
  clock = new FakeClock();
  feed = new Feed();
  seen = [];
});

const text = (event: InformerEvent<KubeObject>): string =>
  `${event.type} ${event.object.metadata.name ?? ''} ${event.object.metadata.resourceVersion ?? ''}${event.initial ? ' initial' : ''}`;

const make = (options: Partial<InformerOptions<KubeObject>> = {}): Informer => {
  const informer = createInformer({
    client: feed.client,
    resource: things,
    log: silentLogger,
    clock,
    random: () => 0.5,
    ...options,
  });
  informer.onEvent((event) => seen.push(text(event)));
  return informer;
};

const started = async (options: Partial<InformerOptions<KubeObject>> = {}): Promise<Informer> => {
  const informer = make(options);
  await clock.until(informer.start(new AbortController().signal), 0);
  await settle();
  return informer;
};

const gone = (): KubeError => new KubeError({ code: 410, reason: 'Expired', message: 'too old' });
const broken = (): KubeError => new KubeError({ code: 0, reason: 'ConnectionFailed', message: 'reset' });

describe('start', () => {
  test('fills the cache and says so, and who comes later is told what is there', async () => {
    feed.lists.push(() => ({ items: [thing('a', '1'), thing('b', '2')], resourceVersion: '5' }));
    const informer = await started();
    expect(informer.synced).toBe(true);
    expect(seen).toEqual(['add a 1 initial', 'add b 2 initial']);
    const late: string[] = [];
    informer.onEvent((event) => late.push(text(event)));
    expect(late).toEqual(seen);
    expect(feed.current.options).toMatchObject({ resourceVersion: '5', timeoutSeconds: 450 });
    await informer.stop();
    expect(clock.pending).toBe(0);
  });

  test('goes on trying, and gives up loudly in the end', async () => {
    feed.lists.push(() => {
      throw broken();
    });
    const informer = make({ syncTimeoutMs: 20_000 });
    const start = informer.start(new AbortController().signal);
    await expect(clock.until(start)).rejects.toMatchObject({
      message: expect.stringContaining('not filled after 20000 ms'),
      cause: expect.objectContaining({ message: 'reset' }),
    });
    expect(feed.listed).toBeGreaterThan(3);
    expect(clock.pending).toBe(0);
  });

  test('waits for every namespace, and each is kept up to date by itself', async () => {
    feed.lists.push(
      () => ({ items: [thing('a', '1', 'one')], resourceVersion: '5' }),
      () => ({ items: [thing('a', '2', 'two')], resourceVersion: '6' }),
      () => ({ items: [], resourceVersion: '9' }),
    );
    const informer = await started({ namespaces: ['one', 'two'] });
    expect(informer.store.keys().toSorted()).toEqual(['one/a', 'two/a']);
    feed.watches[0]?.push(gone());
    await settle();
    expect(informer.store.keys()).toEqual(['two/a']);
    await informer.stop();
  });
});

describe('following', () => {
  test('changes come in order, and a handler that fails harms nobody', async () => {
    const informer = make();
    informer.onEvent(() => {
      throw new Error('a bug');
    });
    const after: string[] = [];
    informer.onEvent((event) => after.push(text(event)));
    await clock.until(informer.start(new AbortController().signal), 0);
    await settle();
    feed.current.push({ type: 'ADDED', object: thing('a', '2') });
    feed.current.push({ type: 'MODIFIED', object: thing('a', '3') });
    feed.current.push({ type: 'DELETED', object: thing('a', '4') });
    await settle();
    expect(seen).toEqual(['add a 2', 'update a 3', 'delete a 4']);
    expect(after).toEqual(seen);
    await informer.stop();
  });

  test('a watch that ends is opened anew from where it was, without a list', async () => {
    const informer = await started();
    feed.current.push({ type: 'ADDED', object: thing('a', '7') });
    feed.current.push({ type: 'BOOKMARK', resourceVersion: '9' });
    feed.current.push('end');
    await settle();
    expect(feed.watches).toHaveLength(2);
    expect(feed.current.options.resourceVersion).toBe('9');
    expect(feed.listed).toBe(1);
    await informer.stop();
  });

  test('an idle hour costs watches and no list', async () => {
    const informer = await started();
    for (let minute = 0; minute < 60; minute += 1) {
      feed.current.push({ type: 'BOOKMARK', resourceVersion: String(100 + minute) });
      if (minute % 7 === 6) feed.current.push('end');
      await clock.advance(60_000);
    }
    expect(feed.listed).toBe(1);
    expect(feed.watches).toHaveLength(9);
    expect(seen).toEqual([]);
    expect(informer.sinceHeard()).toBe(60_000);
    await informer.stop();
  });

  test('what was missed comes out of a new list, once the server has forgotten', async () => {
    feed.lists.push(
      () => ({ items: [thing('a', '1'), thing('b', '1'), thing('c', '1')], resourceVersion: '5' }),
      () => ({ items: [thing('b', '1'), thing('c', '8'), thing('d', '8')], resourceVersion: '9' }),
    );
    const informer = await started();
    seen.length = 0;
    feed.current.push(gone());
    await settle();
    expect(seen).toEqual(['delete a 1', 'update c 8', 'add d 8']);
    expect(feed.current.options.resourceVersion).toBe('9');
    await informer.stop();
  });

  test('a server that always has forgotten is not asked without pause', async () => {
    const informer = await started();
    for (let times = 0; times < 3; times += 1) {
      feed.current.push(gone());
      await settle();
    }
    expect(feed.listed).toBe(2);
    await informer.stop();
  });

  test('failures are met with growing pauses, which end with success', async () => {
    const informer = await started();
    const pauses: number[] = [];
    for (let failure = 0; failure < 9; failure += 1) {
      const count = feed.watches.length;
      const before = clock.monotonic();
      feed.current.push(failure % 2 === 0 ? broken() : 'end');
      for (let step = 0; step < 400 && feed.watches.length === count; step += 1) await clock.advance(100);
      pauses.push(clock.monotonic() - before);
    }
    expect(pauses).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 22_500, 22_500, 22_500]);
    feed.current.push({ type: 'BOOKMARK', resourceVersion: '9' });
    feed.current.push(broken());
    await clock.advance(600);
    expect(feed.watches).toHaveLength(11);
    expect(feed.listed).toBe(1);
    await informer.stop();
  });

  test('a busy server is left alone for as long as it asked', async () => {
    const informer = await started();
    feed.current.push(
      new KubeError({ code: 429, reason: 'TooManyRequests', message: 'busy', retryAfterMs: 50_000 }),
    );
    await clock.advance(49_000);
    expect(feed.watches).toHaveLength(1);
    await clock.advance(1000);
    expect(feed.watches).toHaveLength(2);
    await informer.stop();
  });

  test('a watch that is silent for too long is taken for dead', async () => {
    const informer = await started();
    await clock.advance(100_000);
    feed.current.push({ type: 'BOOKMARK', resourceVersion: '9' });
    await clock.advance(170_000);
    expect(feed.watches).toHaveLength(1);
    await clock.advance(12_000);
    expect(feed.watches).toHaveLength(2);
    expect(feed.current.options.resourceVersion).toBe('9');
    await informer.stop();
    expect(clock.pending).toBe(0);
  });
});

test('a stopped informer never delivers again, whatever comes', async () => {
  const handler = jest.fn();
  const informer = await started();
  informer.onEvent(handler);
  feed.current.push({ type: 'ADDED', object: thing('a', '2') });
  const stop = informer.stop();
  feed.current.push({ type: 'ADDED', object: thing('b', '3') });
  await stop;
  await clock.advance(600_000);
  expect(handler).not.toHaveBeenCalled();
  expect(feed.watches).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test('a stop during the first list ends the start', async () => {
  const informer = make({ syncTimeoutMs: 5000 });
  feed.lists.push(() => {
    void informer.stop();
    return { items: [thing('a', '1')], resourceVersion: '5' };
  });
  await expect(clock.until(informer.start(new AbortController().signal))).rejects.toThrow();
  expect(seen).toEqual([]);
});
