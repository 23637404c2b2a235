/** Body of a failed answer, as the API server writes it. */
export interface Status {
  readonly kind?: string;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: StatusDetails;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly {
    readonly reason?: string;
    readonly message?: string;
    readonly field?: string;
  }[];
}

export interface KubeErrorInit {
  /** HTTP status, 0 when no answer came. */
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly status?: Status | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A call to the API server that failed. Tell kinds apart by the functions below, which also work across realms. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status, 0 when no answer came. */
  readonly code: number;
  /** `NotFound`, `Conflict`, ...; `Timeout` and `ConnectionFailed` when no answer came. */
  readonly reason: string;
  readonly status: Status | undefined;
  readonly details: StatusDetails | undefined;
  /** Milliseconds the server asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(init: KubeErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.status = init.status;
    this.details = init.status?.details;
    this.retryAfterMs = init.retryAfterMs;
  }
}

const reasonOfCode: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Makes the error of a Status body; `what` names the call, for people. */
export const errorOfStatus = (
  what: string,
  code: number,
  status: Status | undefined,
  retryAfterMs?: number,
): KubeError => {
  const reason =
    status?.reason === undefined || status.reason === '' ? (reasonOfCode[code] ?? 'Unknown') : status.reason;
  const wait = status?.details?.retryAfterSeconds;
  return new KubeError({
    code,
    reason,
    message: `${what}: ${status?.message ?? reason} (${code})`,
    status,
    retryAfterMs: retryAfterMs ?? (wait === undefined || wait <= 0 ? undefined : wait * 1000),
  });
};

/** Matches by name: `instanceof` fails where a module is loaded twice. */
export const isKubeError = (error: unknown): error is KubeError =>
  error instanceof Error && error.name === 'KubeError' && 'code' in error && 'reason' in error;

const hasReason = (error: unknown, ...reasons: readonly string[]): boolean =>
  isKubeError(error) && reasons.includes(error.reason);

export const isNotFound = (error: unknown): boolean => isKubeError(error) && error.code === 404;
/** A write that was based on an older state, or a field that another manager owns. */
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
/** The resourceVersion or page token is too old: list again. */
export const isGone = (error: unknown): boolean =>
  isKubeError(error) && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone');
export const isForbidden = (error: unknown): boolean => isKubeError(error) && error.code === 403;
export const isUnauthorized = (error: unknown): boolean => isKubeError(error) && error.code === 401;
export const isInvalid = (error: unknown): boolean => isKubeError(error) && error.code === 422;
/** The namespace is going away: nothing can be created in it any more. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  isKubeError(error) &&
  error.code === 403 &&
  (error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false);
