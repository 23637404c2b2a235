import { join } from 'node:path';
import { root } from './bootstrap.mjs';

/**
 * What can be said about the sources without running them.
 * @param {{ cached: boolean }} options `cached`: lint only files that changed, although a type elsewhere may have
 * @returns {{ name: string, args: string[] }[]} arguments for our own Node
 */
export function staticChecks({ cached }) {
  const tool = (/** @type {string} */ path) => join(root, 'node_modules', path);
  const cache = (/** @type {string} */ name) =>
    cached ? ['--cache', '--cache-location', tool(`.cache/${name}-check.json`)] : [];
  return [
    ...['api', 'agent', 'operator'].map((workspace) => ({
      name: `generated files of ${workspace}`,
      args: [join(root, workspace, 'src/generate/main.ts'), '--check'],
    })),
    { name: 'lint', args: [tool('eslint/bin/eslint.js'), '--max-warnings=0', ...cache('eslint'), '.'] },
    {
      name: 'format',
      args: [tool('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', ...cache('prettier'), '.'],
    },
    { name: 'types', args: [tool('typescript/bin/tsc'), '-b'] },
  ];
}
