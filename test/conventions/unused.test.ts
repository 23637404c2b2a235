import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNode } from './repository.ts';

const knip = 'node_modules/knip/bin/knip.js';

test('no file, export or dependency is unused, and none is used without being declared', () => {
  const { status, output } = runNode([knip, '--no-progress', '--no-config-hints']);
  expect({ status, output }).toEqual({ status: 0, output: expect.any(String) });
});

describe('the check bites', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-unused-'));
  let output = '';

  beforeAll(() => {
    mkdirSync(join(folder, 'src'));
    const files = {
      'package.json':
        '{ "name": "planted", "type": "module", "dependencies": { "unused-library": "1.0.0" } }',
      'knip.json': '{ "entry": ["src/main.ts"], "project": ["src/**/*.ts"] }',
      'src/main.ts': `import { used } from './part.ts'; import 'undeclared-library'; used();`,
      'src/part.ts': 'export function used(): void {} export function dead(): void {}',
      'src/forgotten.ts': 'export const forgotten = 1;',
    };
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
    output = runNode([knip, '--no-progress', '--directory', folder]).output;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(['dead', 'src/forgotten.ts', 'unused-library', 'undeclared-library'])('on %s', (name) => {
    expect(output).toContain(name);
  });
});
