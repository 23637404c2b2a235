import { describe, expect, test } from '@jest/globals';
import { read, trackedFiles } from './repository.ts';

const files = trackedFiles();
const texts = files.filter((path) => !/\.(gguf|png|ico|woff2|zst)$|^package-lock\.json$/.test(path));
const programs = files.filter((path) => /\.(ts|tsx|mjs|js)$/.test(path));

/** The lines of tracked files that match, as `path:line: text`. */
function linesMatching(pattern: RegExp, paths: string[]): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

interface Manifest {
  version: string;
  scripts?: Record<string, string>;
}

function manifest(path: string): Manifest {
  return JSON.parse(read(path)) as Manifest;
}

describe('tracked files', () => {
  test('name no folder of one machine', () => {
    const elsewhere =
      /(?<![\w.$*})-])\/(work|root|Users|workspaces?|builds)\/|(?<![\w.])\/home\/(?!node\b)\w/;
    expect(linesMatching(elsewhere, texts)).toEqual([]);
  });

  test('name no folder beside the checkout', () => {
    const beside = /(?<![\w-])(\.\.\/)*shared\//;
    // Only the run for continuous integration may look there, to save time.
    const allowed = ['.ci/run', 'test/conventions/text.test.ts'];
    expect(
      linesMatching(
        beside,
        texts.filter((path) => !allowed.includes(path)),
      ),
    ).toEqual([]);
  });

  test('are named in kebab-case for their one concern', () => {
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|fixture|config|generated))?\.(ts|tsx|mjs|js)$/;
    const vague = /^(utils?|helpers?|misc|common)\./;
    const names = programs.map((path) => path.slice(path.lastIndexOf('/') + 1));
    expect(names.filter((name) => !kebab.test(name) || vague.test(name))).toEqual([]);
  });

  test('keep the tests beside the code or in a suite that runs', () => {
    const suites =
      /^test\/(conventions|contract|integration|e2e|clients|browser|container|chart|cluster|operator|operator-contract|raft)\//;
    const sources = /^(api|common|operator|agent|agent\/dashboard)\/src\//;
    const stray = programs.filter(
      (path) => /\.test\.\w+$/.test(path) && !suites.test(path) && !sources.test(path),
    );
    expect(stray).toEqual([]);
  });

  test('leave no test switched off or alone', () => {
    const switched = /\b(describe|test|it)\.(only|skip|todo)\b|\b(xit|xtest|fit|fdescribe|xdescribe)\(/;
    const tests = programs.filter(
      (path) => /\.test\.\w+$/.test(path) && !path.endsWith('conventions/text.test.ts'),
    );
    expect(linesMatching(switched, tests)).toEqual([]);
  });
});

/** What stands as code in a line is no link. */
function withoutCode(text: string): string {
  return text.replaceAll(/`[^`\n]*`/g, '');
}

describe('documents', () => {
  const documents = files.filter((path) => path.endsWith('.md'));

  test('name only npm scripts that exist', () => {
    const scripts = Object.keys(manifest('package.json').scripts ?? {});
    const named = documents.flatMap((path) =>
      [...read(path).matchAll(/npm run ([a-z][\w:-]*)/g)].map((match) => match[1]),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !scripts.includes(name ?? ''))).toEqual([]);
  });

  test('link only to files that exist', () => {
    const broken = documents.flatMap((path) =>
      [...withoutCode(read(path)).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)]
        .map((match) => new URL(match[1] ?? '', `file:///${path}`).pathname.slice(1))
        .filter(
          (target) => !files.some((file) => file === target || file.startsWith(target.replace(/\/?$/, '/'))),
        )
        .map((target) => `${path} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });
});

describe('the version', () => {
  const { version } = manifest('package.json');

  test('is the same in every workspace', () => {
    const manifests = files.filter((path) => /(^|\/)package\.json$/.test(path));
    expect(manifests.length).toBeGreaterThan(5);
    expect(manifests.filter((path) => manifest(path).version !== version)).toEqual([]);
  });

  test('is written once in the sources', () => {
    const sources = programs.filter(
      (path) => !path.startsWith('test/') && !/\.(test|fixture)\.ts$/.test(path),
    );
    const quoted = new RegExp(`['"\`]v?${version.replaceAll('.', '\\.')}['"\`]`);
    expect(linesMatching(quoted, sources)).toEqual([expect.stringMatching(/^api\/src\/names\.ts:/)]);
  });
});
