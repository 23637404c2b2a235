import { expect, test } from '@jest/globals';
import {
  errorOfStatus,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isKubeError,
  isNamespaceTerminating,
  isNotFound,
  isUnauthorized,
  type Status,
} from './kube-error.ts';

const tests = {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isUnauthorized,
};

test.each<[number, Status | undefined, readonly (keyof typeof tests)[]]>([
  [401, { reason: 'Unauthorized' }, ['isUnauthorized']],
  [403, { reason: 'Forbidden' }, ['isForbidden']],
  [
    403,
    { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    ['isForbidden', 'isNamespaceTerminating'],
  ],
  [404, { reason: 'NotFound' }, ['isNotFound']],
  [404, undefined, ['isNotFound']],
  [409, { reason: 'Conflict' }, ['isConflict']],
  [409, { reason: 'AlreadyExists' }, ['isAlreadyExists']],
  [410, { reason: 'Expired' }, ['isGone']],
  [410, { reason: 'Gone' }, ['isGone']],
  [422, { reason: 'Invalid' }, ['isInvalid']],
  [500, { reason: 'InternalError' }, []],
])('%d %j is %j', (code, status, expected) => {
  const error = errorOfStatus('GET /x', code, status);
  const matching = Object.entries(tests).flatMap(([name, matches]) => (matches(error) ? [name] : []));
  expect(matching).toEqual(expected);
  expect(isKubeError(error)).toBe(true);
});

test('what is no answer of the server is none of these', () => {
  for (const other of [
    undefined,
    'text',
    new Error('NotFound'),
    Object.assign(new Error('x'), { code: 404 }),
  ]) {
    expect(isKubeError(other)).toBe(false);
    expect(Object.values(tests).some((matches) => matches(other))).toBe(false);
  }
});

test('the server may say in the body how long to wait', () => {
  const error = errorOfStatus('GET /x', 500, { message: 'busy', details: { retryAfterSeconds: 7 } });
  expect(error.retryAfterMs).toBe(7000);
  expect(error.message).toBe('GET /x: busy (500)');
  expect(errorOfStatus('GET /x', 429, undefined, 2000).retryAfterMs).toBe(2000);
});
