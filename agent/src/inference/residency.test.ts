import { describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { Residency, type Resident } from './residency.ts';

interface Model extends Resident {
  readonly name: string;
  readonly priority: number;
  holdsRunner: boolean;
  wanted: boolean;
}

const evicted: string[] = [];
const model = (name: string, fields: Partial<Omit<Model, 'name'>> = {}): Model => {
  const made: Model = {
    name,
    holdsRunner: true,
    evictable: true,
    priority: 0,
    lastUsed: 0,
    wanted: true,
    evict: async () => {
      evicted.push(name);
      made.holdsRunner = false;
    },
    ...fields,
  };
  return made;
};

const makeRoom = async (models: Model[], maxLoaded: number): Promise<void> => {
  const residency = new Residency<Model>({
    all: () => models,
    maxLoaded: () => maxLoaded,
    priority: ({ priority }) => priority,
  });
  await residency.load(
    model('new', { holdsRunner: false }),
    async () => undefined,
    async () => undefined,
  );
};

const evictionOrder = async (...models: Model[]): Promise<string[]> => {
  evicted.length = 0;
  for (let room = models.length; room > 0; room -= 1) await makeRoom(models, room);
  return [...evicted];
};

test('lower priority leaves first, then what was used longest ago', async () => {
  expect(
    await evictionOrder(
      model('important', { priority: 5, lastUsed: 1 }),
      model('young', { lastUsed: 3 }),
      model('old', { lastUsed: 2 }),
      model('unwanted', { priority: Number.NEGATIVE_INFINITY, lastUsed: 9 }),
      model('minor', { priority: -1, lastUsed: 8 }),
    ),
  ).toEqual(['unwanted', 'minor', 'old', 'young', 'important']);
});

test('a model with work stays, whatever its priority', async () => {
  evicted.length = 0;
  await makeRoom(
    [model('busy', { priority: -1000, evictable: false }), model('idle', { priority: 1000 })],
    2,
  );
  expect(evicted).toEqual(['idle']);
});

describe('models that push each other out', () => {
  const loadMs = 20;
  const never = (): Promise<undefined> => Promise.resolve(undefined);

  /** Two models with room for one, and the times at which each was loaded. */
  const rivals = () => {
    const loads: { readonly name: string; readonly startedAt: number; readonly endedAt: number }[] = [];
    const models = [model('a', { holdsRunner: false }), model('b', { holdsRunner: false })] as const;
    const residency = new Residency<Model>({ all: () => models, maxLoaded: () => 1, priority: () => 0 });
    const load = async (which: Model): Promise<void> => {
      await residency.load(which, never, async () => {
        const startedAt = performance.now();
        await delay(loadMs);
        which.holdsRunner = true;
        loads.push({ name: which.name, startedAt, endedAt: performance.now() });
      });
    };
    return { models, residency, loads, load };
  };

  test('the first change is at once, and one that is back stays five times as long as its loading took', async () => {
    const { models, loads, load } = rivals();
    const [a, b] = models;
    for (const next of [a, b, a, b]) await load(next);
    expect(loads.map(({ name }) => name)).toEqual(['a', 'b', 'a', 'b']);
    const [, , back, last] = loads;
    const loading = (back?.endedAt ?? 0) - (back?.startedAt ?? 0);
    expect((last?.startedAt ?? 0) - (back?.endedAt ?? 0)).toBeGreaterThanOrEqual(5 * loading - 1);
  });

  test('one that waits for a turn goes when nobody wants it any more', async () => {
    const { models, residency, loads, load } = rivals();
    const [a, b] = models;
    for (const next of [a, b, a]) await load(next);
    const waiting = load(b);
    b.wanted = false;
    residency.changed();
    await waiting;
    expect(loads).toHaveLength(3);
    expect(a.holdsRunner).toBe(true);
  });
});
