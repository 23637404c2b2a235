import { errorCatalogue } from './error-catalogue.ts';

export type ErrorCode = keyof typeof errorCatalogue;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorCatalogue, value);

export interface ApiErrorOptions {
  /** The field of the request or setting that is at fault, as a path such as `options.temperature`. */
  readonly param?: string;
  /** Seconds after which a retry makes sense; becomes the Retry-After header. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An error from the catalogue with the facts of this occurrence. `message` is shown to the user. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  /** @param detail one clear sentence with the facts; the catalogue's summary when left out. */
  constructor(code: ErrorCode, detail?: string, options: ApiErrorOptions = {}) {
    super(
      detail ?? errorCatalogue[code].summary,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.param = options.param;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get action(): string {
    return errorCatalogue[this.code].action;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

/** Matches by name and code, not by class: duplicate packages and test realms break `instanceof`. */
export const isApiError = (value: unknown): value is ApiError =>
  value instanceof Error && value.name === 'ApiError' && isErrorCode((value as { code?: unknown }).code);

/** The error as it crosses a process or the wire. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string;
  readonly retryAfterSeconds?: number;
}

export const toWireError = (error: unknown): WireError =>
  isApiError(error)
    ? {
        code: error.code,
        message: error.message,
        ...(error.param === undefined ? {} : { param: error.param }),
        ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
      }
    : { code: 'internal', message: errorCatalogue.internal.summary };

export const fromWireError = (wire: WireError): ApiError =>
  new ApiError(isErrorCode(wire.code) ? wire.code : 'internal', wire.message, {
    ...(wire.param === undefined ? {} : { param: wire.param }),
    ...(wire.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: wire.retryAfterSeconds }),
  });
