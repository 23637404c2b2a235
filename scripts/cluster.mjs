/** `npm run cluster -- up|down|load|status`: a real Kubernetes on this machine, see test/cluster/kubernetes/main.ts. */
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { runOnOwnNode } from './own-node.mjs';

const args = process.argv.slice(2);
await runOnOwnNode([join(root, 'test/cluster/kubernetes/main.ts'), ...args], { dashboard: false });
