import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile, copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { administrationPath, kubernetesPrograms } from '../../scripts/kubernetes-programs.mjs';
import type { Namespace } from './namespace.ts';
import { kubectl } from './kubernetes/kubectl.ts';
import { run } from './kubernetes/run.ts';

/** What stands in a document, to be done as it stands there. */
export interface DocumentedSteps {
  /** The fenced blocks of the section, in order, without their indent. */
  readonly blocks: readonly string[];
  /** Saves a block as a file of the folder in which commands run. */
  save(name: string, text: string): Promise<void>;
  /** Runs commands as a person would type them, in the namespace. Returns what they printed. */
  run(commands: string): Promise<string>;
  remove(): Promise<void>;
}

const blocksOf = (path: string, heading: string): DocumentedSteps['blocks'] => {
  const document = readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
  const [, section = ''] = document.split(`\n${heading}\n`);
  const [text = ''] = section.split(/\n##+ /);
  return [...text.matchAll(/^( *)```\w+\n([\s\S]*?)^ *```$/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
};

/** @param heading as it stands there, with its signs */
export const documentedSteps = async (
  kubeconfig: string,
  space: Namespace,
  path: string,
  heading: string,
): Promise<DocumentedSteps> => {
  const folder = await mkdtemp(join(tmpdir(), 'ollamamax-steps-'));
  const own = join(folder, 'kubeconfig');
  await copyFile(kubeconfig, own);
  await kubectl(own, ['config', 'set-context', '--current', `--namespace=${space.name}`]);
  const programs = await kubernetesPrograms('all');
  const env = { KUBECONFIG: own, PATH: `${programs}${delimiter}${administrationPath}` };
  return {
    blocks: blocksOf(path, heading),
    save: (name, text) => writeFile(join(folder, name), text),
    run: (commands) =>
      run('bash', ['-euo', 'pipefail', '-c', `cd '${folder}'\n${commands}`], { env, timeoutMs: 300_000 }),
    remove: () => rm(folder, { recursive: true }),
  };
};
