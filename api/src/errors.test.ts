import { describe, expect, test } from '@jest/globals';
import { errorCatalogue } from './error-catalogue.ts';
import { ApiError, fromWireError, isApiError, isErrorCode, toWireError } from './errors.ts';

describe('an error of the catalogue', () => {
  test('says what the catalogue says unless it knows more', () => {
    const plain = new ApiError('queue_full');
    expect(plain.message).toBe(errorCatalogue.queue_full.summary);
    expect({ status: plain.status, retryable: plain.retryable, action: plain.action }).toEqual({
      status: 503,
      retryable: true,
      action: errorCatalogue.queue_full.action,
    });
    expect(new ApiError('queue_full', '512 requests wait.').message).toBe('512 requests wait.');
  });

  test('keeps its cause', () => {
    const cause = new Error('disk');
    expect(new ApiError('internal', undefined, { cause }).cause).toBe(cause);
    expect('cause' in new ApiError('internal')).toBe(false);
  });

  test('is known by its name and code, whichever copy of the class made it', () => {
    expect(isApiError(new ApiError('cancelled'))).toBe(true);
    expect(isApiError(Object.assign(new Error('x'), { name: 'ApiError', code: 'cancelled' }))).toBe(true);
    expect(isApiError(Object.assign(new Error('x'), { name: 'ApiError', code: 'made_up' }))).toBe(false);
    expect(isApiError(Object.assign(new Error('x'), { code: 'cancelled' }))).toBe(false);
    expect(isApiError({ name: 'ApiError', code: 'cancelled' })).toBe(false);
    expect(isApiError(undefined)).toBe(false);
  });

  test("has a code that is the catalogue's own", () => {
    expect(isErrorCode('cancelled')).toBe(true);
    for (const other of ['toString', '__proto__', '', 7, null]) expect(isErrorCode(other)).toBe(false);
  });

  test.each([
    new ApiError('queue_full', 'The queue is full.', { retryAfterSeconds: 3 }),
    new ApiError('invalid_request', 'model is required.', { param: 'model' }),
    new ApiError('cancelled'),
  ])('crosses the wire whole: $code', (error) => {
    const arrived = fromWireError(JSON.parse(JSON.stringify(toWireError(error))) as never);
    const facts = ({ code, message, param, retryAfterSeconds }: ApiError): object => ({
      code,
      message,
      param,
      retryAfterSeconds,
    });
    expect(facts(arrived)).toEqual(facts(error));
  });

  test('tells nothing of an unexpected error', () => {
    expect(toWireError(new Error('password=secret'))).toEqual({
      code: 'internal',
      message: errorCatalogue.internal.summary,
    });
  });

  test('of a newer agent counts as internal, with its message', () => {
    const arrived = fromWireError({ code: 'from_the_future' as never, message: 'Something new.' });
    expect({ code: arrived.code, message: arrived.message }).toEqual({
      code: 'internal',
      message: 'Something new.',
    });
  });
});
