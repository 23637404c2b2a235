/**
 * Inside an image build: installs packages with the npm that belongs to this Node, then removes what an image
 * does not need. Needs no shell in the image. Usage: `node scripts/docker-install.mjs [--whole] NPM-CI-OPTIONS...`;
 * `--whole` leaves all there, for a stage that builds from it.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { removeUnneeded } from './docker-prune.mjs';

const whole = process.argv[2] === '--whole';
const npm = resolve(process.execPath, '../../lib/node_modules/npm/bin/npm-cli.js');
const options = [
  'ci',
  '--ignore-scripts',
  '--no-progress',
  '--no-update-notifier',
  '--cache=/tmp/npm',
  ...process.argv.slice(whole ? 3 : 2),
];
const { status, error } = spawnSync(process.execPath, [npm, ...options], { stdio: 'inherit' });
if (error !== undefined) throw error;
rmSync('/tmp/npm', { recursive: true, force: true });
if (status === 0 && !whole) removeUnneeded();
process.exitCode = status ?? 1;
