import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, type OwnModel, type ProgressResponse } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { tiny, tinyBytes, tinyDigest } from '../model-store.fixture.ts';
import { BlobStore } from '../own/blob-store.ts';
import { layerTypes } from '../own/layer-types.ts';
import { pullModel, type PullOptions } from './pull-model.ts';
import { pushModel } from './push-model.ts';
import { defaultRegistryLimits } from './registry-client.ts';
import { openRegistryKey } from './registry-key.ts';
import { parseRegistryName } from './registry-name.ts';
import { TestRegistry, type Fault } from './registry.fixture.ts';
import { SharedDownloads } from './shared-downloads.ts';

const file = readFileSync(tiny);
const digest = `sha256:${tinyDigest}`;
let folder: string;
let registry: TestRegistry;
let blobs: BlobStore;
let verified: string[];
let downloads: SharedDownloads;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pull-'));
  registry = await new TestRegistry().start();
  registry.publish('library/tiny:v1', file, { [layerTypes.system]: 'Be kind.' });
  verified = [];
  downloads = new SharedDownloads();
  blobs = new BlobStore(join(folder, 'own'), silentLogger, (path, hex) => {
    verified.push(`${path.slice(-8)} ${hex.slice(-8)}`);
    return Promise.resolve();
  });
  await blobs.open();
});
afterEach(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true });
});

const options = (more: Partial<PullOptions> = {}): PullOptions => ({
  blobs,
  downloads,
  key: () => openRegistryKey(join(folder, 'key.pem')),
  limits: { ...defaultRegistryLimits, retry: { minMs: 5, maxMs: 20 }, stallMs: 300, partBytes: 1_000_000 },
  signal: new AbortController().signal,
  ...more,
});
const nameOf = (name: string) => parseRegistryName(`http://${registry.host}/${name}`, true);

interface Pulled {
  readonly lines: ProgressResponse[];
  readonly manifest: OwnModel['manifest'];
}

const pull = async (name = 'library/tiny:v1', more: Partial<PullOptions> = {}): Promise<Pulled> => {
  const steps = pullModel(nameOf(name), options(more));
  const lines: ProgressResponse[] = [];
  for (;;) {
    const { done, value } = await steps.next();
    if (done === true) return { lines, manifest: value };
    lines.push(value);
  }
};

/** Compared as bytes: a matcher takes seconds for so many. */
const isWhole = async (): Promise<boolean> => (await readFile(blobs.path(digest))).equals(file);
const asks = (what: string): string[] => registry.asked.filter((line) => line.startsWith(what));
const download = (): string[] => asks(`GET /v2/library/tiny/blobs/${digest}`);

describe('a model of a registry', () => {
  test('comes with all its blobs, verified, with progress from nothing to all', async () => {
    const { lines, manifest } = await pull();
    expect(manifest.layers.map(({ mediaType, size }) => [mediaType, size])).toEqual([
      [layerTypes.model, tinyBytes],
      [layerTypes.system, 8],
    ]);
    expect(manifest.layers[0]).toEqual({ mediaType: layerTypes.model, digest, size: tinyBytes });
    expect(await isWhole()).toBe(true);
    expect([...new Set(lines.map(({ status }) => status.replace(/ [0-9a-f]{12}$/, ' …')))]).toEqual([
      'pulling manifest',
      'pulling …',
      'verifying sha256 digest',
    ]);
    const ofFile = lines.filter((line) => line.digest === digest);
    expect(ofFile[0]).toEqual({ status: `pulling ${tinyDigest.slice(0, 12)}`, digest, total: tinyBytes });
    expect(ofFile.at(-1)).toMatchObject({ completed: tinyBytes });
    expect(verified).toContain(`${tinyDigest.slice(-8)} ${tinyDigest.slice(-8)}`);
    await pull();
    expect(download()).toHaveLength(1);
  });

  test.each<[string, Fault[], number]>([
    ['breaks off twice goes on where it was', ['breaks off', 'breaks off'], 3],
    ['falls silent is given up and goes on', ['falls silent'], 2],
    ['is busy is asked again', ['is busy', 'is busy'], 3],
  ])('that %s', async (_what, faults, requests) => {
    registry.faults.push(...faults);
    await pull();
    expect(await isWhole()).toBe(true);
    expect(download()).toHaveLength(requests);
    expect(download().some((line) => line.includes('bytes='))).toBe(!faults.includes('is busy'));
  });

  test('that lies is refused, and nothing of it stays', async () => {
    registry.faults.push('lies');
    await expect(pull()).rejects.toMatchObject({ code: 'digest_mismatch' });
    expect(await readdir(blobs.directory)).toEqual([]);
  });

  test('that never answers in time is given up after some tries', async () => {
    registry.faults.push(...Array.from({ length: 10 }, (): Fault => 'is busy'));
    await expect(pull()).rejects.toMatchObject({ code: 'source_unreachable' });
    expect(download()).toHaveLength(defaultRegistryLimits.tries);
  });

  test('that is stopped goes on where it was when it is asked for again', async () => {
    const stop = new AbortController();
    registry.faults.push('falls silent');
    const first = pullModel(nameOf('library/tiny:v1'), options({ signal: stop.signal }));
    for await (const { completed = 0 } of first)
      if (completed > 0) {
        stop.abort(new ApiError('cancelled'));
        break;
      }
    await pull();
    expect(download().at(-1)).toMatch(/bytes=\d{6,}-/);
    expect(await isWhole()).toBe(true);
  });

  test('is downloaded once for two who ask at a time, also when one of them leaves', async () => {
    registry.faults.push('falls silent');
    const stop = new AbortController();
    const leaves = pull('library/tiny:v1', { signal: stop.signal });
    const stays = pull();
    setImmediate(() => stop.abort(new ApiError('cancelled')));
    await expect(leaves).rejects.toMatchObject({ code: 'cancelled' });
    await stays;
    expect(await isWhole()).toBe(true);
  });

  test.each<[string, string, string]>([
    ['is not there', 'library/other:v1', 'model_not_found'],
    ['has a manifest that is none', 'library/odd:v1', 'source_refused'],
    ['has no file', 'library/empty:v1', 'source_refused'],
    ['has a file that is no model', 'library/text:v1', 'model_file_invalid'],
    ['has an adapter that is none', 'library/adapted:v1', 'model_file_invalid'],
    ['names a blob that is not there', 'library/gone:v1', 'source_refused'],
  ])('that %s', async (_what, name, code) => {
    const layer = (type: string, of: { digest: string; size: number }) => ({ mediaType: type, ...of });
    const config = layer('c', registry.add(Buffer.from('{}')));
    const put = (at: string, layers: object[]): void =>
      void registry.manifests.set(`library/${at}:v1`, JSON.stringify({ config, layers }));
    registry.manifests.set('library/odd:v1', '{"layers":"none"}');
    put('empty', [layer(layerTypes.system, registry.add(Buffer.from('x')))]);
    put('gone', [layer(layerTypes.model, { digest: `sha256:${'0'.repeat(64)}`, size: 1 })]);
    registry.publish('library/text:v1', Buffer.from('no model'));
    registry.publish('library/adapted:v1', file, { [layerTypes.adapter]: 'no adapter' });
    await expect(pull(name)).rejects.toMatchObject({ code });
  });
});

describe('a registry that wants to know who asks', () => {
  beforeEach(() => {
    registry.needsLogIn = true;
  });

  test('gets a token for the key of this agent, and another one when it has run out', async () => {
    registry.faults.push('forgets the log-in');
    await pull();
    expect(asks('GET /token').length).toBeGreaterThanOrEqual(2);
    const key = await readFile(join(folder, 'key.pem'), 'utf8');
    await pull();
    expect(await readFile(join(folder, 'key.pem'), 'utf8')).toBe(key);
  });

  test('cannot send the agent to another host for it', async () => {
    registry.realm = 'http://127.0.0.1:1/token';
    await expect(pull()).rejects.toMatchObject({
      code: 'source_refused',
      message: expect.stringContaining('from another host'),
    });
  });
});

describe('a push', () => {
  const push = async (name: string): Promise<ProgressResponse[]> => {
    const { manifest } = await pull();
    const lines: ProgressResponse[] = [];
    for await (const line of pushModel({ manifest }, nameOf(name), options())) lines.push(line);
    return lines;
  };

  test('sends what the registry has not, in parts, and the manifest last', async () => {
    registry.needsLogIn = true;
    const source = await pull();
    registry.blobs.clear();
    const lines: ProgressResponse[] = [];
    for await (const line of pushModel(source, nameOf('me/copy:v2'), options())) lines.push(line);
    expect(registry.blobs.get(digest)?.equals(file)).toBe(true);
    expect(asks('PATCH').length).toBe(3 + 1 + 1);
    expect(lines[0]).toEqual({ status: 'retrieving manifest' });
    expect(lines.at(-1)).toEqual({ status: 'pushing manifest' });
    expect(lines.filter((line) => line.digest === digest).map(({ completed }) => completed)).toEqual([
      undefined,
      1_000_000,
      2_000_000,
      tinyBytes,
    ]);
    expect(JSON.parse(registry.manifests.get('me/copy:v2') ?? '')).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      ...source.manifest,
    });
    expect((await pull('me/copy:v2')).manifest).toEqual(source.manifest);
  });

  test('sends no blob that is there', async () => {
    expect((await push('me/copy:v2')).filter(({ completed }) => completed === tinyBytes)).toHaveLength(1);
    expect(asks('PATCH')).toEqual([]);
  });
});

describe('names in registries', () => {
  test.each([
    ['llama3', 'https://registry.ollama.ai', 'library/llama3', 'latest', 'llama3:latest'],
    ['me/Llama3:8b', 'https://registry.ollama.ai', 'me/Llama3', '8b', 'me/llama3:8b'],
    [
      'https://hub.example:5000/a/b',
      'https://hub.example:5000',
      'a/b',
      'latest',
      'hub.example:5000/a/b:latest',
    ],
  ])('%s', (text, origin, repository, tag, local) => {
    expect(parseRegistryName(text, false)).toEqual({ origin, repository, tag, local });
  });

  test('need a word for a registry without encryption', () => {
    expect(() => parseRegistryName('http://hub.example/a/b', false)).toThrow('"insecure": true');
    expect(parseRegistryName('hub.example/a/b', true).origin).toBe('http://hub.example');
    expect(parseRegistryName('https://hub.example/a/b', true).origin).toBe('https://hub.example');
    expect(parseRegistryName('http://hub.example/a/b', true).origin).toBe('http://hub.example');
    expect(() => parseRegistryName('http://a b/c/d', true)).toThrow(ApiError);
  });
});
