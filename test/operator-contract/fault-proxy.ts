import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createCertificateAuthority, issueCertificate } from '@ollamamax/common';

/** What happens to a request instead of reaching the API server. */
export type Fault =
  | { readonly kind: 'reset' }
  | { readonly kind: 'answer'; readonly code: number; readonly reason: string; readonly retryAfter?: number };

interface Rule {
  readonly about: (request: { readonly url: string; readonly token: string | undefined }) => boolean;
  readonly fault: Fault;
  times: number;
}

interface LiveWatch {
  readonly from: IncomingMessage;
  readonly to: ServerResponse;
  readonly socket: Socket;
}

/** Stands before a real API server, passes everything on, and breaks what it is told to break. */
export class FaultProxy {
  /** Certificate of the authority that the proxy's own is from, PEM. */
  readonly ca: string;
  /** Paths with query that came by, oldest first. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #watches = new Set<LiveWatch>();
  #rules: Rule[] = [];
  /** The TCP connection below each TLS one, by the port it comes from: only that can be reset. */
  readonly #below = new Map<number, Socket>();
  #connections = 0;

  static async start(upstream: { readonly url: string; readonly ca: string }): Promise<FaultProxy> {
    const authority = await createCertificateAuthority({ commonName: 'fault proxy', days: 1 });
    const leaf = await issueCertificate(authority, {
      uriSan: 'spiffe://test/fault-proxy',
      ipSans: ['127.0.0.1'],
      days: 1,
    });
    const proxy = new FaultProxy(upstream, authority.cert, leaf);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(
    upstream: { readonly url: string; readonly ca: string },
    ca: string,
    leaf: { readonly cert: string; readonly key: string },
  ) {
    this.ca = ca;
    this.#server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
      this.#handle(upstream, request, response);
    });
    this.#server.on('connection', (socket: Socket) => {
      const { remotePort = 0 } = socket;
      this.#connections += 1;
      this.#below.set(remotePort, socket);
      socket.once('close', () => this.#below.delete(remotePort));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that were ever made to it. */
  get connections(): number {
    return this.#connections;
  }

  /** Watches that are open. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Breaks so many of the requests that match; until {@link heal} when no number is given. */
  break(about: Rule['about'], fault: Fault, times = Infinity): void {
    this.#rules.push({ about, fault, times });
  }

  heal(): void {
    this.#rules = [];
  }

  /** Ends the watches that are open: as a lost connection, as a server that is done, or by saying nothing more. */
  cut(how: 'reset' | 'close' | 'silence'): void {
    for (const watch of this.#watches) {
      watch.from.unpipe(watch.to);
      if (how === 'silence') watch.from.resume();
      else watch.from.destroy();
      if (how === 'reset') this.#reset(watch.socket);
      if (how === 'close') watch.to.end();
    }
    this.#watches.clear();
  }

  /** Puts an event of its own into the watches that are open. */
  inject(event: object): void {
    for (const { to } of this.#watches) to.write(`${JSON.stringify(event)}\n`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(
    upstream: { readonly url: string; readonly ca: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { url = '', method, headers, socket } = request;
    this.requests.push(url);
    const token = headers.authorization?.replace(/^Bearer /, '');
    const rule = this.#rules.find(({ about, times }) => times > 0 && about({ url, token }));
    if (rule !== undefined) {
      rule.times -= 1;
      request.resume();
      if (rule.fault.kind === 'reset') this.#reset(socket);
      else answer(response, rule.fault);
      return;
    }
    const onward = httpsRequest(new URL(url, upstream.url), { method, headers, ca: upstream.ca }, (from) => {
      response.writeHead(from.statusCode ?? 502, from.headers);
      response.flushHeaders();
      from.pipe(response);
      from.once('error', () => socket.destroy());
      if (!isWatch(url)) return;
      const watch = { from, to: response, socket };
      this.#watches.add(watch);
      const forget = (): void => {
        this.#watches.delete(watch);
      };
      from.once('close', forget);
      response.once('close', () => {
        forget();
        from.destroy();
      });
    });
    onward.once('error', () => this.#reset(socket));
    request.pipe(onward);
  }

  #reset({ remotePort = 0 }: Socket): void {
    this.#below.get(remotePort)?.resetAndDestroy();
  }
}

export const isWatch = (url: string): boolean => url.includes('watch=true');

const answer = (response: ServerResponse, fault: Extract<Fault, { kind: 'answer' }>): void => {
  const { code, reason, retryAfter } = fault;
  response.writeHead(code, {
    'content-type': 'application/json',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: 'a fault' }),
  );
};
