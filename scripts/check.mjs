/** `npm run check`: the inner loop. Lint, format, types, unit tests and conventions; runs all, then says what failed. */
import { spawnSync } from 'node:child_process';
import { bootstrap, ownNode, ownNodeEnvironment, root } from './bootstrap.mjs';
import { jestArguments } from './jest-arguments.mjs';
import { staticChecks } from './static-checks.mjs';
import { endWith } from './step.mjs';

await bootstrap({ dashboard: false }).catch(endWith);
const checks = [
  ...staticChecks({ cached: true }),
  { name: 'tests', args: jestArguments(['unit', 'conventions'], ['--passWithNoTests']) },
];
const failed = checks.filter(({ args }) => {
  const { status } = spawnSync(ownNode, args, { cwd: root, stdio: 'inherit', env: ownNodeEnvironment() });
  return status !== 0;
});
process.stdout.write(
  failed.length === 0 ? 'All checks passed.\n' : `Failed: ${failed.map(({ name }) => name).join(', ')}.\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
