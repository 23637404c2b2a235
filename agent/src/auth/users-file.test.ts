import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { UserRecord } from '@ollamamax/api';
import { formatYaml, hashPassword, silentLogger } from '@ollamamax/common';
import { MountedFiles } from '../mounted-files.fixture.ts';
import { PasswordHasher } from './password.ts';
import { UsersFile, editUsers, parseUsers, readUsers } from './users-file.ts';

const passwordHash = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
const user = (name: string, role: UserRecord['role'] = 'user'): UserRecord => ({ name, role, passwordHash });

let folder = '';
let file = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'users-'));
  file = join(folder, 'users.yaml');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const eventually = async (check: () => boolean): Promise<void> => {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (check()) return;
    await delay(20);
  }
  throw new Error('not within 30 s');
};

describe('editing', () => {
  test('makes the file with permissions 0600 and keeps every change of several writers', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => editUsers(file, (users) => [...users, user(name)])));
    expect((await readUsers(file)).map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('leaves the file alone when the result is not valid', async () => {
    await editUsers(file, () => [user('a')]);
    const before = await readFile(file, 'utf8');
    await expect(editUsers(file, () => [user('a'), user('a')])).rejects.toMatchObject({
      code: 'config_invalid',
    });
    expect(await readFile(file, 'utf8')).toBe(before);
  });
});

test.each([
  ['users: 7', ['users must be array']],
  ['users: [{ name: a }]', ['line 1', 'users[0].role is required', 'users[0].passwordHash is required']],
  [
    `users:\n  - { name: a, role: king, passwordHash: "${passwordHash}" }`,
    ['line 2: users[0].role must be one of "admin"'],
  ],
  ['users: [{ name: a, role: user, passwordHash: hunter2 }]', ['is not an argon2id hash', 'user set']],
  [`users: [{ name: "a b", role: user, passwordHash: "${passwordHash}" }]`, ['users[0].name']],
  ['users: [', ['not valid YAML']],
  ['usres: []', ['usres is not known here']],
])('a bad file is refused: %s', (text, fragments) => {
  const act = () => parseUsers(text, 'users.yaml');
  for (const fragment of fragments) expect(act).toThrow(fragment);
  expect(act).not.toThrow('hunter2');
});

describe('watching', () => {
  test('takes changes over and keeps the last valid users', async () => {
    await editUsers(file, () => [user('a')]);
    const errors: string[] = [];
    const users = new UsersFile(file, {
      logger: { ...silentLogger, error: (message: string) => void errors.push(message) },
      pollMs: 50,
    });
    await users.start();
    try {
      expect(users.find('a')?.role).toBe('user');
      await editUsers(file, () => [user('a', 'admin'), user('b')]);
      await eventually(() => users.find('b') !== undefined);
      expect(users.find('a')?.role).toBe('admin');
      await writeFile(join(folder, 'next'), 'users: [');
      await rename(join(folder, 'next'), file);
      await eventually(() => errors.length > 0);
      expect(users.find('b')).toBeDefined();
      await editUsers(join(folder, 'good'), () => [user('c')]);
      await rename(join(folder, 'good'), file);
      await eventually(() => users.find('c') !== undefined);
      expect(users.find('b')).toBeUndefined();
      expect(errors).toHaveLength(1);
    } finally {
      await users.stop();
    }
  });

  test('follows a mounted Secret that is swapped as a whole', async () => {
    const text = (...names: string[]): string =>
      `users: [${names.map((name) => `{ name: ${name}, role: user, passwordHash: "${passwordHash}" }`).join()}]`;
    const mounted = await MountedFiles.create({ 'users.yaml': text('a') });
    // Polled once an hour: the notice of the system has to be enough.
    const users = new UsersFile(mounted.path('users.yaml'), { logger: silentLogger, pollMs: 3_600_000 });
    await users.start();
    try {
      for (const name of ['b', 'c', 'd']) {
        await mounted.replace({ 'users.yaml': text('a', name) });
        await eventually(() => users.find(name) !== undefined);
        expect(users.find('a')).toBeDefined();
      }
    } finally {
      await users.stop();
      await mounted.remove();
    }
  });

  test('lets a user in whose password was hashed elsewhere', async () => {
    const hash = await hashPassword('a good password');
    const mounted = await MountedFiles.create({
      'users.yaml': formatYaml({ users: [{ name: 'admin', role: 'admin', passwordHash: hash }] }),
    });
    const users = new UsersFile(mounted.path('users.yaml'), { logger: silentLogger });
    await users.start();
    try {
      const hasher = new PasswordHasher();
      expect(await hasher.verify(users.find('admin')?.passwordHash, 'a good password')).toBe(true);
      expect(await hasher.verify(users.find('admin')?.passwordHash, 'a bad password')).toBe(false);
    } finally {
      await users.stop();
      await mounted.remove();
    }
  });

  test('cannot start without the file', async () => {
    const users = new UsersFile(file, { logger: silentLogger });
    await expect(users.start()).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('ollamamax user add'),
    });
  });
});
