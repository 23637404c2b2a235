import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/** Views of the single page: only these are answered with it, everything else unknown is a 404. */
const pages = new Set(['/', '/login', '/playground']);

const contentTypes: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Build {
  /** The page with a place for the nonce. */
  readonly page: string;
  /** Request path to file: what is not listed here cannot be read, whatever the path says. */
  readonly assets: ReadonlyMap<
    string,
    { readonly file: string; readonly type: string; readonly zipped: boolean }
  >;
}

const loadBuild = async (distDir: string): Promise<Build | undefined> => {
  try {
    const page = await readFile(join(distDir, 'index.html'), 'utf8');
    const names = await readdir(join(distDir, 'assets'));
    const assets = names.flatMap((name) => {
      const type = contentTypes[extname(name)];
      const file = join(distDir, 'assets', name);
      return type === undefined
        ? []
        : [[`/assets/${name}`, { file, type, zipped: names.includes(`${name}.gz`) }] as const];
    });
    return { page, assets: new Map(assets) };
  } catch {
    // Not built, or being built: asked again with the next request.
    return undefined;
  }
};

const policy = (nonce: string, host: string | undefined): string => {
  // Older browsers do not count WebSockets as 'self'. The header is the client's: only a plain host may enter.
  const sockets = host !== undefined && /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `connect-src 'self'${sockets}`,
    "img-src 'self' data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; ');
};

const acceptsGzip = (request: IncomingMessage): boolean =>
  /(^|,)\s*(gzip|\*)\s*(;(?!\s*q=0(\.0*)?\s*(,|$))|,|$)/i.test(request.headers['accept-encoding'] ?? '');

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>OllamaMax</title>
<h1>The dashboard is not built</h1><p>Run <code>npm run build -w agent/dashboard</code> and load this page again.
The API does not need it.</p></html>`;

/**
 * Serves the built dashboard: the page with a fresh nonce per response, hashed assets for ever.
 * @param distDir the folder that `vite build` wrote; may appear later
 * @param otherwise answers everything that is neither a view nor an asset: the API the page calls
 */
export const dashboardHandler = (distDir: string, otherwise: RequestListener): RequestListener => {
  let build: Build | undefined;

  const answer = async (path: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    const send = (status: number, type: string, body: string | Buffer): void => {
      response.statusCode = status;
      response.setHeader('content-type', type);
      response.setHeader('content-length', Buffer.byteLength(body));
      if (!response.hasHeader('cache-control')) response.setHeader('cache-control', 'no-store');
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      send(405, 'text/plain; charset=utf-8', 'This path does not answer this method.\n');
      return;
    }
    build ??= await loadBuild(distDir);
    if (pages.has(path)) {
      const nonce = randomBytes(16).toString('base64');
      response.setHeader('content-security-policy', policy(nonce, request.headers.host));
      if (build === undefined) {
        response.setHeader('retry-after', '10');
        send(503, 'text/html; charset=utf-8', notBuilt);
      } else {
        send(200, 'text/html; charset=utf-8', build.page.replaceAll('%CSP_NONCE%', nonce));
      }
      return;
    }
    const asset = build?.assets.get(path);
    if (asset === undefined) {
      // An older page may ask for assets of its own build: look whether there is a newer one now.
      build = undefined;
      send(404, 'text/plain; charset=utf-8', 'There is nothing at this path.\n');
      return;
    }
    const zipped = asset.zipped && acceptsGzip(request);
    const bytes = await readFile(zipped ? `${asset.file}.gz` : asset.file);
    response.setHeader('vary', 'accept-encoding');
    if (zipped) response.setHeader('content-encoding', 'gzip');
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    // An image must never run what somebody might put into it.
    response.setHeader('content-security-policy', "default-src 'none'");
    send(200, asset.type, bytes);
  };

  return (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    if (!pages.has(path) && !path.startsWith('/assets/')) {
      otherwise(request, response);
      return;
    }
    answer(path, request, response).catch(() => {
      build = undefined;
      if (response.headersSent) response.destroy();
      else {
        for (const name of ['content-encoding', 'cache-control']) response.removeHeader(name);
        response.statusCode = 500;
        response.end();
      }
    });
  };
};
