/** The official Python clients in a virtual environment of the checkout, at the versions of their requirements file. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { findProgram } from './program.mjs';
import { runStep, StepFailed } from './step.mjs';

const folder = join(root, '.cache', 'python');
const requirements = join(root, 'test/clients/python/requirements.txt');

/** @returns {Promise<import('./machine.mjs').Tool | import('./machine.mjs').Missing>} */
export async function pythonClients() {
  const python = join(folder, 'bin', 'python');
  const tool = { env: { OLLAMAMAX_PYTHON: python } };
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
  await runStep('Installing the Python clients', {
    file: python,
    args: ['-m', 'pip', 'install', '--quiet', '--requirement', requirements],
  });
  writeFileSync(stamp, wanted);
  return tool;
}
