/** Inside an image build: removes from the installed packages what an image does not need. */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Native packages of other platforms, the sources that would build one, and a compiler that npm adds as a peer. */
export function removeUnneeded() {
  const modules = resolve('node_modules');
  const native = join(modules, '@node-llama-cpp');
  const ours = `${process.platform}-${process.arch === 'arm' ? 'armv7l' : process.arch}`;
  const unneeded = [
    ...listed(native)
      .filter((name) => name !== ours)
      .map((name) => join(native, name)),
    join(modules, 'node-llama-cpp', 'llama', 'gitRelease.bundle'),
    join(modules, 'typescript'),
    join(modules, '.bin'),
  ];
  for (const path of unneeded) rmSync(path, { recursive: true, force: true });
  // Only compilers and debuggers read these, and they are up to half of a package.
  for (const path of readdirSync(modules, { recursive: true, encoding: 'utf8' })) {
    if (/\.(d\.[cm]?ts|map)$/.test(path)) rmSync(join(modules, path), { recursive: true });
  }
}

/** @param {string} folder */
function listed(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) removeUnneeded();
