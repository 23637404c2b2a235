import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { readAvailableMemory, totalMemory } from './available-memory.ts';

const gib = 1024 ** 3;

describe('readAvailableMemory', () => {
  let root = '';
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'memory-'));
    await put('proc/meminfo', 'MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\n');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test('is what the kernel says without a limit', async () => {
    expect(await readAvailableMemory(root)).toBe(4 * gib);
    await put('sys/fs/cgroup/memory.max', 'max\n');
    await put('sys/fs/cgroup/memory.current', '100\n');
    expect(await readAvailableMemory(root)).toBe(4 * gib);
  });

  test('respects a control group of version 2', async () => {
    await put('sys/fs/cgroup/memory.max', `${2 * gib}\n`);
    await put('sys/fs/cgroup/memory.current', `${gib}\n`);
    await put('sys/fs/cgroup/memory.stat', `anon 1\ninactive_file ${gib / 2}\n`);
    expect(await readAvailableMemory(root)).toBe(1.5 * gib);
  });

  test('respects a control group of version 1', async () => {
    await put('sys/fs/cgroup/memory/memory.limit_in_bytes', `${gib}\n`);
    await put('sys/fs/cgroup/memory/memory.usage_in_bytes', `${2 * gib}\n`);
    expect(await readAvailableMemory(root)).toBe(0);
  });

  test('reads this machine', async () => {
    const available = await readAvailableMemory();
    expect(available).toBeGreaterThan(0);
    expect(available).toBeLessThanOrEqual(totalMemory());
    expect(totalMemory()).toBeLessThanOrEqual(totalmem());
  });
});
