import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from './load-config.ts';
import {
  applyOllamaEnvironment,
  ineffectiveVariables,
  ollamaSettings,
  ollamaVariables,
  withoutMeaning,
} from './ollama-environment.ts';

const given = (environment: Record<string, string>): Record<string, unknown> => {
  const tree = {};
  expect(applyOllamaEnvironment(tree, environment).problems).toEqual([]);
  return tree;
};

describe("Ollama's variables", () => {
  test.each([
    ['0.0.0.0', '0.0.0.0:11434'],
    ['127.0.0.1:8090', '127.0.0.1:8090'],
    [':8090', ':8090'],
    ['http://host.example', 'host.example:80'],
    ['https://host.example/', 'host.example:443'],
    ['http://10.0.0.2:8090/path', '10.0.0.2:8090'],
    ['::1', '[::1]:11434'],
    ['[::1]', '[::1]:11434'],
    ['[::1]:8090', '[::1]:8090'],
    ['" 127.0.0.1 "', '127.0.0.1:11434'],
  ])('OLLAMA_HOST=%s listens at %s', (text, api) => {
    expect(given({ OLLAMA_HOST: text })).toEqual({ listen: { api } });
  });

  test.each<readonly [string, string, object]>([
    ['OLLAMA_KEEP_ALIVE', '10m', { settings: { keepAliveSeconds: 600 } }],
    ['OLLAMA_KEEP_ALIVE', '90', { settings: { keepAliveSeconds: 90 } }],
    ['OLLAMA_KEEP_ALIVE', '-5m', { settings: { keepAliveSeconds: -1 } }],
    ['OLLAMA_KEEP_ALIVE', '0', { settings: { keepAliveSeconds: 0 } }],
    ['OLLAMA_NUM_PARALLEL', '8', { settings: { parallel: 8 } }],
    ['OLLAMA_NUM_PARALLEL', '0', {}],
    ['OLLAMA_MAX_LOADED_MODELS', '2', { settings: { maxLoadedModels: 2 } }],
    ['OLLAMA_MAX_QUEUE', '64', { settings: { maxQueue: 64 } }],
    ['OLLAMA_CONTEXT_LENGTH', '8192', { settings: { contextSize: 8192 } }],
    ['OLLAMA_LOAD_TIMEOUT', '10m', { inference: { loadSeconds: 600 } }],
    ['OLLAMA_LOAD_TIMEOUT', '0', { inference: { loadSeconds: 86_400 } }],
    ['OLLAMA_DEBUG', '1', { log: { level: 'debug' } }],
    ['OLLAMA_DEBUG', '2', { log: { level: 'debug' } }],
    ['OLLAMA_DEBUG', 'false', {}],
    ['OLLAMA_LLM_LIBRARY', 'cpu_avx2', { inference: { gpu: 'off' } }],
    ['OLLAMA_LLM_LIBRARY', 'cuda_v12', {}],
    ['OLLAMA_MODELS', '/srv/models', { storage: { modelDir: '/srv/models/ollamamax' } }],
    ['OLLAMA_HOST', '', {}],
  ])('%s=%s', (variable, text, tree) => {
    expect(given({ [variable]: text })).toEqual(tree);
  });

  test.each([
    ['OLLAMA_KEEP_ALIVE', 'soon'],
    ['OLLAMA_LOAD_TIMEOUT', 'late'],
    ['OLLAMA_NUM_PARALLEL', 'many'],
    ['OLLAMA_CONTEXT_LENGTH', '-1'],
    ['OLLAMA_HOST', 'ftp://host.example'],
  ])('%s=%s is told by its name', (variable, text) => {
    const { problems, from } = applyOllamaEnvironment({}, { [variable]: text });
    expect(problems).toEqual([expect.objectContaining({ variable, path: ollamaSettings.get(variable) })]);
    expect(from.size).toBe(0);
  });

  test('fill only what neither our own variables nor the file set', async () => {
    const load = (env: Record<string, string>) => loadConfig({ cwd: tmpdir(), env });
    const ollama = { OLLAMA_HOST: '127.0.0.1:8090', OLLAMA_KEEP_ALIVE: '1h', OLLAMA_DEBUG: '1' };
    const { config, originOf } = await load({ ...ollama, API_LISTEN: '127.0.0.1:8091' });
    expect(config.listen.api).toBe('127.0.0.1:8091');
    expect(config.settings?.keepAliveSeconds).toBe(3600);
    expect(config.log.level).toBe('debug');
    expect(originOf('listen.api')).toBe('API_LISTEN');
    expect(originOf('settings.keepAliveSeconds')).toBe('OLLAMA_KEEP_ALIVE');
    const tree = { listen: { api: '127.0.0.1:1' }, settings: { parallel: 2 } };
    applyOllamaEnvironment(tree, { ...ollama, OLLAMA_NUM_PARALLEL: '9' });
    expect(tree).toMatchObject({
      listen: { api: '127.0.0.1:1' },
      settings: { parallel: 2, keepAliveSeconds: 3600 },
    });
  });

  test('an address that others can reach needs auth, as it does in the file', async () => {
    const error: unknown = await loadConfig({ cwd: tmpdir(), env: { OLLAMA_HOST: '0.0.0.0' } }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'insecure_listen', message: expect.stringContaining('OLLAMA_HOST') });
  });

  test('a variable without a meaning is warned of, with the reason', async () => {
    const env = { OLLAMA_FLASH_ATTENTION: '1', OLLAMA_NOPRUNE: '', OLLAMA_NOHISTORY: '1' };
    const warning =
      'The environment variable OLLAMA_FLASH_ATTENTION has no effect: flash attention is used wherever the model and the device can.';
    expect(ineffectiveVariables(env)).toEqual([warning]);
    expect((await loadConfig({ cwd: tmpdir(), env })).warnings).toEqual([warning]);
  });

  test('the documentation names every one, and what it means here', () => {
    const page = readFileSync(new URL('../../../docs/ollama-environment.md', import.meta.url), 'utf8');
    const rows = new Map(
      [...page.matchAll(/^\| `(OLLAMA_[A-Z_]+)` +\| (.+?) +\|$/gm)].map(([, name = '', text = '']) => [
        name,
        text,
      ]),
    );
    const own = [...rows.keys()].filter((name) => name !== 'OLLAMA_ORIGINS');
    expect(own.toSorted()).toEqual(ollamaVariables.toSorted());
    for (const [variable, path] of ollamaSettings) expect(rows.get(variable)).toContain(`\`${path}\``);
    for (const [variable, reason] of Object.entries(withoutMeaning))
      expect(rows.get(variable)?.toLowerCase()).toBe(reason.toLowerCase());
  });
});
