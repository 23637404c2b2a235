import { formatYaml, redact } from '@ollamamax/common';
import { isSecretSetting } from '../config/config-schema.ts';
import { loadConfig, type LoadedConfig } from '../config/load-config.ts';
import { usageError } from './cli-error.ts';
import type { CliContext } from './context.ts';

export interface ConfigOptions {
  readonly config?: string;
}

export interface ConfigShowOptions extends ConfigOptions {
  readonly output: string;
}

const mask = '[redacted]';

const load = async (options: ConfigOptions, context: CliContext): Promise<LoadedConfig> => {
  const loaded = await loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    cwd: context.cwd,
    env: context.env,
  });
  for (const warning of loaded.warnings) context.stderr.write(`Warning: ${warning}\n`);
  return loaded;
};

/** Hides settings that are marked as secret, and whatever has the form of one, such as passwords in URLs. */
const masked = (value: unknown, path: string): unknown => {
  if (isSecretSetting(path)) return mask;
  if (Array.isArray(value)) return value.map((item, index) => masked(item, `${path}[${index}]`));
  if (value === null || typeof value !== 'object') return redact(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      name,
      masked(child, path === '' ? name : `${path}.${name}`),
    ]),
  );
};

/** Every single setting with its path, in order. */
const leaves = (value: unknown, path: string): { path: string; value: unknown }[] => {
  if (value === null || typeof value !== 'object') return [{ path, value }];
  const children = Array.isArray(value)
    ? value.map((item, index) => leaves(item, `${path}[${index}]`))
    : Object.entries(value).map(([name, child]) => leaves(child, path === '' ? name : `${path}.${name}`));
  return children.length === 0 && path !== '' ? [{ path, value }] : children.flat();
};

export const checkConfigCommand = async (options: ConfigOptions, context: CliContext): Promise<void> => {
  const { file } = await load(options, context);
  context.stdout.write(
    file === undefined
      ? 'The configuration is valid: defaults and environment, no node.yaml here.\n'
      : `${file} is valid.\n`,
  );
};

export const showConfigCommand = async (options: ConfigShowOptions, context: CliContext): Promise<void> => {
  const loaded = await load(options, context);
  const shown = masked(loaded.config, '');
  switch (options.output) {
    case 'yaml':
      context.stdout.write(formatYaml(shown));
      return;
    case 'json':
      context.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
      return;
    case 'origin':
      for (const { path, value } of leaves(shown, ''))
        context.stdout.write(`${path} = ${JSON.stringify(value)}  # ${loaded.originOf(path)}\n`);
      return;
    default:
      throw usageError(`-o ${options.output} is not a form of output.`, 'Choose yaml, json or origin.');
  }
};
