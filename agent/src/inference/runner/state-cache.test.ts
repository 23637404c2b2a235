import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilTrue } from './asked.fixture.ts';
import { lettersOf } from './letters-backend.fixture.ts';
import { StateCache, type KeptState, type StateCacheOptions } from './state-cache.ts';
import { StateFiles } from './state-files.ts';

const stateBytes = 1000;

/** A state whose every byte is the first letter of its text. */
const kept = (text: string, tenant = 'anna'): KeptState => {
  const tokens = Uint32Array.from(lettersOf(text));
  return { tenant, tokens, state: new Uint8Array(stateBytes - tokens.byteLength).fill(tokens[0] ?? 0) };
};

let folder: string;
let logged: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'states-'));
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const cacheOf = (options: Partial<StateCacheOptions> = {}): StateCache =>
  new StateCache({
    memoryBytes: 3 * stateBytes,
    diskBytes: 0,
    files: undefined,
    log: (message) => logged.push(message),
    ...options,
  });

const onDisk = (states: number): StateCache =>
  cacheOf({ memoryBytes: 0, diskBytes: states * stateBytes, files: new StateFiles(folder) });

const find = (cache: StateCache, text: string, tenant = 'anna'): ReturnType<StateCache['find']> =>
  cache.find(tenant, lettersOf(text), text.length);

const take = async (cache: StateCache, text: string): Promise<KeptState | undefined> =>
  find(cache, text)?.take();

describe('states in memory', () => {
  test('the one that holds most of a prompt is found', () => {
    const cache = cacheOf();
    for (const text of ['hello', 'hello, you', 'help']) cache.put(kept(text));
    expect(find(cache, 'hello, you there')).toMatchObject({ shared: 10, isInMemory: true });
    expect(find(cache, 'helpful')).toMatchObject({ shared: 4 });
    expect(find(cache, 'nothing like it')).toBeUndefined();
  });

  test('no more of a prompt is counted than is of use', () => {
    const cache = cacheOf();
    cache.put(kept('hello'));
    expect(cache.find('anna', lettersOf('hello'), 4)).toMatchObject({ shared: 4 });
  });

  test('nobody finds what another tenant left', () => {
    const cache = cacheOf();
    cache.put(kept('hello', 'anna'));
    expect(find(cache, 'hello', 'bert')).toBeUndefined();
  });

  test('one that goes on from another takes its place', () => {
    const cache = cacheOf();
    cache.put(kept('hello'));
    cache.put(kept('hello', 'bert'));
    cache.put(kept('hello, you'));
    expect(cache.size.memoryBytes).toBe(2 * stateBytes);
  });

  test('those kept longest ago make room', () => {
    const cache = cacheOf();
    for (const text of ['a', 'b', 'c', 'd', 'e']) cache.put(kept(text));
    expect(cache.size).toEqual({ memoryBytes: 3 * stateBytes, diskBytes: 0 });
    expect(['a', 'b', 'c', 'd', 'e'].filter((text) => find(cache, text) !== undefined)).toEqual([
      'c',
      'd',
      'e',
    ]);
  });

  test('one that is too large takes nobody the room', () => {
    const cache = cacheOf();
    cache.put(kept('small'));
    cache.put({ tenant: 'anna', tokens: Uint32Array.of(1), state: new Uint8Array(4 * stateBytes) });
    expect(cache.size.memoryBytes).toBe(stateBytes);
    expect(find(cache, 'small')).toBeDefined();
    expect(cache.fits(4 * stateBytes)).toBe(false);
    expect(cache.fits(3 * stateBytes)).toBe(true);
  });

  test('what is taken is gone, until it is put back', async () => {
    const cache = cacheOf();
    cache.put(kept('hello'));
    const found = find(cache, 'hello');
    const taken = await found?.take();
    expect(taken).toEqual(kept('hello'));
    expect(cache.size.memoryBytes).toBe(0);
    expect(await found?.take()).toBeUndefined();
    if (taken !== undefined) cache.put(taken);
    expect(await take(cache, 'hello')).toEqual(kept('hello'));
  });

  test('the memory of one that is dropped is given back at once', () => {
    const cache = cacheOf({ memoryBytes: stateBytes });
    const first = kept('a');
    cache.put(first);
    cache.put(kept('b'));
    expect(first.state.byteLength).toBe(0);
  });
});

describe('states on disk', () => {
  test('what memory has no room for comes back whole', async () => {
    const cache = cacheOf({
      memoryBytes: stateBytes,
      diskBytes: 10 * stateBytes,
      files: new StateFiles(folder),
    });
    for (const text of ['a', 'b', 'c']) cache.put(kept(text));
    expect(find(cache, 'c')).toMatchObject({ isInMemory: true });
    expect(find(cache, 'a')).toMatchObject({ isInMemory: false });
    expect(await Promise.all(['a', 'b', 'c'].map((text) => take(cache, text)))).toEqual([
      kept('a'),
      kept('b'),
      kept('c'),
    ]);
    expect(cache.size).toEqual({ memoryBytes: 0, diskBytes: 0 });
    await untilTrue(async () => (await readdir(folder)).length === 0);
  });

  test('a state that is written leaves memory', async () => {
    const cache = onDisk(10);
    const state = kept('a');
    cache.put(state);
    await untilTrue(() => cache.size.memoryBytes === 0);
    expect(state.state.byteLength).toBe(0);
    const [file = ''] = await readdir(folder);
    expect(await stat(join(folder, file))).toMatchObject({ size: stateBytes - 4, mode: 0o100600 });
    expect(await take(cache, 'a')).toEqual(kept('a'));
  });

  test('one of many pieces comes back whole', async () => {
    const cache = cacheOf({ memoryBytes: 0, diskBytes: 2 ** 23, files: new StateFiles(folder) });
    const bytes = (): Uint8Array => Uint8Array.from({ length: 2 ** 21 + 7 }, (_, index) => index % 251);
    cache.put({ tenant: 'anna', tokens: Uint32Array.of(97), state: bytes() });
    await untilTrue(() => cache.size.memoryBytes === 0);
    const taken = await take(cache, 'a');
    expect(Buffer.compare(taken?.state ?? new Uint8Array(0), bytes())).toBe(0);
  });

  test('the budget of the disk holds', async () => {
    const cache = onDisk(2);
    for (const text of ['a', 'b', 'c', 'd']) cache.put(kept(text));
    expect(cache.size.diskBytes).toBe(2 * stateBytes);
    await untilTrue(() => cache.size.memoryBytes === 0);
    await untilTrue(async () => (await readdir(folder)).length === 2);
    expect(find(cache, 'a')).toBeUndefined();
    expect(await take(cache, 'd')).toEqual(kept('d'));
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['short', (path) => truncate(path, 500)],
    ['gone', (path) => rm(path)],
    [
      'damaged',
      async (path) => {
        const bytes = await readFile(path);
        bytes[700] = (bytes[700] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
    ],
  ])('one whose file is %s is as if it had never been', async (_name, spoil) => {
    const cache = onDisk(2);
    cache.put(kept('a'));
    await untilTrue(() => cache.size.memoryBytes === 0);
    const [file = ''] = await readdir(folder);
    await spoil(join(folder, file));
    expect(await take(cache, 'a')).toBeUndefined();
    expect(find(cache, 'a')).toBeUndefined();
    expect(cache.size).toEqual({ memoryBytes: 0, diskBytes: 0 });
    expect(logged).toHaveLength(1);
  });

  test('a disk that takes nothing costs the states and nothing else', async () => {
    const files = new StateFiles(join(folder, 'nowhere'));
    const cache = cacheOf({ memoryBytes: 0, diskBytes: 10 * stateBytes, files });
    cache.put(kept('a'));
    await untilTrue(() => cache.size.memoryBytes === 0);
    expect(cache.size.diskBytes).toBe(0);
    expect(find(cache, 'a')).toBeUndefined();
    expect(logged[0]).toMatch(/could not be written/);
  });
});
