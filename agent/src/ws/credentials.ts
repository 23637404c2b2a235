import type { IncomingMessage } from 'node:http';

/** What an upgrade request brings to say who it is. */
export type Credentials =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'ticket'; readonly ticket: string }
  | { readonly kind: 'none' };

/** Kubernetes' precedent: browsers can set a subprotocol and no header. */
const bearerProtocol = 'base64url.bearer.authorization.';

const fromProtocols = (header: string | undefined): string | undefined => {
  const entry = header
    ?.split(',')
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(bearerProtocol));
  if (entry === undefined) return undefined;
  const token = Buffer.from(entry.slice(bearerProtocol.length), 'base64url').toString();
  return token === '' ? undefined : token;
};

/** Reads the credentials and takes them out of the request's URL, so that nothing behind this can log them. */
export const takeCredentials = (request: IncomingMessage): Credentials => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  request.url = url.pathname;
  const ticket = url.searchParams.get('ticket');
  const token =
    /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ??
    fromProtocols(request.headers['sec-websocket-protocol']);
  if (token !== undefined) return { kind: 'token', token };
  if (ticket !== null) return { kind: 'ticket', ticket };
  const inQuery = url.searchParams.get('token') ?? url.searchParams.get('access_token');
  return inQuery === null || inQuery === '' ? { kind: 'none' } : { kind: 'token', token: inQuery };
};
