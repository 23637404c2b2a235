/**
 * Runs Jest with what native ES modules need: `node scripts/jest.mjs PROJECT... [-- JEST OPTIONS]`.
 * Example: `node scripts/jest.mjs unit -- agent/src/http -t 'slow client'`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const argv = process.argv.slice(2);
const cut = argv.indexOf('--');
const projects = cut === -1 ? argv : argv.slice(0, cut);
const options = cut === -1 ? [] : argv.slice(cut + 1);

const { status } = spawnSync(
  join(root, 'node_modules/node/bin/node'),
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...(projects.length > 0 ? ['--selectProjects', ...projects] : []),
    ...options,
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;
