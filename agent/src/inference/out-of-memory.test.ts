import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preferAsVictim, readOomKills } from './out-of-memory.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ollamamax-oom-'));
  await mkdir(join(root, 'proc/7'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

test.each([
  ['0\n', '1000'],
  ['-100\n', '900'],
  ['997\n', '1000'],
])('a process that has the score %j is given %j', async (score, raised) => {
  const path = join(root, 'proc/7/oom_score_adj');
  await writeFile(path, score);
  preferAsVictim(7, root);
  expect(await readFile(path, 'utf8')).toBe(raised);
});

test('one that has ended, or whose kernel knows no scores, is left alone', () => {
  preferAsVictim(8, root);
});

test('the kernel tells how many it has ended', async () => {
  expect(readOomKills(root)).toBeUndefined();
  await writeFile(join(root, 'proc/vmstat'), 'pgfault 12\noom_kill 3\noom_kill_other 9\n');
  expect(readOomKills(root)).toBe(3);
});
