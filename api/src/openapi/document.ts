import { version } from '../names.ts';
import { inferenceErrors } from '../routes/inference-errors.ts';
import { routes, type Dialect, type Route } from '../routes.ts';
import { answers, componentHeaders } from './answers.ts';
import { componentSchemas, withReferences, type Json } from './components.ts';

/** The APIs, in the order in which they are told. */
export const dialectTexts: Readonly<Record<Dialect, { readonly tag: string; readonly text: string }>> = {
  ollama: {
    tag: 'Ollama',
    text: 'The API of Ollama. Fields that it does not know are ignored, as Ollama does.',
  },
  openai: { tag: 'OpenAI', text: 'The API of OpenAI. Fields that it does not know are ignored.' },
  anthropic: {
    tag: 'Anthropic',
    text: 'The API of Anthropic. Fields that it does not know are ignored; `x-api-key` may carry the token.',
  },
  native: {
    tag: 'OllamaMax',
    text: 'The API of OllamaMax itself. Fields that it does not know are refused.',
  },
};

const probeTag = 'Probes';

/** What holds for every route, a paragraph each. */
export const introduction: readonly string[] = [
  'Any agent answers for the whole cluster, on its API port and on the port of its dashboard.',
  'With log-in switched on, send a token as `Authorization: Bearer TOKEN`; `POST /api/v1/auth/login` gives one. Each route names the least role that it asks for: readonly, user or admin. Without log-in everybody may do everything.',
  'A route with GET answers HEAD too. Another method is answered 405 with the header `Allow`. Errors have the form of the API they happen in; their code is always in the header `x-ollamamax-error`.',
  'A client that sends `X-Report-Queue: true` is told where its request stands while it waits: first in the header `x-queue-position`, and in streams of events by comments.',
  'Live events of the cluster come over a WebSocket at `/ws`, which OpenAPI cannot describe.',
];

const reportQueue = { $ref: '#/components/parameters/ReportQueue' };

const parametersOf = (route: Route): object[] => [
  ...Object.entries(route.parameters ?? {}).map(([name, schema]) => {
    const { description, examples, ...rest } = schema as Json;
    const [example] = examples as readonly unknown[];
    return { name, in: 'path', required: true, description, example, schema: rest };
  }),
  ...Object.entries(route.query ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schema as Json;
    return { name, in: 'query', description, schema: rest };
  }),
  ...(route.errors === inferenceErrors ? [reportQueue] : []),
];

const bodyOf = (route: Route): Json => {
  if (route.upload === true)
    return { requestBody: { required: true, content: { 'application/octet-stream': { schema: {} } } } };
  if (route.body === undefined) return {};
  const { example } = route;
  const json = { schema: withReferences(route.body), ...(example === undefined ? {} : { example }) };
  return {
    requestBody: { required: route.bodyOptional !== true, content: { 'application/json': json } },
  };
};

const securityOf = (route: Route): object[] => {
  if (route.access === 'public') return [];
  return route.dialect === 'anthropic' ? [{ bearer: [] }, { apiKey: [] }] : [{ bearer: [] }];
};

const operation = (id: string, route: Route): Json => {
  const parameters = parametersOf(route);
  const role = route.access === 'public' ? 'No log-in is needed.' : `Least role: ${route.access}.`;
  return {
    operationId: id,
    summary: route.summary,
    description: [
      ...(route.description === undefined ? [] : [route.description]),
      ...(route.unavailable === undefined ? [] : [`Not in this version. ${route.unavailable}`]),
      role,
    ].join(' '),
    tags: [dialectTexts[route.dialect].tag],
    security: securityOf(route),
    'x-role': route.access,
    ...(route.unavailable !== undefined ? { 'x-unavailable': true } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(route),
    responses: answers(route),
  };
};

const text = (description: string): Json => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});

const probe = (id: string, summary: string): Json => ({
  get: {
    operationId: id,
    summary,
    description: 'With ?verbose the answer lists the checks. No log-in is needed.',
    tags: [probeTag],
    security: [],
    parameters: [
      { name: 'verbose', in: 'query', description: 'Any value, or none.', schema: { type: 'string' } },
    ],
    responses: { 200: text('Well'), 503: text('Not now') },
  },
});

const paths = (): Json => {
  const byPath: Record<string, Json> = {};
  for (const [id, route] of Object.entries<Route>(routes))
    byPath[route.path] = { ...byPath[route.path], [route.method]: operation(id, route) };
  return {
    ...byPath,
    '/livez': probe('livez', 'Whether the process answers'),
    '/readyz': probe('readyz', 'Whether the agent takes requests'),
    '/startupz': probe('startupz', 'Whether the agent has started'),
  };
};

/** The public API as an OpenAPI 3.1 document: what `/openapi.json` answers. */
export const openApiDocument = (): Json => ({
  openapi: '3.1.0',
  info: {
    title: 'OllamaMax',
    version,
    description: introduction.join('\n\n'),
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/', description: 'The agent that answered this document.' }],
  tags: [
    ...Object.values(dialectTexts).map((dialect) => ({ name: dialect.tag, description: dialect.text })),
    { name: probeTag, description: 'For load balancers and Kubernetes.' },
  ],
  paths: paths(),
  components: {
    schemas: componentSchemas(),
    headers: componentHeaders,
    parameters: {
      ReportQueue: {
        name: 'X-Report-Queue',
        in: 'header',
        description: '`true`: say where the request stands while it waits.',
        schema: { type: 'string' },
      },
    },
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'Only where log-in is switched on; from POST /api/v1/auth/login.',
      },
      apiKey: {
        type: 'apiKey',
        in: 'header',
        name: 'x-api-key',
        description: "The same token, as Anthropic's clients send it.",
      },
    },
  },
});
