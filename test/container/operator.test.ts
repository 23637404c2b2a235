import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { version } from '@ollamamax/api';
import { docker, ensureDocker } from './docker.ts';
import { buildOperatorImage, saveImage } from './image.ts';
import type { BuiltImage } from './image.ts';

interface ImageFacts {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

const folder = mkdtempSync(join(tmpdir(), 'ollamamax-operator-image-'));
let stopDocker = (): Promise<void> => Promise.resolve();
let image: BuiltImage;

beforeAll(async () => {
  stopDocker = await ensureDocker();
  image = await buildOperatorImage();
}, 20 * 60_000);

afterAll(async () => {
  await docker(['image', 'prune', '--force', '--filter=label=org.opencontainers.image.revision=test']);
  await stopDocker();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** Runs the image as a cluster that enforces the restricted Pod Security level would. */
function run(...args: string[]): Promise<string> {
  return docker(['run', '--rm', '--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', ...args]);
}

test('runs as a numeric user that is nobody, is labelled and small', async () => {
  const [facts] = JSON.parse(await docker(['image', 'inspect', image.name])) as [ImageFacts];
  expect(facts.Config.User).toBe('65532:65532');
  expect(facts.Config.Entrypoint).toEqual(['node', '/app/operator/src/main.ts']);
  expect(facts.Config.Labels).toMatchObject({
    'org.opencontainers.image.title': 'OllamaMax operator',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': 'test',
  });
  const baseSize = Number(await docker(['image', 'inspect', '--format={{.Size}}', image.base]));
  expect(facts.Size - baseSize).toBeLessThan(60_000_000);
});

test('starts without a writable file of its own', async () => {
  expect(await run(image.name, '--version')).toContain(version);
});

test('holds nothing of the agent, no tests and no development package', async () => {
  const script = `
    const { readdirSync } = require('node:fs');
    const all = readdirSync('/app', { recursive: true });
    console.log(JSON.stringify({
      rooms: readdirSync('/app').sort(),
      unwanted: all.filter((path) => /^agent\\/src|\\.(test|fixture)\\.ts$|^node_modules\\/(typescript|jest|node-llama-cpp)$/.test(path)),
    }));`;
  const { rooms, unwanted } = JSON.parse(await run('--entrypoint=node', image.name, '-e', script)) as {
    rooms: string[];
    unwanted: string[];
  };
  expect(rooms).toEqual(expect.arrayContaining(['LICENSE', 'api', 'common', 'operator', 'node_modules']));
  expect(unwanted).toEqual([]);
});

test('is saved as a file that nodes can load', async () => {
  const path = join(folder, 'operator.tar');
  await saveImage(image, path);
  const manifest = execFileSync('tar', ['-xOf', path, 'manifest.json'], { encoding: 'utf8' });
  expect(JSON.parse(manifest)).toMatchObject([{ RepoTags: [image.name] }]);
});
