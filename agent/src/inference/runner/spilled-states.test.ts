import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, untilTrue } from './asked.fixture.ts';
import { LettersBackend, says, type LettersOptions } from './letters-backend.fixture.ts';
import { SpilledStates } from './spilled-states.ts';
import { StateCache } from './state-cache.ts';
import { StateFiles } from './state-files.ts';
import { StateWorth } from './state-worth.ts';
import { StepScheduler } from './step-scheduler.ts';

interface Started {
  readonly backend: LettersBackend;
  readonly cache: StateCache;
  readonly scheduler: StepScheduler;
  /** Asks and waits. @returns tokens of the prompt that need not be computed */
  readonly cached: (prompt: string, tenant?: string) => Promise<number>;
}

const startedWith = (
  budget: { readonly memoryBytes?: number; readonly diskBytes?: number; readonly folder?: string },
  options: Partial<LettersOptions> = {},
): Started => {
  const { memoryBytes = 0, diskBytes = 0, folder } = budget;
  const backend = new LettersBackend({
    next: says('hello'),
    sequences: 1,
    contextSize: 1000,
    batchSize: 512,
    ...options,
  });
  const files = folder === undefined ? undefined : new StateFiles(folder);
  const cache = new StateCache({ memoryBytes, diskBytes, files, log: () => undefined });
  const scheduler = new StepScheduler(backend, {
    spilled: new SpilledStates(backend.states, cache, new StateWorth(0)),
  });
  const cached = async (prompt: string, tenant = ''): Promise<number> => {
    const asked = ask(scheduler, prompt, { tenant });
    const { cachedTokens } = await asked.outcome;
    expect(asked.text()).toBe('hello');
    return cachedTokens;
  };
  return { backend, cache, scheduler, cached };
};

const megabyte = 1024 * 1024;
const apples = 'apples '.repeat(40);
const pears = 'pears '.repeat(40);
const plums = 'plums '.repeat(40);

describe('conversations that there are no sequences for', () => {
  test('come back without being computed again', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    expect(await cached(`${apples}?`)).toBe(0);
    expect(await cached(`${pears}?`)).toBe(0);
    expect(await cached(`${apples}?hello more?`)).toBe(`${apples}?hello`.length);
    expect(await cached(`${pears}?hello more?`)).toBe(`${pears}?hello`.length);
    expect(backend.stateCopies).toEqual({ saved: 3, restored: 2 });
  });

  test('are lost without room for them', async () => {
    const { backend, cached } = startedWith({});
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    expect(await cached(`${apples}?`)).toBe(0);
    expect(backend.stateCopies.restored).toBe(0);
  });

  test('are not kept when they are short', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    await cached('apples?');
    await cached('pears?');
    expect(backend.stateCopies.saved).toBe(0);
  });

  test('are not kept when another sequence holds them too', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte }, { sequences: 2 });
    await cached(`${apples}and more, much more?`);
    await cached(`${apples}${'and a very different end '.repeat(10)}?`);
    await cached(`${pears}?`);
    expect(backend.stateCopies.saved).toBe(0);
  });

  test('are saved once, however often they are pushed out', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    const long = `${apples}${pears}`;
    for (const prompt of [`${long}1?`, `${plums}?`, `${apples}?`, `${plums}more?`, `${apples}2?`])
      await cached(prompt);
    // The shorter beginning is part of what is kept, and stays there for whoever goes on from the longer one.
    expect(await cached(`${long}1?`)).toBe(`${long}1`.length);
    expect(backend.stateCopies.restored).toBeGreaterThan(1);
  });

  test('serve nobody but their tenant', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    await cached(`${apples}?`, 'anna');
    await cached(`${pears}?`, 'bert');
    expect(await cached(`${apples}?`, 'bert')).toBe(0);
    expect(backend.stateCopies.restored).toBe(0);
    expect(await cached(`${apples}?`, 'anna')).toBe(apples.length);
  });

  test('push out the sequence whose loss costs least', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte }, { sequences: 2 });
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    await cached(`${plums}?`);
    expect(backend.held[0]?.slice(0, 2)).toEqual([112, 108]);
    await cached(`${apples}?`);
    expect(backend.held.map((held) => String.fromCharCode(...held.slice(0, 2)))).toEqual(['pl', 'ap']);
  });

  test('a state that cannot be restored is computed anew', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    backend.states.restore = () => Promise.reject(new Error('no room'));
    expect(await cached(`${apples}?`)).toBe(0);
    expect(await cached(`${apples}?`)).toBe(apples.length);
  });

  test('a state that cannot be saved is lost, and nothing else', async () => {
    const { backend, cached } = startedWith({ memoryBytes: megabyte });
    backend.states.save = () => Promise.reject(new Error('no memory'));
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    expect(await cached(`${apples}?`)).toBe(0);
  });
});

describe('states on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'states-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('come back while others are answered', async () => {
    const { backend, cached, scheduler } = startedWith(
      { diskBytes: megabyte, folder },
      { sequences: 2, next: says('hello') },
    );
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    await cached(`${plums}?`);
    const asked = [`${plums}?`, `${apples}?`].map((prompt) => ask(scheduler, prompt));
    const outcomes = await Promise.all(asked.map(({ outcome }) => outcome));
    expect(outcomes.map(({ cachedTokens }) => cachedTokens)).toEqual([plums.length, apples.length]);
    expect(asked.map(({ text }) => text())).toEqual(['hello', 'hello']);
    expect(backend.stateCopies.restored).toBe(1);
  });

  test('that are damaged are computed anew', async () => {
    const { cache, cached } = startedWith({ diskBytes: megabyte, folder });
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    await untilTrue(() => cache.size.memoryBytes === 0);
    for (const file of await readdir(folder)) await writeFile(join(folder, file), 'nothing');
    expect(await cached(`${apples}?`)).toBe(0);
  });

  test('of a client that leaves meanwhile stay for the next', async () => {
    const { cache, cached, scheduler } = startedWith({ diskBytes: megabyte, folder });
    await cached(`${apples}?`);
    await cached(`${pears}?`);
    await untilTrue(() => cache.size.memoryBytes === 0);
    const leaving = ask(scheduler, `${apples}?`);
    leaving.abort.abort(new Error('left'));
    await expect(leaving.outcome).rejects.toThrow('left');
    await untilTrue(() => cache.size.diskBytes > 0);
    expect(await cached(`${apples}?`)).toBe(apples.length);
  });
});
