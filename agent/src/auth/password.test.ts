import { describe, expect, test } from '@jest/globals';
import { PasswordHasher } from './password.ts';

const hasher = new PasswordHasher();

describe('a password', () => {
  test('is hashed with argon2id and a salt of its own, and checked', async () => {
    const [first, second] = [await hasher.hash('geheim'), await hasher.hash('geheim')];
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(first).not.toBe(second);
    expect(await hasher.verify(first, 'geheim')).toBe(true);
    expect(await hasher.verify(first, 'Geheim')).toBe(false);
  });

  test('is the same in both Unicode forms of its characters', async () => {
    expect(await hasher.verify(await hasher.hash('caf\u00e9'), 'cafe\u0301')).toBe(true);
  });

  test('matches a hash of another implementation of argon2', async () => {
    // printf password | argon2 somesalt -id -t 2 -k 65536 -p 1
    const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await hasher.verify(hash, 'password')).toBe(true);
  });

  test.each([
    ['no hash at all', undefined],
    ['not a hash', 'plain'],
    ['another algorithm', '$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA'],
    [
      'a cost out of bounds',
      '$argon2id$v=19$m=9999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
    ],
  ])('never matches %s', async (_name, hash) => {
    expect(await hasher.verify(hash, 'x')).toBe(false);
  });

  test.each(['', 'x'.repeat(1025)])('of a wrong length is refused', async (password) => {
    await expect(hasher.hash(password)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('waits its turn in a bounded queue', async () => {
    const small = new PasswordHasher({ concurrency: 1, maxQueue: 1 });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((password) => small.hash(password)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'login_throttled', retryAfterSeconds: 1 } });
    expect(await small.hash('d')).toContain('$argon2id$');
  });
});
