import type { KubeError } from './kube-error.ts';

/** Nothing was sent when these happen, so that any call may be repeated. */
const neverSent = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Whether sending the call again can help and cannot do harm. An answer with `Retry-After` says so itself, as does 429:
 * the server turned the call away. What may have been done is repeated only when that changes nothing.
 */
export const mayRetry = (error: KubeError, repeatable: boolean): boolean => {
  if (error.code === 429) return true;
  if (error.code >= 500 && error.retryAfterMs !== undefined) return true;
  if (error.code === 503) return repeatable;
  if (error.code !== 0 || error.reason !== 'ConnectionFailed') return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return repeatable || (typeof code === 'string' && neverSent.has(code));
};

/** Milliseconds of a `Retry-After` header in seconds; the API server sends no dates. */
export const retryAfterMs = (header: string | undefined): number | undefined => {
  if (header === undefined || !/^\d{1,6}$/.test(header)) return undefined;
  return Number(header) * 1000;
};
