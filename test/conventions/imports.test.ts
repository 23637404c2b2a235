import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ICruiseResult } from 'dependency-cruiser';
import { cruise } from 'dependency-cruiser';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { forbidden, options } from './import-rules.ts';
import { root } from './repository.ts';

const rooms = ['api/src', 'common/src', 'operator/src', 'agent/src', 'agent/dashboard/src', 'test'];

/** Libraries that are the medium of a workspace rather than a part behind one file. */
const media: Record<string, RegExp> = {
  api: /^typebox/,
  'agent/dashboard': /^(react|react-dom|@mantine\/.*|@tanstack\/.*)$/,
  test: /.*/,
};

async function examine(folder: string): Promise<ICruiseResult> {
  const { output } = await cruise(
    rooms.filter((room) => existsSync(join(folder, room))),
    { ...options, baseDir: folder },
  );
  if (typeof output === 'string') throw new Error(output);
  return output;
}

/** Each library that several files of one workspace import, with those files. Imports of types alone do not count. */
function sharedLibraries({ modules }: ICruiseResult): string[] {
  const importers = new Map<string, Set<string>>();
  for (const { source, dependencies } of modules) {
    const workspace = /^(agent\/dashboard|[^/]+)\//.exec(source)?.[1];
    if (workspace === undefined || source.includes('node_modules/') || /\.(test|fixture)\.tsx?$/.test(source))
      continue;
    for (const { module, dependencyTypes } of dependencies) {
      if (!dependencyTypes.some((type) => type.startsWith('npm'))) continue;
      if (dependencyTypes.includes('type-only') || module.startsWith('@ollamamax/')) continue;
      const library = /^(@[^/]+\/)?[^/]+/.exec(module)?.[0] ?? module;
      if (media[workspace]?.test(library) === true) continue;
      const key = `${workspace}: ${library}`;
      importers.set(key, (importers.get(key) ?? new Set()).add(source));
    }
  }
  return [...importers]
    .filter(([, files]) => files.size > 1)
    .map(([key, files]) => `${key} in ${[...files].sort().join(', ')}`);
}

/** What a file makes Node load: what it imports, and what that imports, but for types alone. */
function loadedBy({ modules }: ICruiseResult, file: string): string[] {
  const bySource = new Map(modules.map((module) => [module.source, module]));
  const loaded = new Set([file]);
  for (const source of loaded)
    for (const { resolved, dependencyTypes } of bySource.get(source)?.dependencies ?? [])
      if (!dependencyTypes.includes('type-only')) loaded.add(resolved);
  return [...loaded];
}

function violations({ summary }: ICruiseResult): string[] {
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

describe('imports of the tree', () => {
  let result: ICruiseResult;
  beforeAll(async () => {
    result = await examine(root);
  });

  test('follow the rules', () => {
    expect(result.summary.totalCruised).toBeGreaterThan(10);
    expect(violations(result)).toEqual([]);
  });

  test('have one importing file per library and workspace', () => {
    expect(sharedLibraries(result)).toEqual([]);
  });

  test('keep the thread of the log small: an idle agent has it too', () => {
    const loaded = loadedBy(result, 'agent/src/catalog/thread/raft-worker.ts');
    expect(loaded.length).toBeGreaterThan(50);
    expect(loaded.filter((source) => /node_modules|^(api|common)\/src\/index\.ts$/.test(source))).toEqual([]);
  });
});

describe('each rule bites', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-imports-'));
  const planted: Record<string, string> = {
    'api/src/index.ts': `import './inner.ts';`,
    'api/src/inner.ts': `import 'node:fs';`,
    'common/src/index.ts': `import '../../api/src/index.ts';`,
    'common/src/one.ts': `import './two.ts';`,
    'common/src/two.ts': `import './one.ts';`,
    'agent/src/main.ts': `import '../../operator/src/main.ts'; import library from 'library'; void library;`,
    'agent/src/page.ts': `import '../dashboard/src/page.ts'; import library from 'library'; void library;`,
    'agent/src/types.ts': `import type { Thing } from 'library'; export type Other = Thing;`,
    'agent/src/deep.ts': `import '../../api/src/inner.ts'; import './deep.test.ts'; import './nowhere.ts';`,
    'agent/src/deep.test.ts': `export const planted = 1;`,
    'agent/dashboard/src/page.ts': `import '../../../common/src/one.ts';`,
    'operator/src/main.ts': `import '../../agent/src/types.ts';`,
    'node_modules/library/package.json': `{ "name": "library", "version": "1.0.0", "main": "index.js" }`,
    'node_modules/library/index.js': `module.exports = 1;`,
    'package.json': `{ "name": "planted", "dependencies": { "library": "1.0.0" } }`,
  };
  let result: ICruiseResult;

  beforeAll(async () => {
    for (const [path, text] of Object.entries(planted)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    result = await examine(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(forbidden.map((rule) => rule.name ?? ''))('%s', (name) => {
    expect(violations(result).filter((text) => text.startsWith(`${name}:`))).not.toEqual([]);
  });

  test('one importing file per library', () => {
    expect(sharedLibraries(result)).toEqual(['agent: library in agent/src/main.ts, agent/src/page.ts']);
  });
});
