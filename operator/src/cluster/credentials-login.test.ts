import { beforeAll, describe, expect, test } from '@jest/globals';
import { compileValidator, UsersDocument, type OllamaCluster } from '@ollamamax/api';
import { parseConfigFile, passwordMatches } from '@ollamamax/common';
import { clusterOf } from './cluster.fixture.ts';
import { credentialsOf, type Credentials, type SecretsNow } from './credentials.ts';
import { applied, dayMs, foreign, named, none, now, valueOf } from './secrets.fixture.ts';

/* With real hashes. */

describe('log-in', () => {
  const cluster = clusterOf();
  const validate = compileValidator(UsersDocument);
  const usersOf = (made: Credentials) => {
    const { value, problems } = parseConfigFile(valueOf(made.secrets, 'demo-auth', 'users.yaml'), {});
    expect(problems).toEqual([]);
    const result = validate(value);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.value.users;
  };

  let first: Credentials;
  beforeAll(async () => {
    first = await credentialsOf(cluster, none, 1, now);
  });

  test('there is an admin with a password that nobody can guess, hashed for the agents', async () => {
    const password = valueOf(first.secrets, 'demo-admin', 'password');
    expect(password.length).toBeGreaterThanOrEqual(24);
    expect(valueOf(first.secrets, 'demo-admin', 'username')).toBe('admin');
    const [admin, ...others] = usersOf(first);
    expect(others).toEqual([]);
    expect(admin).toMatchObject({ name: 'admin', role: 'admin' });
    expect(await passwordMatches(admin!.passwordHash, password)).toBe(true);
    expect(valueOf(first.secrets, 'demo-auth', 'signing-secret').length).toBeGreaterThanOrEqual(32);
    expect(JSON.stringify(named(first.secrets, 'demo-auth'))).not.toContain(
      Buffer.from(password).toString('base64'),
    );
  });

  test('the password is applied before the hash of it', () => {
    const names = first.secrets.map(({ metadata }) => metadata.name);
    expect(names.indexOf('demo-admin')).toBeLessThan(names.indexOf('demo-auth'));
  });

  test('each cluster has its own', async () => {
    const other = await credentialsOf(cluster, none, 1, now);
    for (const [name, key] of [
      ['demo-admin', 'password'],
      ['demo-auth', 'signing-secret'],
      ['demo-ca', 'ca.crt'],
    ] as const)
      expect(valueOf(other.secrets, name, key)).not.toBe(valueOf(first.secrets, name, key));
  });

  test('stays as it is while nobody changes it, even when all certificates are renewed', async () => {
    expect(await credentialsOf(cluster, applied(first), 1, now)).toEqual(first);
    const later = await credentialsOf(cluster, applied(first), 1, now + 300 * dayMs);
    for (const name of ['demo-admin', 'demo-auth'])
      expect(named(later.secrets, name)).toEqual(named(first.secrets, name));
  });

  test('a new password in the Secret of the admin is taken over, and the signing secret stays', async () => {
    const admin = foreign('demo-admin', { username: 'admin', password: 'correct horse\n' }, cluster);
    const changed = await credentialsOf(cluster, applied(first, { admin }), 1, now);
    const [user] = usersOf(changed);
    expect(await passwordMatches(user!.passwordHash, 'correct horse')).toBe(true);
    expect(valueOf(changed.secrets, 'demo-admin', 'password')).toBe('correct horse');
    expect(valueOf(changed.secrets, 'demo-auth', 'signing-secret')).toBe(
      valueOf(first.secrets, 'demo-auth', 'signing-secret'),
    );
    expect(await credentialsOf(cluster, applied(changed), 1, now)).toEqual(changed);
  });

  test('hashes that somebody removed are made again of the same password', async () => {
    const signing = valueOf(first.secrets, 'demo-auth', 'signing-secret');
    const auth = foreign('demo-auth', { 'signing-secret': signing }, cluster);
    const made = await credentialsOf(cluster, applied(first, { auth }), 1, now);
    expect(
      await passwordMatches(usersOf(made)[0]!.passwordHash, valueOf(first.secrets, 'demo-admin', 'password')),
    ).toBe(true);
    expect(valueOf(made.secrets, 'demo-auth', 'signing-secret')).toBe(signing);
  });

  test('a Secret of somebody else with a password is not used', async () => {
    const admin = foreign('demo-admin', { password: 'theirs' });
    const made = await credentialsOf(cluster, applied(first, { admin, auth: undefined }), 1, now);
    expect(valueOf(made.secrets, 'demo-admin', 'password')).not.toBe('theirs');
  });

  test('without log-in there are no Secrets of it', async () => {
    const made = await credentialsOf(clusterOf({ auth: { enabled: false } }), none, 1, now);
    for (const name of ['demo-auth', 'demo-admin']) expect(named(made.secrets, name)).toBeUndefined();
  });

  describe('Secrets that the spec names', () => {
    const signingSecretRef = { name: 'mine', key: 'secret' };
    const usersSecretRef = { name: 'people', key: 'users.yaml' };
    const signed = clusterOf({ auth: { signingSecretRef } });
    const peopled = clusterOf({ auth: { usersSecretRef } });

    test('are used as they are', async () => {
      const long = 's'.repeat(32);
      const withSigning = await credentialsOf(
        signed,
        { ...none, signing: foreign('mine', { secret: `${long}\n` }) },
        1,
        now,
      );
      expect(valueOf(withSigning.secrets, 'demo-auth', 'signing-secret')).toBe(long);
      const users = foreign('people', { 'users.yaml': 'users: []\n' });
      const withUsers = await credentialsOf(peopled, { ...none, users }, 1, now);
      expect(valueOf(withUsers.secrets, 'demo-auth', 'users.yaml')).toBe('users: []\n');
      expect(named(withUsers.secrets, 'demo-admin')).toBeUndefined();
    });

    test.each<[string, OllamaCluster, Partial<SecretsNow>, string, string]>([
      [
        'no Secret',
        signed,
        {},
        'ReferenceNotFound',
        'Secret mine (spec.auth.signingSecretRef) does not exist.',
      ],
      [
        'no key',
        signed,
        { signing: foreign('mine', { other: 'x' }) },
        'ReferenceNotFound',
        'Secret mine (spec.auth.signingSecretRef) has no key secret.',
      ],
      [
        'a secret that is too short',
        signed,
        { signing: foreign('mine', { secret: `${'s'.repeat(31)}   ` }) },
        'ReferenceInvalid',
        'Key secret of Secret mine (spec.auth.signingSecretRef) has fewer than 32 characters.',
      ],
      [
        'no Secret with users',
        peopled,
        {},
        'ReferenceNotFound',
        'Secret people (spec.auth.usersSecretRef) does not exist.',
      ],
      [
        'no key with users',
        peopled,
        { users: foreign('people', {}) },
        'ReferenceNotFound',
        'Secret people (spec.auth.usersSecretRef) has no key users.yaml.',
      ],
    ])('stop the pass with a sentence: %s', async (_what, of, secrets, reason, message) => {
      await expect(credentialsOf(of, { ...none, ...secrets }, 1, now)).rejects.toMatchObject({
        name: 'ReferenceError',
        reason,
        message,
      });
    });
  });
});
