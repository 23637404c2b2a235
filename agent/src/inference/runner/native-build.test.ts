import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNativeBuild, openNativeLlama } from './native-build.ts';

const workspace = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>;
};
const version = workspace.dependencies['node-llama-cpp'] ?? '';

const root = mkdtempSync(join(tmpdir(), 'ollamamax-native-build-'));
const folder = join(root, 'build');
const content = 'module.exports = {};';
const manifest = {
  nodeLlamaCpp: version,
  llamaCpp: 'v1',
  inputs: 'hash',
  patches: { '0001-one.patch': 'hash' },
  compiler: 'compiler 1',
  addon: 'addon.cjs',
  sha256: createHash('sha256').update(content).digest('hex'),
  libraries: '../libraries',
};

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, 'libraries'), { recursive: true });
  mkdirSync(folder);
  writeFileSync(join(folder, 'addon.cjs'), content);
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const find = () => {
  const reasons: string[] = [];
  return { build: findNativeBuild((reason) => reasons.push(reason), folder), reasons };
};

describe('looking for our own build of the native addon', () => {
  test('finds one that fits the installed package', () => {
    expect(find()).toEqual({
      build: {
        addonPath: join(folder, 'addon.cjs'),
        librariesPath: join(root, 'libraries'),
        version,
        llamaCpp: 'v1',
        patches: ['0001-one.patch'],
        compiler: 'compiler 1',
      },
      reasons: [],
    });
  });

  test.each([
    ['there is none', () => rmSync(folder, { recursive: true }), /there is no own build/],
    [
      'it is for another version',
      () =>
        writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, nodeLlamaCpp: '1.0.0' })),
      /it is for node-llama-cpp 1\.0\.0 and .* is installed/,
    ],
    ['its file was changed', () => writeFileSync(join(folder, 'addon.cjs'), 'other'), /not the file/],
    ['its file is gone', () => rmSync(join(folder, 'addon.cjs')), /ENOENT/],
    [
      'the libraries it needs are gone',
      () => rmSync(join(root, 'libraries'), { recursive: true }),
      /there are no libraries in/,
    ],
    ['its manifest is cut off', () => writeFileSync(join(folder, 'manifest.json'), '{'), /SyntaxError/],
  ])('says why when %s', (_case, change, reason) => {
    change();
    expect(find()).toEqual({ build: undefined, reasons: [expect.stringMatching(reason)] });
  });
});

test('a module that lacks the patches is refused by name of what is missing', async () => {
  const { build } = find();
  await expect(openNativeLlama(build!, {})).rejects.toThrow(/the native addon has no .*copySequencePrefix/);
});
