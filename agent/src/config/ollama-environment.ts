import { join } from 'node:path';
import { parseKeepAlive } from '../http/keep-alive.ts';
import { valueAt } from './config-schema.ts';
import type { Environment, EnvironmentProblem } from './environment.ts';

/** What a variable of Ollama gives a setting of ours: nothing where it leaves the choice to the program. */
type Read = (text: string) => { readonly value: unknown } | { readonly problem: string } | undefined;

/** A variable of Ollama that has a meaning here. */
interface Honoured {
  readonly path: string;
  readonly read: Read;
}

/** Numbers from 0 on; where Ollama takes 0 for "as the program finds best", so do we. */
const count: Read = (text) => {
  if (!/^\d+$/.test(text)) return { problem: `must be a whole number, not ${JSON.stringify(text)}` };
  return Number(text) === 0 ? undefined : { value: Number(text) };
};

const seconds = (text: string): number | undefined => {
  try {
    return parseKeepAlive(text);
  } catch {
    return undefined;
  }
};

const noDuration = (text: string) => ({
  problem: `must be a duration such as 5m or a number of seconds, not ${JSON.stringify(text)}`,
});

/** Longest time that a load may be given. */
const longestLoadSeconds = 86_400;

const falsehoods = new Set(['0', 'f', 'false']);

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };
const ollamaPort = 11_434;

/** `0.0.0.0`, `http://host:8080/`, `[::1]`, `:8080`: an address to listen on, with Ollama's own port as default. */
const host: Read = (text) => {
  const [, scheme = '', given = ''] = /^(?:([a-z]+):\/\/)?([^/]*)/i.exec(text) ?? [];
  const port = defaultPorts[scheme.toLowerCase()] ?? ollamaPort;
  if (scheme !== '' && port === ollamaPort)
    return { problem: `has the scheme ${scheme}; http and https are possible` };
  const isBareIpv6 = /^[0-9a-f:.]+$/i.test(given) && given.split(':').length > 2;
  const address = isBareIpv6 ? `[${given}]` : given;
  return { value: /:\d+$/.test(address) && !isBareIpv6 ? address : `${address || '127.0.0.1'}:${port}` };
};

/** By variable; a setting of the own environment or of node.yaml counts before it. */
const honoured: Readonly<Record<string, Honoured>> = {
  OLLAMA_HOST: { path: 'listen.api', read: host },
  OLLAMA_MODELS: {
    path: 'storage.modelDir',
    // Ollama's files have the same names as ours: in one folder the agent would remove what is no model of its own.
    read: (text) => ({ value: join(text, 'ollamamax') }),
  },
  OLLAMA_KEEP_ALIVE: {
    path: 'settings.keepAliveSeconds',
    read: (text) => {
      const value = seconds(text);
      return value === undefined ? noDuration(text) : { value: value < 0 ? -1 : value };
    },
  },
  OLLAMA_NUM_PARALLEL: { path: 'settings.parallel', read: count },
  OLLAMA_MAX_LOADED_MODELS: { path: 'settings.maxLoadedModels', read: count },
  OLLAMA_MAX_QUEUE: { path: 'settings.maxQueue', read: count },
  OLLAMA_CONTEXT_LENGTH: { path: 'settings.contextSize', read: count },
  OLLAMA_LOAD_TIMEOUT: {
    path: 'inference.loadSeconds',
    read: (text) => {
      const value = seconds(text);
      if (value === undefined) return noDuration(text);
      return { value: value <= 0 ? longestLoadSeconds : Math.min(value, longestLoadSeconds) };
    },
  },
  OLLAMA_DEBUG: {
    path: 'log.level',
    // As Ollama reads it: whatever is not false is true; 2 asks for more than there is here.
    read: (text) => (falsehoods.has(text.toLowerCase()) ? undefined : { value: 'debug' }),
  },
  OLLAMA_LLM_LIBRARY: {
    path: 'inference.gpu',
    read: (text) => (text.startsWith('cpu') ? { value: 'off' } : undefined),
  },
};

/** Variables that Ollama 0.12 reads and that mean nothing here, with the reason. */
export const withoutMeaning: Readonly<Record<string, string>> = {
  OLLAMA_FLASH_ATTENTION: 'flash attention is used wherever the model and the device can',
  OLLAMA_KV_CACHE_TYPE: 'attention state is kept with 16 bits',
  OLLAMA_GPU_OVERHEAD: 'a share of the memory of every GPU is left free anyway',
  OLLAMA_SCHED_SPREAD: 'a model is spread over GPUs only when it does not fit into one',
  OLLAMA_MAX_VRAM: 'the free memory of GPUs is measured',
  OLLAMA_INTEL_GPU: "Intel's GPUs are used by Vulkan without being asked for",
  OLLAMA_NOPRUNE: 'a model says with keepFiles that its file stays',
  OLLAMA_MULTIUSER_CACHE: 'the beginnings of prompts are always shared among the requests of one user',
  OLLAMA_NEW_ENGINE: 'there is one engine',
  OLLAMA_NEW_ESTIMATES: 'there is one way of estimating memory, corrected by what was measured',
  OLLAMA_RUNNERS_DIR: 'runners are part of the agent',
  OLLAMA_LIBRARY_PATH: 'libraries come with the package of node-llama-cpp',
  OLLAMA_TMPDIR: 'the agent writes to storage.dataDir and storage.cacheDir',
  OLLAMA_REMOTES: 'no model is computed by others for it',
  OLLAMA_AUTH: 'auth.enabled and auth.usersFile say who may use the agent',
  OLLAMA_REGISTRY_MAXSTREAMS: 'the agent chooses how many parts of a file it downloads at a time',
  OLLAMA_EXPERIMENT: 'nothing is hidden behind it',
};

/** Variables that only the command `ollama` reads; they do no harm in the environment of an agent. */
const ofTheCommand = ['OLLAMA_NOHISTORY', 'OLLAMA_EDITOR', 'OLLAMA_API_KEY'];

/** Every variable of Ollama that is known here. */
export const ollamaVariables: readonly string[] = [
  ...Object.keys(honoured),
  ...Object.keys(withoutMeaning),
  ...ofTheCommand,
];

/** Which settings variables of Ollama give, by variable. */
export const ollamaSettings: ReadonlyMap<string, string> = new Map(
  Object.entries(honoured).map(([variable, { path }]) => [variable, path]),
);

/**
 * Fills settings that neither the file nor our own variables have set from Ollama's variables.
 * @returns which setting came from which variable, and what could not be read
 */
export const applyOllamaEnvironment = (
  tree: Record<string, unknown>,
  environment: Environment,
): { readonly from: ReadonlyMap<string, string>; readonly problems: readonly EnvironmentProblem[] } => {
  const from = new Map<string, string>();
  const problems: EnvironmentProblem[] = [];
  for (const [variable, { path, read }] of Object.entries(honoured)) {
    const text = cleaned(environment[variable]);
    const parts = path.split('.');
    if (text === '' || valueAt(tree, parts) !== undefined) continue;
    const result = read(text);
    if (result === undefined) continue;
    if ('problem' in result) problems.push({ variable, path, message: result.problem });
    else if (put(tree, parts, result.value)) from.set(path, variable);
  }
  return { from, problems };
};

/** One sentence for each variable of Ollama that is set and has no effect. */
export const ineffectiveVariables = (environment: Environment): string[] =>
  Object.entries(withoutMeaning)
    .filter(([variable]) => cleaned(environment[variable]) !== '')
    .map(([variable, reason]) => `The environment variable ${variable} has no effect: ${reason}.`);

/** Ollama takes quotes and blanks around a value away. */
const cleaned = (text: string | undefined): string => (text ?? '').replace(/^["'\s]+|["'\s]+$/g, '');

/** False where something else than a group of settings is in the way; the check of the whole tells that. */
const put = (
  tree: Record<string, unknown>,
  [group = '', name = '']: readonly string[],
  value: unknown,
): boolean => {
  const at = (tree[group] ??= {});
  if (typeof at !== 'object' || Array.isArray(at)) return false;
  Object.assign(at, { [name]: value });
  return true;
};
