import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeVfs } from './node-vfs.ts';
import { isOutOfSpace, type Done, type VfsFile } from './vfs.ts';

const folder = mkdtempSync(join(tmpdir(), 'ollamamax-vfs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const path = (name: string): string => join(folder, name);

/** Waits for an operation, which must not be done before the call has returned. */
const finished = (begin: (done: Done) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let returned = false;
    begin((error) => {
      if (!returned) reject(new Error('it was done too early'));
      else if (error === undefined) resolve();
      else reject(error);
    });
    returned = true;
  });

const created = (name: string): Promise<VfsFile> =>
  new Promise((resolve, reject) => {
    nodeVfs.create(path(name), (error, file) => (file === undefined ? reject(error!) : resolve(file)));
  });

const readLater = (file: VfsFile, into: Uint8Array, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    file.readLater(into, position, (error, bytes) => (error === undefined ? resolve(bytes) : reject(error)));
  });

describe('a file of this machine', () => {
  test('is filled with zeros, written in several chunks, synced, read, and cut off', async () => {
    const file = await created('a');
    const bytes = 5 * 1024 * 1024 + 3;
    await finished((done) => file.preallocate(bytes, done));
    expect(file.size()).toBe(bytes);
    const chunks = ['one', '', 'two', 'three'].map((text) => Buffer.from(text));
    await finished((done) => file.write(chunks, 100, done));
    await finished((done) => file.write([], 0, done));
    await finished((done) => file.sync(done));
    const into = Buffer.alloc(13, 0xff);
    expect([file.read(into, 99), into.toString('latin1')]).toEqual([13, '\0onetwothree\0']);
    expect([await readLater(file, into, bytes - 4), into.readUInt32LE(0)]).toEqual([4, 0]);
    expect([file.read(into, bytes + 5), await readLater(file, into, bytes)]).toEqual([0, 0]);
    await finished((done) => file.truncate(103, done));
    expect([file.size(), file.read(into, 100), into.toString('latin1', 0, 3)]).toEqual([103, 3, 'one']);
    file.close();
  });

  test('takes writes that are durable by themselves, also under another name', async () => {
    const file = await created('c.tmp');
    await finished((done) => file.writeDurably([Buffer.from('one')], 2, done));
    await finished((done) => nodeVfs.rename(path('c.tmp'), path('c'), done));
    await finished((done) => file.writeDurably([Buffer.from('two'), Buffer.from('three')], 4, done));
    file.close();
    expect(readFileSync(path('c'), 'latin1')).toBe('\0\0ontwothree');
    expect(() => file.size()).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('is renamed, listed, opened and removed', async () => {
    const file = await created('b.tmp');
    file.close();
    await finished((done) => nodeVfs.rename(path('b.tmp'), path('b'), done));
    await finished((done) => nodeVfs.syncDirectory(folder, done));
    expect(nodeVfs.list(folder)).toEqual(expect.arrayContaining(['b']));
    expect(() => nodeVfs.open(path('b.tmp'), 'read')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    const reading = nodeVfs.open(path('b'), 'read');
    await expect(finished((done) => reading.write([Buffer.alloc(1)], 0, done))).rejects.toMatchObject({
      code: 'EBADF',
    });
    reading.close();
    await finished((done) => nodeVfs.remove(path('b'), done));
    await expect(finished((done) => nodeVfs.remove(path('b'), done))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    for (let times = 0; times < 2; times += 1) nodeVfs.makeDirectory(path('inner'));
    expect(nodeVfs.list(path('inner'))).toEqual([]);
    expect(() => nodeVfs.makeDirectory(path('no/where'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});

test('what says that the disk is full is told from what says that it is broken', async () => {
  const full = nodeVfs.open('/dev/full', 'write');
  const error = await finished((done) => full.write([Buffer.alloc(10)], 0, done)).catch(
    (reason: unknown) => reason,
  );
  full.close();
  expect(isOutOfSpace(error as Error)).toBe(true);
  expect(isOutOfSpace(new Error('another'))).toBe(false);
});
