import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ApiError, type Role, type Route } from '@ollamamax/api';
import type { RequestContext, SessionUser } from './request-context.ts';

const rank: Readonly<Record<Role, number>> = { readonly: 0, user: 1, admin: 2 };

/** Verifies a bearer token. @throws ApiError unauthenticated, token_expired */
export type Authenticate = (token: string) => SessionUser;

/** Without authentication everybody is this user. */
const localUser: SessionUser = { name: 'local', role: 'admin' };

const hostName = (host: string): string => {
  const trimmed = host.trim().toLowerCase();
  if (trimmed.startsWith('[')) return trimmed.slice(1, Math.max(1, trimmed.indexOf(']')));
  return trimmed.replace(/:\d*$/, '').replace(/\.$/, '');
};

const isLoopbackName = (name: string): boolean =>
  name === 'localhost' ||
  name.endsWith('.localhost') ||
  (isIP(name) === 4 && name.startsWith('127.')) ||
  name === '::1' ||
  name === '::ffff:127.0.0.1';

/**
 * Keeps pages of foreign sites off an agent without authentication that listens on loopback: a name that was
 * rebound to 127.0.0.1 arrives with its own Host header.
 */
export const createHostGuard = (
  protects: boolean,
  allowedHosts: readonly string[],
): ((request: IncomingMessage) => void) => {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const open = !protects || allowed.has('*');
  return (request) => {
    if (open) return;
    const { host } = request.headers;
    // HTTP/1.0 clients and health checks of load balancers send none.
    if (host === undefined || host === '') return;
    const name = hostName(host);
    if (isLoopbackName(name) || allowed.has(name)) return;
    throw new ApiError(
      'host_not_allowed',
      `The Host header names ${JSON.stringify(host.slice(0, 100))}, not this machine.`,
    );
  };
};

/** Answers whether pages of an origin may call; the origin itself is then echoed for CORS. */
export const createOriginCheck = (
  allowedOrigins: readonly string[],
): ((origin: string, host: string | undefined) => boolean) => {
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  return (origin, host) => {
    const wanted = origin.toLowerCase();
    if (allowed.has('*') || allowed.has(wanted)) return true;
    let url: URL;
    try {
      url = new URL(wanted);
    } catch {
      return false;
    }
    // The page's own server (the dashboard), and pages on this machine, as Ollama allows.
    return url.host === host?.toLowerCase() || isLoopbackName(hostName(url.host));
  };
};

/** Reads the user from the Authorization header and compares the role with what the route asks for. */
export const createAccessGuard = (
  authenticate: Authenticate | undefined,
): ((request: IncomingMessage, route: Pick<Route, 'access'>, context: RequestContext) => void) => {
  if (authenticate === undefined)
    return (_request, _route, context) => {
      context.user = localUser;
    };
  return (request, route, context) => {
    const header = request.headers.authorization;
    const token = header === undefined ? undefined : /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (route.access === 'public') {
      // A valid token is told by the session route; a bad one does not close public routes.
      if (token !== undefined) context.user = tryAuthenticate(authenticate, token);
      return;
    }
    if (token === undefined)
      throw new ApiError(
        'unauthenticated',
        header === undefined
          ? 'The request has no Authorization header.'
          : 'The Authorization header is not a Bearer token.',
      );
    context.user = authenticate(token);
    context.token = token;
    if (rank[context.user.role] < rank[route.access])
      throw new ApiError(
        'forbidden',
        `The role "${context.user.role}" may not do this; it needs "${route.access}".`,
      );
  };
};

const tryAuthenticate = (authenticate: Authenticate, token: string): SessionUser | undefined => {
  try {
    return authenticate(token);
  } catch {
    return undefined;
  }
};
