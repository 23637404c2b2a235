import {
  createServer as createHttpServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import { ApiError, errorCatalogue, type ErrorCode } from '@ollamamax/api';
import { secureContextOptions, type Component, type TlsMaterial } from '@ollamamax/common';
import { formatListenAddress, isWildcardHost, parseListenAddress } from '../config/listen-address.ts';
import { isUpload } from './ollama-manage-upload.ts';

export interface ListenerOptions {
  readonly name: string;
  /** host:port; an empty host means all addresses. */
  readonly address: string;
  readonly handler: RequestListener;
  /** Plain HTTP without. */
  readonly tls?: TlsMaterial;
  readonly headersMs: number;
  /** For a whole request, body included; uploads of files take as long as they need. */
  readonly requestMs: number;
  readonly maxConnections: number;
  readonly onConnectionDropped: () => void;
}

/**
 * Connections that may wait to be taken while this process is busy: a burst beyond it is dropped by the system, and
 * each of its clients tries again only after seconds. The system's own limit is 4096.
 */
const backlog = 4096;

/** How long a connection of a draining listener may be without a request. */
const lingerMs = 500;

const clientErrorCodes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what the HTTP parser refused, before any handler saw it. */
const answerClientError = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = clientErrorCodes[error.code ?? ''] ?? 'invalid_request';
  const { status, summary, action } = errorCatalogue[code];
  const detail = code === 'invalid_request' ? 'The request is not valid HTTP/1.1.' : summary;
  const body = `${JSON.stringify({ error: `${detail} ${action}`, code })}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
};

/** Cuts a client off whose body has not come in time. */
const limitBody = (request: IncomingMessage, ms: number): void => {
  const { headers, socket } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
  const timer = setTimeout(() => {
    if (request.complete) return;
    answerClientError(
      Object.assign(new Error('The body did not come in time.'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
      socket,
    );
  }, ms);
  request.once('close', () => clearTimeout(timer));
};

/** One HTTP or HTTPS socket of the agent with its time limits. */
export class Listener implements Component {
  readonly name: string;
  readonly server: Server;
  readonly #options: ListenerOptions;
  readonly #secure: HttpsServer | undefined;

  constructor(options: ListenerOptions) {
    this.name = options.name;
    this.#options = options;
    const handler: RequestListener = (request, response) => {
      if (!isUpload(request)) limitBody(request, options.requestMs);
      options.handler(request, response);
    };
    const serverOptions = {
      headersTimeout: options.headersMs,
      // Node's own knows no exception.
      requestTimeout: 0,
      // Node looks for late clients only this often.
      connectionsCheckingInterval: Math.max(100, Math.min(options.headersMs, 5_000) / 2),
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16 * 1024,
      noDelay: true,
      // Java's client and `curl --http2` offer h2c with their requests: who does not speak it goes on with HTTP/1.1.
      shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
    };
    this.#secure =
      options.tls === undefined
        ? undefined
        : createHttpsServer(
            { ...serverOptions, ...secureContextOptions(options.tls), handshakeTimeout: options.headersMs },
            handler,
          );
    this.server = this.#secure ?? createHttpServer(serverOptions, handler);
    this.server.maxConnections = options.maxConnections;
    this.server.on('clientError', answerClientError);
    this.server.on('drop', options.onConnectionDropped);
  }

  /** Port listened on; the one asked for, or the one the system chose for port 0. */
  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Base URL; the name of this machine stands for "all addresses". */
  get url(): string {
    const { host } = parseListenAddress(this.#options.address);
    const name = isWildcardHost(host) ? hostname() : host;
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    return `${scheme}://${formatListenAddress({ host: name, port: this.port })}`;
  }

  /** Shows new connections another certificate; those that are there go on with theirs. */
  renew(material: TlsMaterial): void {
    this.#secure?.setSecureContext(secureContextOptions(material));
  }

  /** @throws ApiError port_in_use, config_invalid */
  async start(): Promise<void> {
    const { host, port } = parseListenAddress(this.#options.address);
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        reject(
          error.code === 'EADDRINUSE'
            ? new ApiError('port_in_use', `Port ${port} for ${this.name} is in use.`, { cause: error })
            : new ApiError(
                'config_invalid',
                `Cannot listen on ${this.#options.address} for ${this.name}: ${error.message}.`,
                {
                  cause: error,
                },
              ),
        );
      };
      this.server.once('error', onError);
      this.server.listen({ port, backlog, ...(host === '' ? {} : { host }) }, () => {
        this.server.off('error', onError);
        resolve();
      });
    });
  }

  /** Takes no new connections; running answers go on. Resolves when the last one is done. */
  async drain(): Promise<void> {
    if (!this.server.listening) return;
    // An answer that began earlier did not say that its connection ends with it. Its client gets a moment to send the
    // next request, which is answered with `Connection: close`; closed at once, the two could miss each other.
    this.server.keepAliveTimeout = lingerMs;
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    this.server.closeIdleConnections();
    await closed;
  }

  async stop(): Promise<void> {
    const closed = this.drain();
    this.server.closeAllConnections();
    await closed;
  }
}
