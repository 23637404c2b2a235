import type { makeDocuments, StaticDocument } from '../api-docs/documents.ts';
import type { Handler, Handlers } from './handlers.ts';

type Documents = Awaited<ReturnType<typeof makeDocuments>>;

/** The page loads its own style and script, and nothing else from anywhere. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const contentTypes: Readonly<Record<keyof Documents, string>> = {
  openapi: 'application/json; charset=utf-8',
  docs: 'text/html; charset=utf-8',
  docsStyle: 'text/css; charset=utf-8',
  docsScript: 'text/javascript; charset=utf-8',
};

/** The OpenAPI document, and the API as a page for people. Neither holds a secret: both are open to everybody. */
export const docsHandlers = (): Handlers<keyof Documents> => {
  // Made with the first request: few agents are ever asked, and all would have the schemas of it in memory.
  let made: Promise<Documents> | undefined;
  const documents = async (): Promise<Documents> =>
    (await import('../api-docs/documents.ts')).makeDocuments();

  const answer = (
    { request, response }: Parameters<Handler>[0],
    name: keyof Documents,
    found: StaticDocument,
  ) => {
    response.set({
      'content-type': contentTypes[name],
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'public, no-cache',
      etag: found.etag,
    });
    response.vary('Accept-Encoding');
    if (request.fresh) {
      response.status(304).end();
      return;
    }
    const zipped = request.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (zipped) response.set('content-encoding', 'gzip');
    response.end(request.method === 'HEAD' ? undefined : zipped ? found.zipped : found.body);
  };
  const handler =
    (name: keyof Documents): Handler =>
    async (call) => {
      made ??= documents();
      try {
        answer(call, name, (await made)[name]);
      } catch (error) {
        made = undefined;
        throw error;
      }
    };
  return {
    openapi: handler('openapi'),
    docs: handler('docs'),
    docsStyle: handler('docsStyle'),
    docsScript: handler('docsScript'),
  };
};
