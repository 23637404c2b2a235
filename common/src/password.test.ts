import { describe, expect, test } from '@jest/globals';
import { hashPassword, isUsablePassword, passwordMatches } from './password.ts';

describe('a password', () => {
  test('is hashed with argon2id and a salt of its own, and checked', async () => {
    const [first, second] = [await hashPassword('geheim'), await hashPassword('geheim')];
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(first).not.toBe(second);
    expect(await passwordMatches(first, 'geheim')).toBe(true);
    expect(await passwordMatches(first, 'Geheim')).toBe(false);
  });

  test('is the same in both Unicode forms of its characters', async () => {
    expect(await passwordMatches(await hashPassword('caf\u00e9'), 'cafe\u0301')).toBe(true);
  });

  test('matches a hash of another implementation of argon2', async () => {
    // printf password | argon2 somesalt -id -t 2 -k 65536 -p 1
    const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await passwordMatches(hash, 'password')).toBe(true);
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
    expect(await passwordMatches(hash, 'x')).toBe(false);
  });

  test.each(['', 'x'.repeat(1025), '\u00e9'.repeat(513)])(
    'of a wrong length is refused',
    async (password) => {
      expect(isUsablePassword(password)).toBe(false);
      await expect(hashPassword(password)).rejects.toThrow('1 to 1024 bytes');
      expect(await passwordMatches(await hashPassword('x'), password)).toBe(false);
    },
  );
});
