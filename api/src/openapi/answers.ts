import type { Static } from 'typebox';
import { errorCatalogue } from '../error-catalogue.ts';
import type { ErrorCode } from '../errors.ts';
import { headers } from '../names.ts';
import type { OllamaError } from '../rest/ollama.ts';
import { errorsOf, type Dialect, type Route } from '../routes.ts';
import { withReferences, type Json } from './components.ts';

const errorSchemas: Readonly<Record<Dialect, string>> = {
  ollama: 'OllamaError',
  openai: 'OpenAiError',
  anthropic: 'AnthropicError',
  native: 'ProblemDetails',
};

const header = (name: string): Json => ({ $ref: `#/components/headers/${name}` });

const requestIdHeader = { [headers.requestId]: header('RequestId') };

/** Headers that several answers have. */
export const componentHeaders: Json = {
  RequestId: {
    description: 'Id of the request, also in log lines and errors.',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
  },
  ErrorCode: {
    description: 'Code of the error in the catalogue.',
    required: true,
    schema: { type: 'string' },
  },
  RetryAfter: {
    description: 'Seconds after which another try makes sense.',
    schema: { type: 'integer', minimum: 1 },
  },
  Challenge: {
    description: 'How to log in.',
    required: true,
    schema: { type: 'string', const: 'Bearer' },
  },
};

/** One event of a stream, as OpenAPI describes them: its data is text that holds JSON. */
const event = ({ dialect, streamItem }: Route): Json => {
  const json = {
    type: 'string',
    contentMediaType: 'application/json',
    contentSchema: withReferences(streamItem),
  };
  const data =
    dialect === 'openai'
      ? { anyOf: [{ type: 'string', const: '[DONE]', description: 'The stream is complete.' }, json] }
      : json;
  return { type: 'object', required: ['data'], properties: { event: { type: 'string' }, data } };
};

const streamed = (route: Route): Json => {
  if (route.streams === undefined || route.streamItem === undefined) return {};
  const schema = route.streams === 'text/event-stream' ? event(route) : withReferences(route.streamItem);
  return { [route.streams]: { schema } };
};

const streamText: Readonly<Record<NonNullable<Route['streams']>, string>> = {
  'application/x-ndjson': 'as a stream of lines, each of which is one JSON object of the schema',
  'text/event-stream': 'as a stream of events, each of which has the schema',
};

const successText = ({ streams }: Route): string =>
  streams === undefined ? 'The answer' : `The answer: whole, or ${streamText[streams]}`;

const success = (route: Route, description: string): Json => {
  const answer = { description, headers: requestIdHeader };
  if (route.response === undefined || route.method === 'head') return answer;
  const type = route.contentType ?? 'application/json';
  return {
    ...answer,
    content: { [type]: { schema: withReferences(route.response) }, ...streamed(route) },
  };
};

const exampleError = (code: ErrorCode): Static<typeof OllamaError> => ({
  error: `${errorCatalogue[code].summary} ${errorCatalogue[code].action}`,
  code,
  request_id: '3f1c8a52-7d0e-4b9a-9f3e-5a6b7c8d9e0f',
});

const failure = (route: Route, status: number, codes: readonly ErrorCode[]): Json => {
  const mayRetry = codes.some((code) => errorCatalogue[code].retryable);
  const answer = {
    description: codes.map((code) => `${code}: ${errorCatalogue[code].summary}`).join(' '),
    headers: {
      ...requestIdHeader,
      'x-ollamamax-error': header('ErrorCode'),
      ...(mayRetry ? { 'retry-after': header('RetryAfter') } : {}),
      ...(status === 401 ? { 'www-authenticate': header('Challenge') } : {}),
    },
    'x-error-codes': codes,
  };
  if (route.method === 'head') return answer;
  const type = route.dialect === 'native' ? 'application/problem+json' : 'application/json';
  const [first] = codes;
  const example = route.dialect === 'ollama' && first !== undefined ? { example: exampleError(first) } : {};
  return {
    ...answer,
    content: {
      [type]: { schema: { $ref: `#/components/schemas/${errorSchemas[route.dialect]}` }, ...example },
    },
  };
};

const failures = (route: Route): Json => {
  const byStatus = Map.groupBy(errorsOf(route), (code) => errorCatalogue[code].status);
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, failure(route, status, codes)]));
};

/** `responses` of an operation: what it answers when all is well, and every error that it may answer. */
export const answers = (route: Route): Json => ({
  ...(route.unavailable === undefined ? { 200: success(route, successText(route)) } : {}),
  ...Object.fromEntries(
    Object.entries(route.otherStatuses ?? {}).map(([status, text]) => [status, success(route, text)]),
  ),
  ...failures(route),
});
