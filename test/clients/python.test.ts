import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { anna, startOneHolderCluster, untilSlotsFree, type OneHolderCluster } from './one-holder-cluster.ts';
import { runProgram } from './terminal.ts';

const python = process.env.OLLAMAMAX_PYTHON ?? '';
let setup: OneHolderCluster;

beforeAll(async () => {
  if (python === '') throw new Error('OLLAMAMAX_PYTHON must name a Python with the clients');
  setup = await startOneHolderCluster({ user: anna });
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

/** Runs a script beside this file. @returns what it says it has shown */
const shownBy = async (script: string): Promise<unknown> => {
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const { code, stdout, stderr } = await runProgram(python, ['-B', path], {
    PATH: process.env.PATH,
    OLLAMAMAX_TEST_API: setup.door.api,
    OLLAMAMAX_TEST_TOKEN: setup.token,
  });
  if (code !== 0) throw new Error(`${script} ended with ${String(code)}: ${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
};

describe('the Python clients', () => {
  test('of Ollama', async () => {
    expect(await shownBy('ollama_client.py')).toEqual([
      'list and show',
      'ps and keep_alive',
      'generate',
      'chat',
      'formats',
      'tools',
      'errors',
      'asynchronous',
    ]);
    await untilSlotsFree(setup.holder);
  });

  test('of OpenAI', async () => {
    expect(await shownBy('openai_client.py')).toEqual([
      'models',
      'completions',
      'formats',
      'tools',
      'other routes',
      'errors',
      'asynchronous',
    ]);
    await untilSlotsFree(setup.holder);
  });
});
