import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { digestOf } from '../registry/registry.fixture.ts';
import { BlobStore, checkDigest, type BlobLimits } from './blob-store.ts';

let folder: string;
let verified: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blobs-'));
  verified = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = async (limits: Partial<BlobLimits> = {}): Promise<BlobStore> => {
  const store = new BlobStore(
    join(folder, 'own'),
    silentLogger,
    (path) => Promise.resolve(void verified.push(path)),
    limits,
  );
  await store.open();
  return store;
};

const bytes = Buffer.from('the bytes of a file');
const digest = digestOf(bytes);
async function* parts(...texts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve();
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}
const nobody = { isReferenced: () => false, inUse: () => false };
const files = (): Promise<string[]> => readdir(join(folder, 'own'));

describe('an upload', () => {
  test('is there under its digest when all has come', async () => {
    const store = await open();
    expect(await store.size(digest)).toBeUndefined();
    await store.write(digest, parts('the bytes ', 'of a file'), bytes.length);
    expect(await store.size(digest)).toBe(bytes.length);
    expect(await readFile(store.path(digest))).toEqual(bytes);
    expect((await stat(store.path(digest))).mode & 0o777).toBe(0o600);
    expect(verified).toEqual([store.path(digest)]);
  });

  test.each<[string, (string | Error)[], string]>([
    ['has other bytes', ['other bytes'], 'blob_mismatch'],
    ['ends early', ['the bytes '], 'blob_mismatch'],
    ['is left by its sender', ['the bytes ', new ApiError('cancelled')], 'cancelled'],
  ])('that %s leaves nothing behind', async (_what, texts, code) => {
    const store = await open();
    await expect(store.write(digest, parts(...texts))).rejects.toMatchObject({ code });
    expect(await files()).toEqual([]);
    expect(verified).toEqual([]);
  });

  test('that would not fit is refused before anything is written', async () => {
    const store = await open();
    await expect(store.write(digest, parts('x'), 2 ** 60)).rejects.toMatchObject({ code: 'disk_full' });
  });

  test('may come twice at a time', async () => {
    const store = await open();
    await Promise.all([1, 2, 3].map(() => store.write(digest, parts('the bytes of a file'))));
    expect(await files()).toEqual([digest.replace(':', '-')]);
  });

  test('that a crash cut off is gone after the next start', async () => {
    await open();
    await writeFile(join(folder, 'own', `incoming-${'0'.repeat(16)}`), 'half');
    await open();
    expect(await files()).toEqual([]);
  });
});

test.each(['', 'sha256:abc', `sha256:${'A'.repeat(64)}`, `sha256-${'a'.repeat(64)}`, '../../etc/passwd'])(
  '%j is no digest',
  (text) => {
    expect(() => checkDigest(text)).toThrow(ApiError);
  },
);

describe('a file of this agent', () => {
  test.each([true, false])('is taken over and stays where it is (shared: %s)', async (shared) => {
    const store = await open();
    const file = join(folder, 'file');
    await writeFile(file, bytes);
    await store.adopt(digest, file, shared);
    await store.adopt(digest, file, shared);
    expect(await readFile(store.path(digest))).toEqual(bytes);
    expect((await stat(file)).nlink).toBe(shared ? 2 : 1);
  });

  test('that is written by others is verified while it is copied', async () => {
    const store = await open();
    await writeFile(join(folder, 'file'), 'changed');
    await expect(store.adopt(digest, join(folder, 'file'), false)).rejects.toMatchObject({
      code: 'blob_mismatch',
    });
    await expect(store.adopt(digest, join(folder, 'gone'), false)).rejects.toMatchObject({
      code: 'source_file_missing',
    });
  });
});

describe('texts', () => {
  test('are kept once', async () => {
    const store = await open();
    expect(await store.add(bytes)).toEqual({ digest, size: bytes.length, isNew: true });
    expect(await store.add(bytes)).toMatchObject({ isNew: false });
    expect(await store.read(digest, 100)).toEqual(bytes);
    await expect(store.read(digest, 3)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(store.read(digestOf(Buffer.from('x')), 3)).rejects.toMatchObject({ code: 'blob_not_found' });
  });
});

describe('what belongs to no model', () => {
  test('goes when its time is over, unfinished downloads as well, and nothing else', async () => {
    const store = await open({ uploadMs: 0 });
    await store.write(digest, parts('the bytes of a file'));
    const hex = '1'.repeat(64);
    await writeFile(join(folder, 'own', `sha256-${hex}.partial`), 'half');
    await writeFile(join(folder, 'own', 'notes.txt'), 'of the owner');
    await store.sweep(nobody);
    expect(await files()).toEqual(['notes.txt']);
  });

  test('stays for as long as an upload may wait for its model', async () => {
    const store = await open({ goneMs: 0 });
    await store.write(digest, parts('the bytes of a file'));
    await store.sweep(nobody);
    expect(await files()).toHaveLength(1);
    // A model that was made of it and deleted again leaves nothing to wait for.
    store.referenced([digest]);
    await store.sweep(nobody);
    expect(await files()).toEqual([]);
  });

  test.each<[string, (store: BlobStore) => Parameters<BlobStore['sweep']>[0]]>([
    ['a model has it', () => ({ ...nobody, isReferenced: (of) => of === digest })],
    ['a request still needs it', () => ({ ...nobody, inUse: (hex) => digest.endsWith(hex) })],
    [
      'it is being worked on',
      (store) => {
        store.hold(digest);
        return nobody;
      },
    ],
  ])('stays while %s', async (_why, rules) => {
    const store = await open({ uploadMs: 0, goneMs: 0 });
    await store.write(digest, parts('the bytes of a file'));
    await store.sweep(rules(store));
    expect(await files()).toHaveLength(1);
  });

  test('stays longer when somebody asks for it meanwhile', async () => {
    const store = await open({ goneMs: 0 });
    await store.write(digest, parts('the bytes of a file'));
    store.referenced([digest]);
    expect(await store.size(digest)).toBe(bytes.length);
    await store.sweep(nobody);
    expect(await files()).toHaveLength(1);
  });
});
