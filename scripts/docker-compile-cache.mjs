/** Inside an image build: the folder in which Node keeps what it compiles, written once and read at every start. */
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Who runs in our images: nobody that any system knows. */
export const user = 65532;

/**
 * Makes a folder that belongs to a user and to the group of the same number.
 * @param {number} owner
 * @param {string} folder
 */
export function folderOf(owner, folder) {
  mkdirSync(folder, { recursive: true });
  chownSync(folder, owner, owner);
}

/**
 * Gives it to root, to be read by all: whoever breaks into a program must not be able to plant code for its next start.
 * @param {string} folder
 */
export function seal(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) seal(path);
    else chmodSync(path, 0o644);
    chownSync(path, 0, 0);
  }
  chmodSync(folder, 0o755);
  chownSync(folder, 0, 0);
}
