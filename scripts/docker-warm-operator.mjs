/**
 * Inside an image build: lets the operator say its version, as the user it will run as. That loads all of it, and what
 * Node compiles of it is kept in FOLDER, for starts with NODE_COMPILE_CACHE and the same Node and user.
 * Usage: `node scripts/docker-warm-operator.mjs FOLDER`.
 */
import { spawnSync } from 'node:child_process';
import { folderOf, seal, user } from './docker-compile-cache.mjs';

const cache = process.argv[2];
if (cache === undefined) throw new Error('Name the folder that keeps what Node compiles.');
folderOf(user, cache);
const { status, signal, error } = spawnSync(process.execPath, ['operator/src/main.ts', '--version'], {
  uid: user,
  gid: user,
  stdio: 'inherit',
  timeout: 60_000,
  env: { ...process.env, NODE_COMPILE_CACHE: cache },
});
if (error !== undefined) throw error;
if (status !== 0) throw new Error(`The operator ended with ${signal ?? `code ${status ?? 'unknown'}`}.`);
seal(cache);
