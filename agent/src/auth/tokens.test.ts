import { describe, expect, jest, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { Tokens } from './tokens.ts';

const secret = 'a secret that is long enough for HS256';
const options = { secret, cluster: 'one', lifetimeSeconds: 60 };
const tokens = new Tokens(options);

const claims = {
  role: 'admin',
  sub: 'eve',
  iss: 'ollamamax/one',
  aud: 'one',
  exp: Math.floor(Date.now() / 1000) + 60,
};
const forge = (change: object, key: string | null = secret, header: object = {}): string =>
  jwt.sign({ ...claims, ...change }, key ?? '', {
    algorithm: key === null ? 'none' : 'HS256',
    header: { alg: key === null ? 'none' : 'HS256', typ: 'at+jwt', ...header },
  } as jwt.SignOptions);

describe('Tokens', () => {
  test('verifies what it issued, on any agent with the same secret', () => {
    const { token, expiresAt } = tokens.issue('ann', 'user');
    expect(new Tokens(options).verify(token)).toEqual({ name: 'ann', role: 'user', expiresAt });
    expect(expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(60_000);
  });

  test('accepts its own form, so that the refusals below are for their own reason', () => {
    expect(tokens.verify(forge({})).name).toBe('eve');
  });

  test.each<[string, string]>([
    ['signed with another secret', forge({}, 'another secret that is long enough too')],
    ['without a signature', forge({}, null)],
    ['of another cluster', forge({ aud: 'two' })],
    ['of another issuer', forge({ iss: 'ollamamax/two' })],
    ['with an unknown role', forge({ role: 'root' })],
    ['without a role', forge({ role: undefined })],
    ['without a subject', forge({ sub: undefined })],
    ['of another type', forge({}, secret, { typ: 'JWT' })],
    ['not valid yet', forge({ nbf: Math.floor(Date.now() / 1000) + 600 })],
    ['not a token', 'abc'],
    ['empty', ''],
    ['cut off', forge({}).slice(0, -4)],
  ])('refuses a token %s', (_what, token) => {
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
  });

  test('refuses a token that never expires', () => {
    const { exp: _exp, ...rest } = claims;
    const token = jwt.sign(rest, secret, { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } });
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
  });

  test('says that a token has expired', () => {
    const token = forge({ exp: Math.floor(Date.now() / 1000) - 1 });
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'token_expired' }));
  });

  test('knows a token again until it expires, and no longer', () => {
    const { token, expiresAt } = tokens.issue('ann', 'user');
    expect(tokens.verify(token)).toBe(tokens.verify(token));
    jest.spyOn(Date, 'now').mockReturnValue(expiresAt.getTime() + 1000);
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'token_expired' }));
  });

  test('refuses a token that only begins like a known one', () => {
    const { token } = tokens.issue('ann', 'user');
    tokens.verify(token);
    expect(() => tokens.verify(token.slice(0, -1))).toThrow(
      expect.objectContaining({ code: 'unauthenticated' }),
    );
  });
});
