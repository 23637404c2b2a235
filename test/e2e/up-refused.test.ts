import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { freeBase, ollamamax, outcome, processesNaming } from '../harness/cli.ts';
import { cleanUp, newFolder, patienceMs } from '../harness/local-up.ts';

jest.setTimeout(patienceMs);
afterAll(cleanUp);

const folder = newFolder();
let port = '';

beforeAll(async () => {
  port = String((await freeBase(1))[0]?.api);
  writeFileSync(join(folder, 'picture.gguf'), 'GIF89a');
  writeFileSync(join(folder, 'pointer.gguf'), 'version https://git-lfs.github.com/spec/v1\n');
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'sealed'));
  chmodSync(join(folder, 'sealed'), 0o500);
});

interface Refusal {
  readonly args: readonly string[];
  readonly exit: number;
  readonly code: string;
  readonly says: readonly string[];
}

const refusals: readonly Refusal[] = [
  {
    args: ['--model', 'mine=missing.gguf'],
    exit: 1,
    code: 'source_file_missing',
    says: ['missing.gguf, for the model mine, does not exist.'],
  },
  {
    args: ['--model', 'mine=picture.gguf'],
    exit: 1,
    code: 'model_file_invalid',
    says: ['picture.gguf, for the model mine, does not begin with "GGUF".'],
  },
  {
    args: ['--model', 'mine=pointer.gguf'],
    exit: 1,
    code: 'model_file_invalid',
    says: ['"git lfs pull"'],
  },
  { args: ['--model', 'mine=.'], exit: 1, code: 'model_file_invalid', says: ['is not a file'] },
  { args: ['--model', 'mine'], exit: 2, code: 'usage', says: ['--model mine is not NAME=FILE.'] },
  {
    args: ['--agnets', '2'],
    exit: 2,
    code: 'usage',
    says: ["Unknown option '--agnets'.", 'Did you mean --agents?'],
  },
  { args: ['--agents', '0'], exit: 2, code: 'usage', says: ['--agents 0', 'from 1 to 9'] },
  { args: ['--agents', '99'], exit: 2, code: 'usage', says: ['--agents 99', 'from 1 to 9'] },
  { args: ['--agents', 'many'], exit: 2, code: 'usage', says: ["'many'", 'whole number'] },
  { args: ['--port', '70000'], exit: 2, code: 'usage', says: ['--port 70000', 'Choose a port from'] },
  { args: ['--replicas', '2'], exit: 2, code: 'usage', says: ['--replicas 2', 'from 1 to 1'] },
  { args: ['more'], exit: 2, code: 'usage', says: ['Too many arguments'] },
  {
    args: ['--data-dir', 'file'],
    exit: 1,
    code: 'data_dir_unusable',
    says: ['Choose a folder you may write to with --data-dir.'],
  },
];

const isRefused = async ({ args, exit, code, says }: Refusal): Promise<void> => {
  const {
    code: got,
    stdout,
    stderr,
  } = await outcome(
    ollamamax(['up', '--agents', '1', '--port', port, '--data-dir', 'data', ...args], { cwd: folder }),
  );
  expect({ exit: got, stdout }).toEqual({ exit, stdout: '' });
  for (const text of says) expect(stderr).toContain(text);
  // What, why, what to do and the code, and nothing of our insides.
  expect(stderr).toMatch(/^Error: .+\n {2}Why: {4}.+\n {2}To do: {2}.+\n {2}Code: {3}\w+\n$/);
  expect(stderr).toContain(`Code:   ${code}\n`);
  expect(processesNaming(folder)).toEqual([]);
  expect(existsSync(join(folder, 'data', 'up.lock'))).toBe(false);
};

test.each(refusals)('up $args is refused with exit code $exit', isRefused);

// The superuser may write anywhere but into the kernel's own files.
const unwritable = process.getuid?.() === 0 ? '/proc/ollamamax' : 'sealed/data';

test('a data directory that may not be written is refused', () =>
  isRefused({
    args: ['--data-dir', unwritable],
    exit: 1,
    code: 'data_dir_unusable',
    says: ['cannot be written', 'Choose a folder you may write to with --data-dir.'],
  }));
