import { routes, type Dialect, type Route, type RouteId } from '@ollamamax/api';
import * as rest from '@ollamamax/api';
import { routeCalls } from './route-calls.ts';
import { problemsOf } from './strict-validator.ts';

/** The table by id, as pairs for `test.each`. */
export const allRoutes = Object.entries(routes) as [RouteId, Route][];

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The path of a route with the parameters of its call filled in. */
export const pathOf = (id: RouteId): string =>
  routes[id].path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(routeCalls[id].parameters?.[name] ?? ''),
  );

export interface SendOptions {
  readonly method?: string;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string | undefined;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends one request and reads the whole answer. */
export const send = async (base: string, path: string, options: SendOptions = {}): Promise<Answer> => {
  const { body, token, method = 'GET' } = options;
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

/** Sends the call of a route that should succeed. */
export const callRoute = (base: string, id: RouteId, options: SendOptions = {}): Promise<Answer> =>
  send(base, pathOf(id), {
    method: routes[id].method.toUpperCase(),
    body: routeCalls[id].body,
    ...options,
  });

const errorSchemas = {
  ollama: rest.OllamaError,
  openai: rest.OpenAiError,
  anthropic: rest.AnthropicError,
  native: rest.ProblemDetails,
} as const satisfies Record<Dialect, unknown>;

/** What is wrong with the body of an error in its dialect. */
export const errorProblems = (dialect: Dialect, value: unknown): readonly rest.Problem[] =>
  problemsOf(errorSchemas[dialect], value);

/** The code of an error: in the body, or in a header where the dialect has no room for it. */
export const errorCode = (dialect: Dialect, answer: Answer): unknown => {
  if (dialect === 'anthropic') return answer.headers.get('x-ollamamax-error');
  const body = JSON.parse(answer.text) as { code?: unknown; error?: { code?: unknown } };
  return dialect === 'openai' ? body.error?.code : body.code;
};
