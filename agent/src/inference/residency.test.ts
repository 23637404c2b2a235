import { expect, test } from '@jest/globals';
import { Residency, type Resident } from './residency.ts';

interface Model extends Resident {
  readonly name: string;
  readonly priority: number;
  holdsRunner: boolean;
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
