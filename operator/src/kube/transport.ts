import { Agent, type Dispatcher } from 'undici';
import type { KubeConnection } from './connection.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query, below the server's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly code: number;
  readonly header: (name: string) => string | undefined;
  /** Must be read to its end or destroyed, or its connection is lost to others. */
  readonly body: Dispatcher.ResponseData['body'];
}

/** More than workers and watches need together; a bound in case something runs wild. */
const mostConnections = 64;
const connectTimeoutMs = 10_000;
/** Below the 90 s after which the API server closes an idle connection. */
const keepAliveMs = 30_000;

/** Connections to one API server, kept and shared; made anew when certificates change. */
export class Transport {
  readonly #connection: KubeConnection;
  readonly #origin: string;
  readonly #prefix: string;
  #agent: Agent;
  #tls: KubeConnection['tls'];
  #closed = false;

  constructor(connection: KubeConnection) {
    const url = new URL(connection.server);
    this.#connection = connection;
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#tls = connection.tls;
    this.#agent = openAgent(this.#tls);
  }

  /** Resolves when the answer begins. Rejects with the signal's reason, or with what broke the connection. */
  async send({ method, path, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const answer = await this.#current().request({
      origin: this.#origin,
      path: `${this.#prefix}${path}`,
      method,
      headers,
      body: body ?? null,
      signal,
      // The signal is the deadline; a watch may be silent for longer than any default.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return {
      code: answer.statusCode,
      header: (name) => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: answer.body,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#agent.destroy();
  }

  #current(): Agent {
    if (this.#closed) throw new Error('the Kubernetes client is closed');
    if (this.#connection.tls !== this.#tls) {
      const old = this.#agent;
      this.#tls = this.#connection.tls;
      this.#agent = openAgent(this.#tls);
      // What is in flight on the old connections ends by itself.
      void old.close();
    }
    return this.#agent;
  }
}

const openAgent = (tls: KubeConnection['tls']): Agent =>
  new Agent({
    // One connection for each watch: a stuck one holds up no other call.
    allowH2: false,
    connections: mostConnections,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    connect: {
      timeout: connectTimeoutMs,
      rejectUnauthorized: tls.rejectUnauthorized,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    },
  });
