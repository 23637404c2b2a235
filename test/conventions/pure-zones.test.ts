import { beforeAll, describe, expect, test } from '@jest/globals';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { root } from './repository.ts';

/** A place in a pure zone for each sample; the file need not exist. */
const zones = [
  'api/src/planted.ts',
  'agent/src/scheduler/pick-planted.ts',
  'agent/src/catalog/placement.ts',
  'agent/src/catalog/backup.ts',
  'agent/src/catalog/state/planted.ts',
  'agent/src/raft/core/planted.ts',
  'operator/src/cluster/desired/planted.ts',
];

const impure: Record<string, string> = {
  clock: 'export const planted = () => Date.now();',
  'clock object': 'export const planted = () => new Date();',
  'monotonic clock': 'export const planted = () => performance.now();',
  chance: 'export const planted = () => Math.random();',
  files: `import { readFileSync } from 'node:fs'; export const planted = readFileSync;`,
  network: `import { connect } from 'net'; export const planted = connect;`,
  processes: `import { spawn } from 'node:child_process'; export const planted = spawn;`,
  http: `import { request } from 'node:http'; export const planted = request;`,
  fetch: `export const planted = () => fetch('http://localhost');`,
  timer: 'export const planted = () => setTimeout(() => undefined, 1);',
  waiting: 'export const planted = async (work: Promise<void>) => { await work; };',
  environment: 'export const planted = () => process.env.HOME;',
  output: `export const planted = () => console.log('x');`,
};

const fine =
  'export const planted = (now: number, values: readonly number[]) => values.filter((value) => value < now);';

describe('pure zones', () => {
  let eslint: ESLint;
  beforeAll(() => {
    // Without types: the samples are in no project, and the rules for pure zones need none.
    eslint = new ESLint({ cwd: root, overrideConfig: [tseslint.configs.disableTypeChecked] });
  });

  async function complaints(path: string, text: string): Promise<string[]> {
    const results = await eslint.lintText(text, { filePath: path });
    return results.flatMap(({ messages }) =>
      messages.map(({ ruleId, message }) => `${ruleId ?? ''}: ${message}`),
    );
  }

  test.each(zones)('%s may hold a pure function', async (path) => {
    expect(await complaints(path, fine)).toEqual([]);
  });

  test.each(Object.entries(impure))('%s is refused in every zone', async (_name, text) => {
    for (const path of zones) {
      expect(await complaints(path, text)).toContainEqual(expect.stringMatching(/^no-restricted-/));
    }
  });

  test('only a main.ts reads the environment, ends the process or handles signals', async () => {
    const samples = [
      'export const planted = process.env.HOME;',
      'export const planted = () => process.exit(1);',
      `process.on('SIGTERM', () => undefined);`,
    ];
    for (const text of samples) {
      expect(await complaints('agent/src/http/planted.ts', text)).toContainEqual(
        expect.stringMatching(/^no-restricted-syntax/),
      );
      expect(await complaints('agent/src/cli/main.ts', text)).toEqual([]);
    }
  });

  test('the pure zones of the tree are pure', async () => {
    const results = await eslint.lintFiles(['api/src/**/*.ts']);
    expect(results.length).toBeGreaterThan(5);
    expect(ESLint.getErrorResults(results)).toEqual([]);
  });
});
