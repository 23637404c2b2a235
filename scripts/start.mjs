/** `npm start`: installs what is missing, then starts a local cluster. Arguments after `--` go to `ollamamax up`. */
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { runOnOwnNode } from './own-node.mjs';

await runOnOwnNode([join(root, 'agent/src/cli/main.ts'), 'up', ...process.argv.slice(2)]);
