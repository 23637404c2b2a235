import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { mutants } from './catalogue.ts';
import type { Mutant } from './mutant.ts';

export const urlOf = ({ file }: Mutant): URL =>
  new URL(`../../../../agent/src/raft/${file}`, import.meta.url);

/** @throws when the place is not there any more, or not the only one */
export const mutate = (source: string, { name, file, find, replace }: Mutant): string => {
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(`mutant ${name}: what it replaces stands ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
};

/** Whatever of this thread loads the file from now on gets the mutated one: the code itself has no switch for it. */
export const applyMutant = (name: string): void => {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  const { href } = urlOf(mutant);
  const source = mutate(readFileSync(urlOf(mutant), 'utf8'), mutant);
  registerHooks({
    load: (url, context, nextLoad) =>
      url === href ? { format: 'module-typescript', source, shortCircuit: true } : nextLoad(url, context),
  });
};
