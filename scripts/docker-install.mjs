/**
 * Inside an image build: installs packages with the npm that belongs to this Node, then removes what an image
 * does not need. Needs no shell in the image. Usage: `node scripts/docker-install.mjs NPM-CI-OPTIONS...`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const modules = resolve('node_modules');
const npm = resolve(process.execPath, '../../lib/node_modules/npm/bin/npm-cli.js');
const options = [
  'ci',
  '--ignore-scripts',
  '--no-progress',
  '--no-update-notifier',
  '--cache=/tmp/npm',
  ...process.argv.slice(2),
];
const { status, error } = spawnSync(process.execPath, [npm, ...options], { stdio: 'inherit' });
if (error !== undefined) throw error;
rmSync('/tmp/npm', { recursive: true, force: true });
if (status === 0) removeUnneeded();
process.exitCode = status ?? 1;

/** Native packages of other platforms, the sources that would build one, and a compiler that npm adds as a peer. */
function removeUnneeded() {
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
