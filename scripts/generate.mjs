/** `npm run generate`: writes everything that is made from the sources; `-- --check` says what is not up to date. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap, ownNode, ownNodeEnvironment, root } from './bootstrap.mjs';
import { endWith } from './step.mjs';

/** Each writes the documents of its workspace. */
const generators = [
  'api/src/generate/main.ts',
  'agent/src/generate/main.ts',
  'operator/src/generate/main.ts',
];

await bootstrap({ dashboard: false }).catch(endWith);
let code = 0;
for (const generator of generators) {
  const { status } = spawnSync(ownNode, [join(root, generator), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: ownNodeEnvironment(),
  });
  if (status !== 0) code = 1;
}
process.exit(code);
