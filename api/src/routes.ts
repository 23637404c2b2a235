import { Type, type TSchema } from 'typebox';
import type { ErrorCode } from './errors.ts';
import type { Role } from './names.ts';
import * as native from './rest/native.ts';
import * as ollama from './rest/ollama.ts';
import * as openai from './rest/openai.ts';

export type Dialect = 'ollama' | 'openai' | 'native';

/** One operation of the public API: the server mounts it, OpenAPI and the reference are made from it. */
export interface Route {
  readonly method: 'get' | 'post' | 'delete' | 'head';
  /** OpenAPI form: `/api/v1/nodes/{id}`. */
  readonly path: string;
  readonly dialect: Dialect;
  readonly summary: string;
  /** Least role that may call it; `public` needs no token. */
  readonly access: 'public' | Role;
  readonly body?: TSchema;
  readonly response?: TSchema;
  /** Content type of the streamed form of the answer. */
  readonly streams?: 'application/x-ndjson' | 'text/event-stream';
  /** One line or event of the streamed form. */
  readonly streamItem?: TSchema;
  /** What can go wrong in the work itself, beside what every route may answer. */
  readonly errors?: readonly ErrorCode[];
  /** Known to clients, but answered with not_implemented in this version; says what to do instead. */
  readonly unavailable?: string;
}

const text = Type.String();
const modelErrors = ['invalid_model_name', 'model_not_found'] as const;
const inferenceErrors = [
  ...modelErrors,
  'capability_missing',
  'context_exceeded',
  'invalid_format',
  'template_failed',
  'model_not_ready',
  'model_load_failed',
  'insufficient_memory',
  'runner_crashed',
  'queue_full',
  'queue_timeout',
  'agent_unreachable',
  'agent_draining',
  'deadline_exceeded',
] as const;
const later = (instead: string) => ({ access: 'user', unavailable: instead }) as const;
const namedInConfiguration =
  'Models are named in node.yaml, or with "ollamamax up --model NAME=FILE"; every agent downloads or reads what it is given.';
const noEmbeddings = 'Only chat and completion are served so far.';
const chatInstead = 'Send the conversation to /v1/chat/completions.';

export const routes = {
  root: {
    method: 'get',
    path: '/',
    dialect: 'ollama',
    summary: 'Says that Ollama is running',
    access: 'public',
    response: text,
  },
  ollamaVersion: {
    method: 'get',
    path: '/api/version',
    dialect: 'ollama',
    summary: 'Version of the Ollama API spoken here',
    access: 'public',
    response: Type.Object({ version: Type.String() }),
  },
  tags: {
    method: 'get',
    path: '/api/tags',
    dialect: 'ollama',
    summary: 'List models',
    access: 'readonly',
    response: ollama.TagsResponse,
  },
  ps: {
    method: 'get',
    path: '/api/ps',
    dialect: 'ollama',
    summary: 'List models in memory',
    access: 'readonly',
    response: ollama.PsResponse,
  },
  show: {
    method: 'post',
    path: '/api/show',
    dialect: 'ollama',
    summary: 'Facts about a model',
    access: 'readonly',
    body: ollama.ShowBody,
    response: ollama.ShowResponse,
    errors: [...modelErrors, 'model_not_ready', 'agent_unreachable'],
  },
  generate: {
    method: 'post',
    path: '/api/generate',
    dialect: 'ollama',
    summary: 'Complete a prompt',
    access: 'user',
    body: ollama.GenerateBody,
    response: ollama.GenerateResponse,
    streams: 'application/x-ndjson',
    streamItem: ollama.GenerateResponse,
    errors: inferenceErrors,
  },
  chat: {
    method: 'post',
    path: '/api/chat',
    dialect: 'ollama',
    summary: 'Answer a conversation',
    access: 'user',
    body: ollama.ChatBody,
    response: ollama.ChatResponse,
    streams: 'application/x-ndjson',
    streamItem: ollama.ChatResponse,
    errors: inferenceErrors,
  },
  embed: {
    method: 'post',
    path: '/api/embed',
    dialect: 'ollama',
    summary: 'Embeddings',
    ...later(noEmbeddings),
  },
  embeddings: {
    method: 'post',
    path: '/api/embeddings',
    dialect: 'ollama',
    summary: 'Embeddings (old form)',
    ...later(noEmbeddings),
  },
  pull: {
    method: 'post',
    path: '/api/pull',
    dialect: 'ollama',
    summary: 'Fetch a model from a registry',
    ...later(namedInConfiguration),
  },
  push: {
    method: 'post',
    path: '/api/push',
    dialect: 'ollama',
    summary: 'Send a model to a registry',
    ...later(namedInConfiguration),
  },
  create: {
    method: 'post',
    path: '/api/create',
    dialect: 'ollama',
    summary: 'Make a model',
    ...later(namedInConfiguration),
  },
  copy: {
    method: 'post',
    path: '/api/copy',
    dialect: 'ollama',
    summary: 'Copy a model',
    ...later(namedInConfiguration),
  },
  remove: {
    method: 'delete',
    path: '/api/delete',
    dialect: 'ollama',
    summary: 'Delete a model',
    ...later(namedInConfiguration),
  },
  me: {
    method: 'post',
    path: '/api/me',
    dialect: 'ollama',
    summary: 'Who is signed in to ollama.com',
    ...later('Agents have no account at ollama.com; log in with POST /api/v1/auth/login.'),
  },
  blobHead: {
    method: 'head',
    path: '/api/blobs/{digest}',
    dialect: 'ollama',
    summary: 'Ask for a blob',
    ...later(namedInConfiguration),
  },
  blobCreate: {
    method: 'post',
    path: '/api/blobs/{digest}',
    dialect: 'ollama',
    summary: 'Upload a blob',
    ...later(namedInConfiguration),
  },
  openaiModels: {
    method: 'get',
    path: '/v1/models',
    dialect: 'openai',
    summary: 'List models',
    access: 'readonly',
    response: openai.OpenAiModelList,
  },
  openaiModel: {
    method: 'get',
    path: '/v1/models/{model}',
    dialect: 'openai',
    summary: 'One model',
    access: 'readonly',
    response: openai.OpenAiModel,
    errors: modelErrors,
  },
  chatCompletions: {
    method: 'post',
    path: '/v1/chat/completions',
    dialect: 'openai',
    summary: 'Answer a conversation',
    access: 'user',
    body: openai.ChatCompletionBody,
    response: openai.ChatCompletionResponse,
    streams: 'text/event-stream',
    streamItem: openai.ChatCompletionChunk,
    errors: inferenceErrors,
  },
  completions: {
    method: 'post',
    path: '/v1/completions',
    dialect: 'openai',
    summary: 'Complete a prompt',
    ...later(chatInstead),
  },
  openaiEmbeddings: {
    method: 'post',
    path: '/v1/embeddings',
    dialect: 'openai',
    summary: 'Embeddings',
    ...later(noEmbeddings),
  },
  responses: {
    method: 'post',
    path: '/v1/responses',
    dialect: 'openai',
    summary: 'Responses API',
    ...later(chatInstead),
  },
  health: {
    method: 'get',
    path: '/api/v1/health',
    dialect: 'native',
    summary: 'Health of this agent',
    access: 'public',
    response: native.HealthResponse,
  },
  version: {
    method: 'get',
    path: '/api/v1/version',
    dialect: 'native',
    summary: 'Versions',
    access: 'public',
    response: native.VersionResponse,
  },
  clusterStatus: {
    method: 'get',
    path: '/api/v1/cluster/status',
    dialect: 'native',
    summary: 'The cluster as this agent sees it',
    access: 'readonly',
    response: native.ClusterStatus,
  },
  nodes: {
    method: 'get',
    path: '/api/v1/nodes',
    dialect: 'native',
    summary: 'List agents',
    access: 'readonly',
    response: native.NodeList,
  },
  node: {
    method: 'get',
    path: '/api/v1/nodes/{id}',
    dialect: 'native',
    summary: 'One agent',
    access: 'readonly',
    response: native.Node,
    errors: ['node_not_found'],
  },
  models: {
    method: 'get',
    path: '/api/v1/models',
    dialect: 'native',
    summary: 'List models with their state on every agent',
    access: 'readonly',
    response: native.ModelList,
  },
  model: {
    method: 'get',
    path: '/api/v1/models/{name}',
    dialect: 'native',
    summary: 'One model with its state on every agent',
    access: 'readonly',
    response: native.Model,
    errors: modelErrors,
  },
  login: {
    method: 'post',
    path: '/api/v1/auth/login',
    dialect: 'native',
    summary: 'Exchange user name and password for a token',
    access: 'public',
    body: native.LoginBody,
    response: native.LoginResponse,
    errors: ['login_failed', 'login_throttled', 'auth_disabled'],
  },
  session: {
    method: 'get',
    path: '/api/v1/session',
    dialect: 'native',
    summary: 'Whether a token is needed, and whose was sent',
    access: 'public',
    response: native.SessionResponse,
  },
  ticket: {
    method: 'post',
    path: '/api/v1/events/ticket',
    dialect: 'native',
    summary: 'A single-use ticket for one WebSocket',
    access: 'readonly',
    response: native.TicketResponse,
  },
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof routes;

const guardErrors = ['host_not_allowed', 'origin_not_allowed', 'internal'] as const;
const tokenErrors = ['unauthenticated', 'token_expired', 'forbidden'] as const;
const bodyErrors = [
  'invalid_json',
  'missing_body',
  'invalid_request',
  'body_too_large',
  'unsupported_media_type',
  'request_timeout',
] as const;

/** Every code that a route may answer with; the HTTP layer's own (`headers_too_large`, …) come on top. */
export const errorsOf = (route: Route): readonly ErrorCode[] => [
  ...new Set<ErrorCode>([
    ...guardErrors,
    ...(route.access === 'public' ? [] : tokenErrors),
    ...(route.unavailable !== undefined ? (['not_implemented'] as const) : []),
    ...(route.path.includes('{') ? (['invalid_request'] as const) : []),
    ...(route.body === undefined ? [] : bodyErrors),
    ...(route.errors ?? []),
  ]),
];
