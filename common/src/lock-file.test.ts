import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { acquireFileLock, lockHolder } from './lock-file.ts';

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(folder, 'a.lock');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('one of many gets it; the others learn who; it is free after release', async () => {
  const results = await Promise.all(Array.from({ length: 8 }, () => acquireFileLock(path)));
  const held = results.filter((result) => 'release' in result);
  expect(held).toHaveLength(1);
  expect(results.filter((result) => 'heldBy' in result && result.heldBy.pid === process.pid)).toHaveLength(7);
  await held[0]?.release();
  expect(await readdir(folder)).toEqual([]);
  expect(await acquireFileLock(path)).toHaveProperty('release');
});

test.each<[string, () => Promise<string>]>([
  [
    'of a process that has ended',
    async () => {
      const child = spawn(process.execPath, ['-e', '0']);
      await once(child, 'exit');
      return `${child.pid ?? 0} 1\n`;
    },
  ],
  ['of an earlier process with our number', () => Promise.resolve(`${process.pid} 1\n`)],
  ['that holds nothing readable', () => Promise.resolve('?')],
])('a lock %s is taken over by one', async (_name, content) => {
  await writeFile(path, await content());
  const results = await Promise.all([acquireFileLock(path), acquireFileLock(path)]);
  expect(results.filter((result) => 'release' in result)).toHaveLength(1);
});

test('who holds a lock is seen without taking it', async () => {
  expect(await lockHolder(path)).toBe(undefined);
  const lock = await acquireFileLock(path);
  expect(await lockHolder(path)).toEqual({ pid: process.pid });
  if ('release' in lock) await lock.release();
  expect(await lockHolder(path)).toBe(undefined);
  await writeFile(path, `${process.pid} 1\n`);
  expect(await lockHolder(path)).toBe(undefined);
});
