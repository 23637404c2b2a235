import { describe, expect, test } from '@jest/globals';
import { hashPassword } from '@ollamamax/common';
import { PasswordHasher } from './password.ts';

const hasher = new PasswordHasher();

describe('a password', () => {
  test('is hashed and checked, whoever hashed it', async () => {
    expect(await hasher.verify(await hasher.hash('geheim'), 'geheim')).toBe(true);
    expect(await hasher.verify(await hashPassword('geheim'), 'geheim')).toBe(true);
    expect(await hasher.verify(await hashPassword('geheim'), 'Geheim')).toBe(false);
    expect(await hasher.verify(undefined, 'geheim')).toBe(false);
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
