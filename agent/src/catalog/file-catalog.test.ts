import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { DesiredState, ModelSpec } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { createFileCatalog } from './file-catalog.ts';

const digest = 'a'.repeat(64);
const fileModel = (name: string): ModelSpec => ({ name, source: { file: `/models/${name}.gguf` } });
const stateAt = (revision: number, ...names: string[]): DesiredState => ({
  revision,
  models: names.map(fileModel),
  settings: {},
});

let dataDir: string;

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'catalogue-')), 'data');
});

afterEach(async () => {
  await rm(join(dataDir, '..'), { recursive: true, force: true });
});

const start = async (initial?: Omit<DesiredState, 'revision'>) => {
  const catalog = createFileCatalog({
    dataDir,
    logger: silentLogger,
    ...(initial === undefined ? {} : { initial }),
  });
  await catalog.start?.(AbortSignal.timeout(10_000));
  return catalog;
};

const names = (state: DesiredState): string[] => state.models.map((spec) => spec.name);

describe('the state at start', () => {
  test('is empty and older than every other without configuration and file', async () => {
    const catalog = await start();
    expect(catalog.state()).toEqual({ revision: 0, models: [], settings: {} });
    await expect(catalog.apply(stateAt(1, 'a'))).resolves.toEqual({ revision: 1, changed: true });
  });

  test('is the configuration as revision 1, and the same after a restart', async () => {
    const initial = { models: [fileModel('a')], settings: { parallel: 2 } };
    const first = (await start(initial)).state();
    expect(first.revision).toBe(1);
    expect(first.settings.parallel).toBe(2);
    expect((await start(initial)).state()).toEqual(first);
    expect((await start()).state()).toEqual(first);
  });

  test('is a changed configuration as the next revision', async () => {
    await start({ models: [fileModel('a')], settings: {} });
    const changed = await start({ models: [fileModel('b')], settings: {} });
    expect(changed.state().revision).toBe(2);
    expect(names(changed.state())).toEqual(['b']);
    const again = await start({ models: [fileModel('b')], settings: { contextSize: 128 } });
    expect(again.state().revision).toBe(3);
  });

  test('is what was pushed, whatever the configuration says', async () => {
    const catalog = await start({ models: [fileModel('a')], settings: {} });
    await catalog.apply(stateAt(5, 'pushed'));
    const again = await start({ models: [fileModel('changed')], settings: {} });
    expect(again.state().revision).toBe(5);
    expect(names(again.state())).toEqual(['pushed']);
  });

  test('is refused when the configuration asks for what cannot be', async () => {
    await expect(
      start({ models: [fileModel('a'), fileModel('A:latest')], settings: {} }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('apply', () => {
  test('takes newer states over, ignores equal ones and refuses older ones', async () => {
    const catalog = await start();
    const seen: number[] = [];
    const unsubscribe = catalog.onChange((state) => seen.push(state.revision));
    await expect(catalog.apply(stateAt(3, 'a'))).resolves.toEqual({ revision: 3, changed: true });
    await expect(catalog.apply(stateAt(3, 'other'))).resolves.toEqual({ revision: 3, changed: false });
    expect(names(catalog.state())).toEqual(['a']);
    await expect(catalog.apply(stateAt(2, 'b'))).rejects.toMatchObject({ code: 'stale_revision' });
    unsubscribe();
    await catalog.apply(stateAt(4, 'c'));
    expect(seen).toEqual([3]);
    expect(names((await start()).state())).toEqual(['c']);
  });

  test('decides one after the other when called at once', async () => {
    const catalog = await start();
    const results = await Promise.allSettled(
      [5, 9, 7, 9, 10].map((revision) => catalog.apply(stateAt(revision))),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((await start()).state().revision).toBe(10);
    expect((await readdir(dataDir)).sort()).toEqual(['catalog.json']);
  });

  test('a listener that throws does not undo what was taken over', async () => {
    const catalog = await start();
    catalog.onChange(() => {
      throw new Error('listener');
    });
    await expect(catalog.apply(stateAt(2, 'a'))).resolves.toEqual({ revision: 2, changed: true });
  });

  test('names every problem at once', async () => {
    const catalog = await start();
    const bad = {
      revision: 2,
      settings: {},
      models: [
        fileModel('a'),
        fileModel('A:latest'),
        fileModel('../etc/passwd'),
        { name: 'web', source: { http: 'https://example.org/m.gguf' } },
        { name: 'odd', source: { http: 'https://' }, sha256: digest },
      ],
    } satisfies DesiredState;
    const error: unknown = await catalog.apply(bad).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'invalid_request' });
    const { message } = error as Error;
    expect(message).toContain('models[1].name is a:latest again, after models[0]');
    expect(message).toContain('models[2].name is not a valid model name');
    expect(message).toContain('models[3].sha256 is required');
    expect(message).toContain('models[4].source.http is not a well-formed URL');
    expect(catalog.state().revision).toBe(0);
  });

  test.each([
    ['no object', 'text'],
    ['no revision', { models: [], settings: {} }],
    ['revision 0', { revision: 0, models: [], settings: {} }],
    ['unknown field', { revision: 2, models: [], settings: {}, extra: true }],
    ['bad digest', { revision: 2, models: [{ ...fileModel('a'), sha256: 'AB' }], settings: {} }],
    [
      'two sources',
      { revision: 2, models: [{ name: 'a', source: { file: 'a', http: 'http://b' } }], settings: {} },
    ],
    ['replicas 0', { revision: 2, models: [{ ...fileModel('a'), replicas: 0 }], settings: {} }],
  ])('refuses what the schema refuses: %s', async (_what, value) => {
    const catalog = await start();
    await expect(catalog.apply(value as DesiredState)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('a state that cannot be written is not taken over', async () => {
    const catalog = await start();
    await catalog.apply(stateAt(2, 'a'));
    await rm(dataDir, { recursive: true });
    await expect(catalog.apply(stateAt(3, 'b'))).rejects.toThrow();
    expect(catalog.state().revision).toBe(2);
  });
});

describe('a damaged file', () => {
  const write = async (content: string): Promise<void> => {
    await start({ models: [], settings: {} });
    await writeFile(join(dataDir, 'catalog.json'), content);
  };

  test.each([
    ['empty', ''],
    ['cut off', '{"version":1,"origin":"pushed","sta'],
    ['not an object', 'null'],
    ['another version', '{"version":2,"origin":"pushed","state":{}}'],
    ['an unknown origin', '{"version":1,"origin":"x","state":{"revision":1,"models":[],"settings":{}}}'],
    ['a state that is not valid', '{"version":1,"origin":"pushed","state":{"revision":1}}'],
    ['binary', '\u0000\u0001\u0002'],
  ])('%s is reported with its name and left as it is', async (_what, content) => {
    await write(content);
    await expect(start({ models: [fileModel('a')], settings: {} })).rejects.toMatchObject({
      code: 'state_corrupt',
      message: expect.stringContaining(join(dataDir, 'catalog.json')) as unknown,
    });
    expect(await readFile(join(dataDir, 'catalog.json'), 'utf8')).toBe(content);
  });

  test('the file is readable by its owner only: sources may hold credentials', async () => {
    await start({ models: [], settings: {} });
    expect((await stat(join(dataDir, 'catalog.json'))).mode & 0o777).toBe(0o600);
  });
});
