import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { headers, type Dialect, type Role } from '@ollamamax/api';

export interface SessionUser {
  readonly name: string;
  readonly role: Role;
}

/** What the agent knows of one request; lives on `res.locals.context`. */
export interface RequestContext {
  readonly id: string;
  readonly startedAt: number;
  /** Error dialect; by path until the route is known. */
  dialect: Dialect;
  /** Route template for logs and metrics, never the raw path. */
  route: string;
  user: SessionUser | undefined;
  /** The token that was sent; never logged. */
  token: string | undefined;
  /** Agent that did the work, when another one did. */
  servedBy: string | undefined;
  /** Error code, when the request failed, before or after the first byte. */
  errorCode: string | undefined;
}

/** What describes the API is none of Ollama's paths. */
const ownDocuments = /^\/(docs|openapi\.json)(?![\w-])/;

const dialectOf = (path: string): Dialect => {
  if (path.startsWith('/v1/messages')) return 'anthropic';
  if (path.startsWith('/v1')) return 'openai';
  return path.startsWith('/api/v1/') || ownDocuments.test(path) ? 'native' : 'ollama';
};

const safeRequestId = /^[A-Za-z0-9._-]{1,64}$/;

/** Takes a well-formed request id over from the client or makes one, and answers it in the header. */
export const createContext = (request: IncomingMessage, response: ServerResponse): RequestContext => {
  const given = request.headers[headers.requestId];
  const id = typeof given === 'string' && safeRequestId.test(given) ? given : randomUUID();
  response.setHeader(headers.requestId, id);
  return {
    id,
    startedAt: performance.now(),
    dialect: dialectOf(request.url ?? '/'),
    route: 'unmatched',
    user: undefined,
    token: undefined,
    servedBy: undefined,
    errorCode: undefined,
  };
};
