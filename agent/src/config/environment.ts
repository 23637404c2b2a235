import { environmentSettings, type SettingSchema } from './config-schema.ts';
import { nearest } from './edit-distance.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentProblem {
  readonly variable: string;
  readonly path: string;
  readonly message: string;
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

type Typed = { readonly value: unknown } | { readonly problem: string };

const typed = (text: string, schema: SettingSchema): Typed => {
  switch (schema.type) {
    case 'boolean': {
      const value = truths[text.trim().toLowerCase()];
      return value === undefined
        ? { problem: `must be true or false, not ${JSON.stringify(text)}` }
        : { value };
    }
    case 'integer':
    case 'number': {
      const value = Number(text);
      return text.trim() === '' || !Number.isFinite(value)
        ? { problem: `must be a number, not ${JSON.stringify(text)}` }
        : { value };
    }
    case 'array':
      return {
        value: text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      };
    default:
      return { value: text };
  }
};

/**
 * Puts the values of environment variables into `tree`, over those of the file. An empty variable counts as
 * not set, as container tools pass unset ones that way.
 * @returns which setting came from which variable, and what could not be read
 */
export const applyEnvironment = (
  tree: Record<string, unknown>,
  environment: Environment,
): { readonly from: ReadonlyMap<string, string>; readonly problems: readonly EnvironmentProblem[] } => {
  const from = new Map<string, string>();
  const problems: EnvironmentProblem[] = [];
  for (const { variable, path, schema } of environmentSettings) {
    const text = environment[variable];
    if (text === undefined || text === '') continue;
    const dotted = path.join('.');
    const result = typed(text, schema);
    if ('problem' in result) {
      problems.push({ variable, path: dotted, message: result.problem });
      continue;
    }
    let at = tree;
    for (const part of path.slice(0, -1)) {
      const next = at[part];
      if (next === undefined || next === null) at[part] = {};
      else if (typeof next !== 'object' || Array.isArray(next)) break;
      at = at[part] as Record<string, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) at[last] = result.value;
    from.set(dotted, variable);
  }
  return { from, problems };
};

const ours = /^OLLAMA(MAX)?_|^(API|DASHBOARD|METRICS|INTERNAL|P2P)_LISTEN|^(AUTH|LOG|RAFT|NODE)_/;

/**
 * One sentence for each variable that looks like a misspelt one of ours.
 * @param others variables with other meanings, which are never taken for misspelt ones
 */
export const misspeltVariables = (environment: Environment, others: readonly string[]): string[] => {
  const known = environmentSettings.map((setting) => setting.variable);
  const taken = new Set([...known, ...others]);
  return Object.keys(environment)
    .filter((name) => !taken.has(name) && ours.test(name.toUpperCase()))
    .flatMap((name) => {
      const meant = nearest(name, known, name.startsWith('OLLAMA') ? 3 : 2);
      return meant === undefined
        ? []
        : [`The environment variable ${name} is not known and has no effect; did you mean ${meant}?`];
    });
};
