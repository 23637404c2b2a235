import { lookup as dnsLookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { ApiError, NodeConfig, compileValidator, type ErrorCode } from '@ollamamax/api';
import { parseConfigFile, type ConfigFile } from '@ollamamax/common';
import { checkConfig } from './check-config.ts';
import { settingKind } from './config-schema.ts';
import { applyEnvironment, misspeltVariables, type Environment } from './environment.ts';
import { explain, related, validRest } from './invalid-settings.ts';
import type { Lookup } from './listen-address.ts';
import { applyOllamaEnvironment, ineffectiveVariables, ollamaVariables } from './ollama-environment.ts';

export interface LoadConfigOptions {
  /** Path of node.yaml; without it the one in `cwd` is used if there is one. */
  readonly file?: string;
  readonly cwd: string;
  readonly env: Environment;
  /** For tests; DNS with a deadline of two seconds when left out. */
  readonly lookup?: Lookup;
}

export interface LoadedConfig {
  /**
   * Deep-frozen. Paths are absolute: those of the file are relative to its folder, others to `cwd`.
   * `auth.jwtSecret` also holds the content of `auth.jwtSecretFile`.
   */
  readonly config: NodeConfig;
  /** The file that was read, if any. */
  readonly file: string | undefined;
  /** Sentences about what is allowed but probably not meant. */
  readonly warnings: readonly string[];
  /** Where a setting comes from: `API_LISTEN`, `node.yaml:3:8` or `default`. */
  originOf(path: string): string;
}

const defaultFile = 'node.yaml';
const lookupTimeoutMs = 2000;
const validate = compileValidator(NodeConfig);

const systemLookup: Lookup = async (host) => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${host}`)), lookupTimeoutMs);
  });
  try {
    return (await Promise.race([dnsLookup(host, { all: true }), late])).map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
};

const readConfigText = async (
  options: LoadConfigOptions,
): Promise<{ readonly file: string; readonly shown: string; readonly text: string } | undefined> => {
  const file = resolve(options.cwd, options.file ?? defaultFile);
  const inside = relative(options.cwd, file);
  const shown = inside.startsWith('..') ? file : inside;
  try {
    return { file, shown, text: await readFile(file, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && options.file === undefined) return undefined;
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'may not be read by this user'
          : code === 'EISDIR'
            ? `is a folder; name the file in it, such as ${join(shown, defaultFile)}`
            : `cannot be read (${code ?? 'unknown error'})`;
    throw new ApiError('config_invalid', `The configuration file ${shown} ${why}.`, { cause: error });
  }
};

const absolutePaths = (config: NodeConfig, baseOf: (path: string) => string): void => {
  const fix = (
    holder: Record<string, unknown> | undefined,
    prefix: string,
    names: readonly string[],
  ): void => {
    for (const name of names) {
      const value = holder?.[name];
      if (holder !== undefined && typeof value === 'string')
        holder[name] = resolve(baseOf(`${prefix}.${name}`), value);
    }
  };
  fix(config.tls, 'tls', ['certFile', 'keyFile']);
  fix(config.internalTls, 'internalTls', ['caFile', 'certFile', 'keyFile']);
  fix(config.storage, 'storage', ['dataDir', 'modelDir', 'cacheDir']);
  fix(config.auth, 'auth', ['usersFile', 'jwtSecretFile']);
  config.models.forEach((model, index) => {
    fix(model.source, `models[${index}].source`, ['file']);
    for (const [place, { source }] of (model.adapters ?? []).entries())
      fix(source, `models[${index}].adapters[${place}].source`, ['file']);
    fix(model.projector?.source, `models[${index}].projector.source`, ['file']);
    fix(model.draft?.source, `models[${index}].draft.source`, ['file']);
  });
};

const deepFreeze = <T>(value: T): T => {
  if (value !== null && typeof value === 'object') {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
};

interface Finding {
  readonly where: string;
  readonly text: string;
  readonly code: ErrorCode;
}

const failure = (findings: readonly Finding[]): ApiError => {
  const code = findings.every((finding) => finding.code === 'insecure_listen')
    ? 'insecure_listen'
    : 'config_invalid';
  const lines = findings.map(({ where, text }) => (where === '' ? text : `${where}: ${text}`));
  const [only] = lines;
  return new ApiError(
    code,
    lines.length === 1 && only !== undefined
      ? only
      : `The configuration has ${lines.length} problems:\n${lines.map((line) => `  - ${line}`).join('\n')}`,
  );
};

/**
 * Reads node.yaml, puts environment variables over it, fills in defaults and checks the whole.
 * @throws ApiError config_invalid (or insecure_listen, when that is all) with every problem and its place
 */
export const loadConfig = async (options: LoadConfigOptions): Promise<LoadedConfig> => {
  const source = await readConfigText(options);
  const file: ConfigFile = parseConfigFile(source?.text ?? '', {
    variables: options.env,
    kindOf: settingKind,
  });
  const shown = source === undefined ? defaultFile : source.shown;
  const tree = structuredClone(file.value);
  const own = applyEnvironment(tree, options.env);
  const ollama = applyOllamaEnvironment(tree, options.env);
  const environment = {
    from: new Map([...own.from, ...ollama.from]),
    problems: [...own.problems, ...ollama.problems],
  };

  const originOf = (path: string): string => {
    const variable = environment.from.get(path);
    if (variable !== undefined) return variable;
    const position = file.has(path) ? file.positionOf(path) : undefined;
    return position === undefined ? 'default' : `${shown}:${position.line}:${position.column}`;
  };
  const placeOf = (path: string): string => {
    const variable = environment.from.get(path);
    if (variable !== undefined) return variable;
    const position = file.positionOf(path);
    return position === undefined
      ? source === undefined
        ? ''
        : shown
      : `${shown}:${position.line}:${position.column}`;
  };
  const finding = (path: string, message: string, code: ErrorCode = 'config_invalid'): Finding => ({
    where: placeOf(path),
    text: path === '' ? message : `${path} ${message}`,
    code,
  });

  const findings: Finding[] = [
    ...file.problems.map(({ path, message, position }) => ({
      where: position === undefined ? shown : `${shown}:${position.line}:${position.column}`,
      text: path === '' ? message : `${path} ${message}`,
      code: 'config_invalid' as const,
    })),
    ...environment.problems.map(({ variable, path, message }) => ({
      where: variable,
      text: `${path} ${message}`,
      code: 'config_invalid' as const,
    })),
  ];

  const checked = validate(tree);
  const schemaProblems = checked.ok ? [] : checked.problems;
  const alreadySaid = [
    ...environment.problems.map(({ path }) => path),
    ...file.problems.map(({ path }) => path).filter((path) => path !== ''),
    ...file.unresolved,
  ];
  for (const problem of schemaProblems)
    if (!alreadySaid.includes(problem.path)) findings.push(finding(problem.path, explain(problem, tree)));
  alreadySaid.push(...schemaProblems.map(({ path }) => path));

  const config = checked.ok ? checked.value : validRest(tree, schemaProblems, validate);
  if (config === undefined) throw failure(findings);
  const fileFolder = source === undefined ? options.cwd : dirname(source.file);
  absolutePaths(config, (path) => (environment.from.has(path) || !file.has(path) ? options.cwd : fileFolder));
  const semantic = await checkConfig(config, options.lookup ?? systemLookup);
  for (const problem of semantic.problems)
    if (!alreadySaid.some((path) => related(path, problem.path)))
      findings.push(finding(problem.path, problem.message, problem.code));
  if (findings.length > 0) throw failure(findings);

  if (semantic.jwtSecret !== undefined) config.auth.jwtSecret = semantic.jwtSecret;
  return {
    config: deepFreeze(config),
    file: source?.file,
    warnings: [
      ...misspeltVariables(options.env, ollamaVariables),
      ...ineffectiveVariables(options.env),
      ...semantic.warnings,
    ],
    originOf,
  };
};
