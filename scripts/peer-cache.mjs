/** Programs that tests and benches compare with, kept below ~/.cache/ollamamax once they were unpacked or built. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * @param {string} name which holds whatever the content depends on
 * @returns {string} where a folder of that name is or would be
 */
export function cached(name) {
  return join(homedir(), '.cache', 'ollamamax', name);
}

/**
 * A folder that appears as a whole or not at all.
 * @param {string} name
 * @param {(partial: string) => Promise<void>} make
 * @returns {Promise<string>} the folder
 */
export async function once(name, make) {
  const folder = cached(name);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}-`);
  try {
    await make(partial);
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}
