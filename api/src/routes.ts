import type { ErrorCode } from './errors.ts';
import { anthropicRoutes } from './routes/anthropic.ts';
import { inferenceRoutes } from './routes/inference.ts';
import { nativeRoutes } from './routes/native.ts';
import { ollamaRoutes } from './routes/ollama.ts';
import { openaiRoutes } from './routes/openai.ts';
import type { Route } from './routes/route.ts';

export type { Dialect, Route } from './routes/route.ts';

/** Every operation of the public API. */
export const routes = {
  ...ollamaRoutes,
  ...openaiRoutes,
  ...anthropicRoutes,
  ...inferenceRoutes,
  ...nativeRoutes,
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof routes;

const guardErrors = ['host_not_allowed', 'origin_not_allowed', 'internal'] as const;
const tokenErrors = ['unauthenticated', 'token_expired', 'forbidden'] as const;
const bodyErrors = [
  'invalid_json',
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
    ...(route.body === undefined || route.bodyOptional === true ? [] : (['missing_body'] as const)),
    ...(route.errors ?? []),
  ]),
];
