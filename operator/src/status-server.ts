import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Component, Registry } from '@ollamamax/common';

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Undefined: ready; else why not. */
  readonly notReady: () => string | undefined;
}

/** Metrics and probes of the operator. Who does not lead is ready too: it stands by. */
export const createStatusServer = (options: StatusServerOptions): Component & { port(): number } => {
  const server: Server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '/').split('?', 1);
    const answer = (status: number, text: string): void => {
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      });
      response.end(`${text}\n`);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'GET only');
    else if (path === '/healthz') answer(200, 'ok');
    else if (path === '/readyz') {
      const why = options.notReady();
      answer(why === undefined ? 200 : 503, why ?? 'ok');
    } else if (path === '/metrics')
      options.registry.metrics().then(
        (text) => {
          response.setHeader('content-type', options.registry.contentType);
          response.end(text);
        },
        () => answer(500, 'metrics could not be collected'),
      );
    else answer(404, 'metrics are at /metrics, probes at /healthz and /readyz');
  });
  return {
    name: 'status server',
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: options.host, port: options.port }, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) {
          resolve();
          return;
        }
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    port: () => (server.address() as AddressInfo).port,
  };
};
