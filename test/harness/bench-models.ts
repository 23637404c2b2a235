import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const benchModels = join(homedir(), '.cache', 'ollamamax', 'bench-models');

/**
 * The path of a model's file below the user's cache folder; it is written when it is not there yet.
 * @param write makes it, whole, at another path
 */
export const cachedModel = async (
  name: string,
  write: (path: string) => Promise<void>,
  folder = benchModels,
): Promise<string> => {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  try {
    await write(partial);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  return path;
};
