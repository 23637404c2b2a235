import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { writeFileAtomic } from './atomic-file.ts';

test('replaces content and permissions, and leaves nothing else behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'atomic-'));
  try {
    const file = join(folder, 'a');
    await writeFileAtomic(file, 'old', 0o644);
    await writeFileAtomic(file, 'new', 0o600);
    expect(await readFile(file, 'utf8')).toBe('new');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await expect(writeFileAtomic(join(folder, 'no', 'a'), 'x', 0o600)).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(await readdir(folder)).toEqual(['a']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
