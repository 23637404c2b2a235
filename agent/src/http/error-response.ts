import type { ServerResponse } from 'node:http';
import {
  ApiError,
  errorCatalogue,
  isApiError,
  type AnthropicErrorType,
  type Dialect,
  type ErrorCode,
} from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';

/** Where the reference of the error codes is published. */
const docsUrl = 'https://github.com/ollamamax/ollamamax/blob/main/docs/reference/errors.md';

// Types that OpenAI's own clients know; everything else follows from the status.
const openaiType = (status: number): string => {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
};

// Anthropic has one type of its own for every status that its clients tell apart.
const anthropicType = ({ code, status }: ApiError): AnthropicErrorType => {
  if (code === 'queue_full' || code === 'queue_timeout') return 'overloaded_error';
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 408:
    case 504:
      return 'timeout_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'api_error';
  }
};

/** What went wrong and what to do, in one line for clients that show only a message. */
export const fullMessage = (error: ApiError): string => {
  const detail = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  return `${detail} ${error.action}`;
};

/** The body of an error in the dialect of the API it happened in. */
export const errorBody = (error: ApiError, dialect: Dialect, requestId: string, instance = ''): object => {
  switch (dialect) {
    case 'ollama':
      return {
        // Clients of Ollama look for its very words.
        error: error.code === 'missing_body' ? 'missing request body' : fullMessage(error),
        code: error.code,
        request_id: requestId,
      };
    case 'openai':
      return {
        error: {
          message: fullMessage(error),
          type: openaiType(error.status),
          param: error.param ?? null,
          code: error.code,
          request_id: requestId,
        },
      };
    case 'anthropic':
      return {
        type: 'error',
        error: { type: anthropicType(error), message: fullMessage(error) },
        request_id: requestId,
      };
    case 'native':
      return {
        type: `${docsUrl}#${error.code}`,
        title: errorCatalogue[error.code].summary,
        status: error.status,
        detail: error.message,
        instance,
        code: error.code,
        action: error.action,
        retryable: error.retryable,
        requestId,
        ...(error.param === undefined ? {} : { param: error.param }),
      };
  }
};

/** Code of the catalogue, for answers whose dialect has no room for it, and for those to HEAD. */
export const errorCodeHeader = 'x-ollamamax-error';

/** Headers that go with an error: its code, content type, Retry-After, and the challenge of a 401. */
const errorHeaders = (error: ApiError, dialect: Dialect): Record<string, string> => ({
  [errorCodeHeader]: error.code,
  'content-type': dialect === 'native' ? 'application/problem+json' : 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  ...(error.retryAfterSeconds === undefined &&
  (!error.retryable || error.status < 429 || error.status === 500)
    ? {}
    : { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1))) }),
  ...(error.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
});

interface BodyParserError {
  readonly type: string;
  readonly limit?: number;
  readonly length?: number;
}

const isBodyParserError = (error: unknown): error is Error & BodyParserError =>
  error instanceof Error && typeof (error as { type?: unknown }).type === 'string';

/** Type of the error that a body gets whose brackets are nested too deep. */
export const bodyTooDeep = 'body.too.deep';

const bodyErrors: Readonly<Record<string, ErrorCode>> = {
  [bodyTooDeep]: 'invalid_request',
  'entity.parse.failed': 'invalid_json',
  'entity.verify.failed': 'invalid_json',
  'entity.too.large': 'body_too_large',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
  'request.aborted': 'cancelled',
  'request.size.invalid': 'invalid_request',
  'stream.encoding.set': 'internal',
};

/** Turns whatever was thrown into a catalogue error; the unexpected is logged in full and told in general. */
export const toApiError = (error: unknown, logger: Logger, requestId: string): ApiError => {
  if (isApiError(error)) return error;
  if (isBodyParserError(error)) {
    const code = bodyErrors[error.type];
    if (code === 'body_too_large')
      return new ApiError(code, `The request body is larger than ${error.limit ?? 0} bytes.`);
    if (code === 'invalid_json')
      return new ApiError(code, `The request body is not valid JSON: ${error.message}`);
    if (code !== undefined) return new ApiError(code, error.message);
  }
  // Zlib says what is wrong with a compressed body in words; Express marks it as the client's fault.
  if (
    error instanceof Error &&
    (error as { status?: unknown }).status === 400 &&
    (error as { code?: unknown }).code !== undefined
  )
    return new ApiError('invalid_request', `The body cannot be read: ${error.message}.`, { cause: error });
  // Malformed percent-encoding in the path ends here as URIError with status 400.
  if (error instanceof URIError)
    return new ApiError('invalid_request', 'The path of the request is not valid.');
  logger.error('request failed unexpectedly', { requestId, error });
  return new ApiError('internal', undefined, { cause: error });
};

/** Answers with the error if nothing was sent yet. */
export const sendError = (
  response: ServerResponse,
  error: ApiError,
  dialect: Dialect,
  requestId: string,
  instance: string,
): void => {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = error.status;
  for (const [name, value] of Object.entries(errorHeaders(error, dialect))) response.setHeader(name, value);
  response.end(`${JSON.stringify(errorBody(error, dialect, requestId, instance))}\n`);
};
