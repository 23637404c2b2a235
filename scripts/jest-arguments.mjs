import { join } from 'node:path';
import { root } from './bootstrap.mjs';

/**
 * The arguments for our own Node that run Jest on native ES modules.
 * @param {string[]} projects names from jest.config.js; none means all
 * @param {string[]} options passed to Jest
 */
export function jestArguments(projects, options) {
  return [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--config',
    join(root, 'jest.config.js'),
    ...options,
    // Last, because it takes every word that follows it for a project.
    ...(projects.length > 0 ? ['--selectProjects', ...projects] : []),
  ];
}
