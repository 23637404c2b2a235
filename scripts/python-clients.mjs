/** Python programs in virtual environments of the checkout, at the versions of their requirements files. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { findProgram } from './program.mjs';
import { runStep, StepFailed } from './step.mjs';

/**
 * @typedef {{ what: string, folder: string, requirements: string, variable: string }} Environment
 * what is installed, in words; where; what it is, as a file; and the variable that tells a suite its Python
 */

/** @type {Environment} */
const clients = {
  what: 'the Python clients',
  folder: 'python',
  requirements: 'test/clients/python/requirements.txt',
  variable: 'OLLAMAMAX_PYTHON',
};

/** @type {Environment} */
const schemathesis = {
  what: 'Schemathesis',
  folder: 'schemathesis',
  requirements: 'test/contract/schemathesis/requirements.txt',
  variable: 'OLLAMAMAX_SCHEMATHESIS_PYTHON',
};

/** The official Python clients. */
export const pythonClients = () => environment(clients);

/** What drives every route from the OpenAPI document. */
export const schemathesisTool = () => environment(schemathesis);

/**
 * @param {Environment} wanted
 * @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>}
 */
async function environment({ what, folder: name, requirements: file, variable }) {
  const folder = join(root, '.cache', name);
  const requirements = join(root, file);
  const python = join(folder, 'bin', 'python');
  const tool = { env: { [variable]: python } };
  const stamp = join(folder, '.requirements-sha256');
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return tool;

  const system = findProgram('python3');
  if (system === undefined) return { missing: 'no Python: install python3 and python3-venv' };
  rmSync(folder, { recursive: true, force: true });
  try {
    await runStep('Making a Python environment', { file: system, args: ['-m', 'venv', folder] });
  } catch (error) {
    if (error instanceof StepFailed) return { missing: 'python3 -m venv fails: install python3-venv' };
    throw error;
  }
  await runStep(`Installing ${what}`, {
    file: python,
    args: ['-m', 'pip', 'install', '--quiet', '--requirement', requirements],
  });
  writeFileSync(stamp, wanted);
  return tool;
}
