/** `node scripts/with-node.mjs FILE ARGS...`: runs a TypeScript program of this project on the project's own Node. */
import { runOnOwnNode } from './own-node.mjs';

const args = process.argv.slice(2);
if (args.length === 0) {
  process.stderr.write('Usage: node scripts/with-node.mjs FILE ARGS...\n');
  process.exit(2);
}
await runOnOwnNode(args, { dashboard: false });
