import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { estimateMemory, insufficientMemory, readAvailableMemory } from './memory-check.ts';
import { tinyModel } from './test-engine.ts';

const gib = 1024 ** 3;

describe('estimateMemory', () => {
  test('adds file, context and margin, and says so', () => {
    const model = { ...tinyModel(), sizeBytes: 4 * gib, kvBytesPerToken: 131_072, parallel: 2 };
    const estimate = estimateMemory(model, 8192);
    expect(estimate.totalBytes).toBeGreaterThan(6 * gib);
    expect(estimate.totalBytes).toBeLessThan(6.5 * gib);
    const error = insufficientMemory(model, estimate, gib);
    expect(error.code).toBe('insufficient_memory');
    expect(error.message).toContain('4096 MiB for the file + 2048 MiB for 2 x 8192 tokens of context');
    expect(error.message).toContain('1024 MiB are available');
  });

  test('more context needs more', () => {
    const model = tinyModel();
    expect(estimateMemory(model, 4096).totalBytes).toBeGreaterThan(estimateMemory(model, 512).totalBytes);
  });
});

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
    expect(await readAvailableMemory()).toBeGreaterThan(0);
  });
});
