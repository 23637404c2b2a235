import type { TSchema } from 'typebox';
import { errorCatalogue } from '../error-catalogue.ts';
import type { ErrorCode } from '../errors.ts';
import { headers, version } from '../names.ts';
import * as anthropic from '../rest/anthropic.ts';
import * as inference from '../rest/inference.ts';
import * as native from '../rest/native.ts';
import * as ollama from '../rest/ollama.ts';
import * as openai from '../rest/openai.ts';
import * as openaiChat from '../rest/openai-chat.ts';
import * as openaiCompletions from '../rest/openai-completions.ts';
import * as openaiResponses from '../rest/openai-responses.ts';
import { errorsOf, routes, type Dialect, type Route } from '../routes.ts';
import { ClusterSettings } from '../wire/desired-state.ts';
import { ModelDetails, ResidentModel } from '../wire/agent-status.ts';

type Json = Record<string, unknown>;

const tags: Readonly<Record<Dialect, string>> = {
  ollama: 'Ollama',
  openai: 'OpenAI',
  anthropic: 'Anthropic',
  native: 'OllamaMax',
};

const errorSchemas: Readonly<Record<Dialect, string>> = {
  ollama: 'OllamaError',
  openai: 'OpenAiError',
  anthropic: 'AnthropicError',
  native: 'ProblemDetails',
};

const named: Readonly<Record<string, TSchema>> = {
  ...native,
  ...ollama,
  ...openai,
  ...openaiChat,
  ...openaiCompletions,
  ...openaiResponses,
  ...anthropic,
  ...inference,
  ClusterSettings,
  ModelDetails,
  ResidentModel,
};

/** Name of each shared schema by its text: schemas that say the same are the same. */
const nameByText = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(schema), name]));

/** Replaces every shared schema inside `value` by a reference to it. */
const withReferences = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  const name = nameByText.get(JSON.stringify(value));
  return name === undefined ? parts(value) : { $ref: `#/components/schemas/${name}` };
};

const parts = (value: object): Json =>
  Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withReferences(part)]));

const plainText = (description: string): Json => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});

const success = (route: Route): Json => {
  if (route.response === undefined) return { description: 'Done' };
  const isText = (route.response as { type?: unknown }).type === 'string';
  const streamed =
    route.streams === undefined
      ? {}
      : { [route.streams]: { schema: withReferences(route.streamItem ?? route.response) } };
  return {
    description: route.streams === undefined ? 'The answer' : 'The answer, whole or as a stream',
    headers: { [headers.requestId]: { $ref: '#/components/headers/RequestId' } },
    content: {
      [isText ? 'text/plain' : 'application/json']: { schema: withReferences(route.response) },
      ...streamed,
    },
  };
};

const errorResponses = (route: Route): Json => {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const type = route.dialect === 'native' ? 'application/problem+json' : 'application/json';
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `${code}: ${errorCatalogue[code].summary}`).join(' '),
        content: { [type]: { schema: { $ref: `#/components/schemas/${errorSchemas[route.dialect]}` } } },
        'x-error-codes': codes,
      },
    ]),
  );
};

const operation = (id: string, route: Route): Json => {
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    operationId: id,
    summary: route.summary,
    tags: [tags[route.dialect]],
    ...(route.access === 'public' ? { security: [] } : { security: [{ bearer: [] }] }),
    'x-role': route.access,
    ...(route.unavailable !== undefined ? { 'x-unavailable': true } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: route.bodyOptional !== true,
            content: { 'application/json': { schema: withReferences(route.body) } },
          },
        }),
    responses: {
      ...(route.unavailable !== undefined ? {} : { 200: success(route) }),
      ...errorResponses(route),
    },
  };
};

const probe = (id: string, summary: string): Json => ({
  get: {
    operationId: id,
    summary,
    tags: ['Probes'],
    security: [],
    responses: { 200: plainText('Well'), 503: plainText('Not now') },
  },
});

const paths = (): Json => {
  const byPath: Record<string, Json> = {};
  for (const [id, route] of Object.entries<Route>(routes))
    byPath[route.path] = { ...byPath[route.path], [route.method]: operation(id, route) };
  return {
    ...byPath,
    '/livez': probe('livez', 'Whether the process answers'),
    '/readyz': probe('readyz', 'Whether the agent takes requests; ?verbose lists the checks'),
  };
};

/** `docs/reference/openapi.json`: the public API as OpenAPI 3.1. */
export const openApi = (): string =>
  `${JSON.stringify(
    {
      openapi: '3.1.0',
      info: {
        title: 'OllamaMax',
        version,
        description: 'Any agent answers for the whole cluster.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: 'http://127.0.0.1:8080' }],
      tags: [...Object.values(tags), 'Probes'].map((name) => ({ name })),
      paths: paths(),
      components: {
        schemas: Object.fromEntries(
          Object.entries(named)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, schema]) => [name, parts(schema)]),
        ),
        headers: {
          RequestId: {
            description: 'Id of the request, also in log lines and errors.',
            schema: { type: 'string' },
          },
        },
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Only when auth.enabled; from POST /api/v1/auth/login.',
          },
        },
      },
    },
    null,
    2,
  )}\n`;
