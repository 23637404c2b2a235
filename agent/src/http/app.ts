import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import {
  ApiError,
  compileValidator,
  describeProblems,
  headers,
  routes,
  type Route,
  type RouteId,
} from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { bodyTooDeep, errorCodeHeader, sendError, toApiError } from './error-response.ts';
import { createAccessGuard, createHostGuard, createOriginCheck, type Authenticate } from './guards.ts';
import type { Handler, Handlers } from './handlers.ts';
import { queuePositionHeader } from './inference-calls.ts';
import { nestsDeeperThan } from './nesting.ts';
import { createContext, type RequestContext } from './request-context.ts';

/** Routes that have handlers; the others are answered with not_implemented. */
export type AvailableRoute = {
  [Id in RouteId]: (typeof routes)[Id] extends { unavailable: string } ? never : Id;
}[RouteId];

export interface AppOptions {
  readonly handlers: Handlers<AvailableRoute>;
  readonly logger: Logger;
  /** Undefined: no authentication. */
  readonly authenticate: Authenticate | undefined;
  readonly loopbackOnly: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly bodyBytes: number;
  readonly onStarted: () => void;
  readonly onFinished: (context: RequestContext, status: number, durationMs: number, method: string) => void;
  /** True while the agent goes away: connections are not kept. */
  readonly draining: () => boolean;
}

const contextOf = (response: express.Response): RequestContext => response.locals.context as RequestContext;

const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** Levels of brackets in a body; schemas and tools that people write have a tenth of it. */
const maxNesting = 200;

// Ollama's own examples send JSON without a content type; foreign pages are kept off by their Origin instead.
const jsonBody = (limit: number): RequestHandler =>
  express.json({
    limit,
    type: () => true,
    strict: true,
    verify: (_request, _response, body) => {
      // Not an ApiError: the parser writes fields of its own into what is thrown here.
      if (nestsDeeperThan(maxNesting, body))
        throw Object.assign(new Error(`The body is nested deeper than ${maxNesting} levels.`), {
          type: bodyTooDeep,
        });
    },
  });

const dropNulls = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // Most bodies have none, and copying one with very many fields takes seconds.
  if (!Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null));
};

/** To the Go programs that speak Ollama's API, null is a field left out: of the body, its options and messages. */
const withoutNulls = (body: unknown): unknown => {
  const outer = dropNulls(body);
  if (typeof outer !== 'object' || outer === null || Array.isArray(outer)) return outer;
  // Of the parser and nobody else's: its fields may be replaced in place.
  const fields = outer as Record<string, unknown>;
  if (fields.options !== undefined) fields.options = dropNulls(fields.options);
  if (Array.isArray(fields.messages)) fields.messages = fields.messages.map(dropNulls);
  return fields;
};

/** Anthropic's clients send the token and look for the id of the request in headers of their own. */
const speakAnthropic = (request: express.Request, response: express.Response, id: string): void => {
  response.setHeader('request-id', id);
  const key = request.headers['x-api-key'];
  if (request.headers.authorization === undefined && typeof key === 'string')
    request.headers.authorization = `Bearer ${key}`;
};

/** The public API as one express application. */
export const createApp = (options: AppOptions): express.Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('case sensitive routing', true);
  // Nested query syntax is not needed and has been a source of surprises.
  app.set('query parser', 'simple');

  const checkHost = createHostGuard(
    options.loopbackOnly && options.authenticate === undefined,
    options.allowedHosts,
  );
  const originAllowed = createOriginCheck(options.allowedOrigins);

  app.use((request, response, next) => {
    const context = createContext(request, response);
    response.locals.context = context;
    response.setHeader('x-content-type-options', 'nosniff');
    if (options.draining()) response.setHeader('connection', 'close');
    options.onStarted();
    response.once('close', () => {
      options.onFinished(context, response.statusCode, performance.now() - context.startedAt, request.method);
    });
    checkHost(request);
    const { origin } = request.headers;
    if (origin === undefined) {
      next();
      return;
    }
    if (!originAllowed(origin, request.headers.host))
      throw new ApiError('origin_not_allowed', `Pages of ${origin.slice(0, 200)} may not call this API.`);
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'Origin');
    response.setHeader(
      'access-control-expose-headers',
      `${headers.requestId}, ${headers.servedBy}, ${queuePositionHeader}, ${errorCodeHeader}, retry-after`,
    );
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-methods', 'GET, POST, DELETE, HEAD, OPTIONS');
      response.setHeader(
        'access-control-allow-headers',
        request.headers['access-control-request-headers'] ?? 'authorization, content-type',
      );
      response.setHeader('access-control-max-age', '600');
      response.status(204).end();
      return;
    }
    next();
  });

  const guard = createAccessGuard(options.authenticate);
  const methodsByPath = new Map<string, { methods: Set<string>; route: Route }>();
  for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
    const path = expressPath(route.path);
    const known = methodsByPath.get(path) ?? { methods: new Set(), route };
    known.methods.add(route.method.toUpperCase());
    if (route.method === 'get') known.methods.add('HEAD');
    methodsByPath.set(path, known);
    const enter: RequestHandler = (request, response, next) => {
      const context = contextOf(response);
      context.route = route.path;
      context.dialect = route.dialect;
      if (route.dialect === 'anthropic') speakAnthropic(request, response, context.id);
      guard(request, route, context);
      next();
    };
    const { unavailable } = route;
    if (unavailable !== undefined) {
      app[route.method](path, enter, () => {
        throw new ApiError(
          'not_implemented',
          `${route.path} is not available in this version. ${unavailable}`,
        );
      });
      continue;
    }
    const handler = (options.handlers as Record<string, Handler>)[id];
    if (handler === undefined) throw new Error(`route ${id} has no handler`);
    const { body, bodyOptional = false } = route;
    if (body === undefined) {
      app[route.method](path, enter, async (request, response) => {
        await handler({ request, response, context: contextOf(response), body: undefined });
      });
      continue;
    }
    const validate = compileValidator(body);
    app[route.method](path, enter, jsonBody(options.bodyBytes), async (request, response) => {
      const given: unknown = request.body;
      // The parser reads an empty body as an empty object.
      const empty =
        request.headers['transfer-encoding'] === undefined &&
        Number(request.headers['content-length'] ?? 0) === 0;
      const isMissing = given === undefined || empty;
      if (isMissing && !bodyOptional) throw new ApiError('missing_body');
      const value = isMissing ? {} : given;
      const result = validate(route.dialect === 'ollama' ? withoutNulls(value) : value);
      if (!result.ok) {
        const [first] = result.problems;
        throw new ApiError(
          'invalid_request',
          `${describeProblems(result.problems.slice(0, 10))}.`,
          first === undefined || first.path === '' ? {} : { param: first.path },
        );
      }
      await handler({ request, response, context: contextOf(response), body: result.value });
    });
  }

  for (const [path, { methods, route }] of methodsByPath)
    app.all(path, (request, response) => {
      contextOf(response).dialect = route.dialect;
      contextOf(response).route = route.path;
      response.setHeader('allow', [...methods].join(', '));
      throw new ApiError('method_not_allowed', `${request.path} does not answer ${request.method}.`);
    });

  app.use((request) => {
    throw new ApiError('route_not_found', `There is nothing at ${request.path.slice(0, 200)}.`);
  });

  const onError: ErrorRequestHandler = (thrown: unknown, request, response, _next) => {
    const context = contextOf(response);
    const error = toApiError(thrown, options.logger, context.id);
    context.errorCode = error.code;
    // The rest of a refused upload is not read: the connection cannot be used again.
    if (!request.complete) response.setHeader('connection', 'close');
    sendError(response, error, context.dialect, context.id, request.path);
  };
  app.use(onError);
  return app;
};
