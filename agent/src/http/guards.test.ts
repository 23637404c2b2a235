import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { ApiError } from '@ollamamax/api';
import { createAccessGuard, createHostGuard, createOriginCheck } from './guards.ts';
import type { RequestContext } from './request-context.ts';

const withHeaders = (headers: Record<string, string>): IncomingMessage =>
  ({ headers }) as unknown as IncomingMessage;

describe('host guard', () => {
  const guard = createHostGuard(true, ['gateway.internal']);

  test.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    'localhost.',
    'app.localhost:3000',
    '127.0.0.1:8080',
    '127.8.8.8',
    '[::1]:8080',
    'gateway.internal',
    'Gateway.Internal:443',
  ])('lets %s in', (host) => {
    expect(() => guard(withHeaders({ host }))).not.toThrow();
  });

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1:8080',
    '[fe80::1]',
    '0.0.0.0',
    '127.1',
  ])('refuses %s', (host) => {
    expect(() => guard(withHeaders({ host }))).toThrow(expect.objectContaining({ code: 'host_not_allowed' }));
  });

  test('lets every host in when it does not protect, or all are allowed', () => {
    for (const open of [createHostGuard(false, []), createHostGuard(true, ['*'])])
      expect(() => open(withHeaders({ host: 'evil.example' }))).not.toThrow();
  });
});

describe('origin check', () => {
  const allowed = createOriginCheck(['https://app.example', 'https://slash.example/']);

  test.each([
    ['http://localhost:3000', undefined],
    ['http://127.0.0.1', 'localhost:8080'],
    ['https://app.example', 'localhost:8080'],
    ['https://APP.example', 'localhost:8080'],
    ['https://slash.example', undefined],
    ['https://models.example', 'models.example'],
    ['http://[::1]:5173', undefined],
  ])('allows %s at %s', (origin, host) => {
    expect(allowed(origin, host)).toBe(true);
  });

  test.each([
    ['https://evil.example', 'localhost:8080'],
    ['http://app.example', 'localhost:8080'],
    ['https://app.example.evil.example', 'localhost:8080'],
    ['https://models.example:444', 'models.example'],
    ['null', 'localhost:8080'],
    ['', 'localhost:8080'],
    ['file://', 'localhost:8080'],
  ])('refuses %j at %s', (origin, host) => {
    expect(allowed(origin, host)).toBe(false);
  });
});

describe('access guard', () => {
  const guard = createAccessGuard((token) => {
    if (token !== 'right') throw new ApiError('unauthenticated', 'wrong token');
    return { name: 'ann', role: 'user' };
  });
  const enter = (
    authorization: string | undefined,
    access: 'public' | 'readonly' | 'user' | 'admin',
  ): RequestContext => {
    const context = {} as RequestContext;
    guard(withHeaders(authorization === undefined ? {} : { authorization }), { access }, context);
    return context;
  };

  test('takes a bearer token, whatever the case of the scheme', () => {
    expect(enter('Bearer right', 'user').user).toEqual({ name: 'ann', role: 'user' });
    expect(enter('bearer   right', 'readonly').user?.name).toBe('ann');
  });

  test.each([undefined, 'right', 'Basic cmlnaHQ=', 'Bearer', 'Bearer a b', 'Bearer wrong'])(
    'refuses %j',
    (authorization) => {
      expect(() => enter(authorization, 'readonly')).toThrow(
        expect.objectContaining({ code: 'unauthenticated' }),
      );
    },
  );

  test('refuses a role that is too low', () => {
    expect(() => enter('Bearer right', 'admin')).toThrow(expect.objectContaining({ code: 'forbidden' }));
  });

  test('keeps public routes open, also with a bad token', () => {
    expect(enter(undefined, 'public').user).toBeUndefined();
    expect(enter('Bearer wrong', 'public').user).toBeUndefined();
    expect(enter('Bearer right', 'public').user?.name).toBe('ann');
  });
});
