import { createReadStream } from 'node:fs';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import {
  AdmissionRequest,
  ApiError,
  BootstrapRequest,
  DesiredState,
  InferenceRequest,
  ManageRequest,
  MemberRequest,
  compileValidator,
  describeProblems,
  headers,
  internalPaths,
  isApiError,
  toWireError,
} from '@ollamamax/api';
import type { AgentStatus, InferenceEvent, ManageEvent, Validator } from '@ollamamax/api';
import { peerIdentity, secureContextOptions, sleep } from '@ollamamax/common';
import type { Component, Logger, TlsMaterial } from '@ollamamax/common';
import type { Catalog, Consensus } from '../catalog/catalog.ts';
import type { ModelStore } from '../models/model-store.ts';
import { writeEventStream } from './event-stream.ts';
import { readIdentity } from './identity.ts';
import type { InternalIdentity } from './identity.ts';
import { readJsonBody } from './json-body.ts';

/** Largest body that asks for a change of the members. */
const membershipBytes = 64 * 1024;

/** Bounds of the internal listener. Times in milliseconds, sizes in bytes. */
export interface InternalLimits {
  readonly connections: number;
  readonly inferenceBodyBytes: number;
  readonly desiredStateBytes: number;
  readonly handshakeMs: number;
  readonly headersMs: number;
  /** For the whole request, body included. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** A reader that takes no byte of its answer for so long is cut off. */
  readonly writeStallMs: number;
  /** Time for running answers once the server is stopped. */
  readonly stopGraceMs: number;
}

const defaultInternalLimits: InternalLimits = {
  connections: 4096,
  inferenceBodyBytes: 32 * 1024 * 1024,
  desiredStateBytes: 8 * 1024 * 1024,
  handshakeMs: 10_000,
  headersMs: 15_000,
  requestMs: 60_000,
  keepAliveMs: 30_000,
  writeStallMs: 60_000,
  stopGraceMs: 2000,
};

export interface InternalServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly cluster: string;
  /** `ca` is needed: it decides who may talk to this listener. */
  readonly tls: TlsMaterial;
  readonly status: () => AgentStatus;
  readonly catalog: Pick<Catalog, 'state' | 'apply'>;
  readonly consensus: Consensus;
  /** Runs a request on this agent's own runners, never on another agent: at most one hop. */
  readonly runLocal: (request: InferenceRequest, signal: AbortSignal) => AsyncIterable<InferenceEvent>;
  readonly models: Pick<ModelStore, 'chunks' | 'show'>;
  /** Models that people manage: work on those whose files are here, and their files. */
  readonly ownModels: {
    manage(request: ManageRequest, signal: AbortSignal): AsyncIterable<ManageEvent>;
    blobHere(digest: string): Promise<{ readonly path: string; readonly size: number }>;
  };
  readonly log: Logger;
  readonly limits?: Partial<InternalLimits>;
}

export interface InternalServer extends Component {
  start(): Promise<void>;
  stop(signal?: AbortSignal): Promise<void>;
  /** Where it listens; only after start. */
  address(): AddressInfo;
  /** New connections get this certificate and are checked by these authorities; those that are there go on. */
  renew(material: TlsMaterial): void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly identity: InternalIdentity;
  readonly query: URLSearchParams;
  readonly name: string;
}

/** Paths with the name of a model in them. */
const namedPaths = [internalPaths.show, internalPaths.chunks].map((route) => {
  const [prefix = '', suffix = ''] = route.split(':name');
  return { route, prefix, suffix };
});
const validateDesiredState = compileValidator(DesiredState);
const validateBootstrap = compileValidator(BootstrapRequest);
const validateAdmission = compileValidator(AdmissionRequest);
const validateMember = compileValidator(MemberRequest);
const validateManage = compileValidator(ManageRequest);
const validateInference = compileValidator(InferenceRequest);

const checked = <T>(validator: Validator<T>, value: unknown): T => {
  const result = validator(value);
  if (result.ok) return result.value;
  const param = result.problems[0]?.path;
  throw new ApiError(
    'invalid_request',
    `The request is not valid: ${describeProblems(result.problems.slice(0, 10))}.`,
    param === undefined || param === '' ? {} : { param },
  );
};

const sendJson = (response: ServerResponse, status: number, value: unknown): void => {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
};

const sendError = (response: ServerResponse, error: unknown): void => {
  const status = isApiError(error) ? error.status : 500;
  if (isApiError(error) && error.retryAfterSeconds !== undefined)
    response.setHeader('retry-after', Math.ceil(error.retryAfterSeconds));
  sendJson(response, status, toWireError(error));
};

const decodeName = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError('invalid_model_name', `${JSON.stringify(text)} is not a valid model name.`);
  }
};

/**
 * The listener between agents and for the operator: mutual TLS 1.3, HTTP/1.1. Only certificates of this
 * cluster are answered; desired state is taken from the operator alone.
 */
export const createInternalServer = (options: InternalServerOptions): InternalServer => {
  const limits = { ...defaultInternalLimits, ...options.limits };
  const { log } = options;
  const identities = new WeakMap<object, InternalIdentity>();
  /** All TCP connections, those in their handshake included. */
  const connections = new Set<Socket>();
  /** Connections without a request; Node's own closeIdleConnections() spares those that never had one. */
  const idle = new Set<Socket>();
  let stopping = false;

  const leaving = (response: ServerResponse): AbortController => {
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) left.abort(new ApiError('cancelled'));
    });
    return left;
  };

  const manage = async ({ request, response }: Exchange): Promise<void> => {
    const left = leaving(response);
    const body = checked(validateManage, await readJsonBody(request, limits.inferenceBodyBytes));
    await writeEventStream(response, options.ownModels.manage(body, left.signal), limits.writeStallMs);
  };
  const blob = async ({ response, query }: Exchange): Promise<void> => {
    const { path, size } = await options.ownModels.blobHere(query.get('digest') ?? '');
    if (query.get('only') === 'size') {
      sendJson(response, 200, { size });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
    await pipeline(createReadStream(path), response);
  };

  const inference = async ({ request, response }: Exchange): Promise<void> => {
    const left = leaving(response);
    const body = checked(validateInference, await readJsonBody(request, limits.inferenceBodyBytes));
    response.setHeader(headers.requestId, encodeURIComponent(body.id));
    await writeEventStream(response, options.runLocal(body, left.signal), limits.writeStallMs);
  };

  const operatorOnly = ({ identity }: Exchange, what: string): void => {
    if (identity.kind !== 'operator')
      throw new ApiError('forbidden', `Only the operator of this cluster may ${what}.`);
  };
  const bodyOf = async <T>({ request }: Exchange, validator: Validator<T>): Promise<T> =>
    checked(validator, await readJsonBody(request, membershipBytes));
  const { consensus } = options;
  const admit = async (exchange: Exchange): Promise<void> => {
    const { identity, response } = exchange;
    const body = await bodyOf(exchange, validateAdmission);
    // Whoever could name another agent could put itself in its place.
    if (identity.kind !== 'agent' || identity.id !== body.agent)
      throw new ApiError('forbidden', 'An agent may ask for its own membership only.');
    sendJson(response, 200, await consensus.admit(body));
  };
  /** What the operator may have done with the group. */
  const steer =
    (what: string, work: (exchange: Exchange) => Promise<unknown>) =>
    async (exchange: Exchange): Promise<void> => {
      operatorOnly(exchange, what);
      sendJson(exchange.response, 200, await work(exchange));
    };

  const routes: Record<string, Partial<Record<string, (exchange: Exchange) => Promise<void> | void>>> = {
    [internalPaths.status]: { GET: ({ response }) => sendJson(response, 200, options.status()) },
    [internalPaths.desiredState]: {
      GET: ({ response }) => sendJson(response, 200, options.catalog.state()),
      PUT: steer('set its desired state', async ({ request }) => {
        const next = checked(validateDesiredState, await readJsonBody(request, limits.desiredStateBytes));
        return options.catalog.apply(next);
      }),
    },
    [internalPaths.bootstrap]: {
      POST: steer('begin a group', async (exchange) =>
        consensus.bootstrap((await bodyOf(exchange, validateBootstrap)).clusterId),
      ),
    },
    [internalPaths.members]: { POST: admit },
    [internalPaths.remove]: {
      POST: steer('take a member out', async (exchange) =>
        consensus.remove((await bodyOf(exchange, validateMember)).agent),
      ),
    },
    // Members can take each other out anyway; the one that is asked itself does not come back.
    [internalPaths.leave]: {
      POST: async ({ response }) => sendJson(response, 200, await consensus.leave()),
    },
    [internalPaths.transfer]: {
      POST: steer('say who leads', async (exchange) =>
        consensus.transfer((await bodyOf(exchange, validateMember)).agent),
      ),
    },
    [internalPaths.inference]: { POST: inference },
    [internalPaths.ownModels]: { POST: manage },
    [internalPaths.blob]: { GET: blob },
    [internalPaths.show]: {
      GET: async ({ response, name, query }) => {
        sendJson(response, 200, await options.models.show(name, query.get('verbose') === 'true'));
      },
    },
    [internalPaths.chunks]: {
      GET: async ({ response, name }) => {
        const gone = new AbortController();
        response.once('close', () => gone.abort(new Error('Nobody waits for the chunks any more.')));
        sendJson(response, 200, await options.models.chunks(name, gone.signal));
      },
    },
  };

  const dispatch = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const identity = identities.get(request.socket);
    if (identity === undefined) {
      response.setHeader('connection', 'close');
      throw new ApiError(
        'forbidden',
        `The client certificate is not one of an agent or the operator of cluster ${options.cluster}.`,
      );
    }
    if (stopping) response.setHeader('connection', 'close');
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const named = namedPaths.find(
      ({ prefix, suffix }) =>
        path.startsWith(prefix) && path.endsWith(suffix) && path.length > prefix.length + suffix.length,
    );
    const route = named?.route ?? path;
    const methods = Object.hasOwn(routes, route) ? routes[route] : undefined;
    if (methods === undefined)
      throw new ApiError('route_not_found', `There is nothing at ${path.slice(0, 200)}.`);
    const method = request.method ?? '';
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (handler === undefined) {
      response.setHeader('allow', Object.keys(methods).join(', '));
      throw new ApiError('method_not_allowed');
    }
    const name = named === undefined ? '' : decodeName(path.slice(named.prefix.length, -named.suffix.length));
    await handler({ request, response, identity, query: new URLSearchParams(query), name });
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { socket } = request;
    idle.delete(socket);
    response.once('close', () => {
      if (socket.destroyed) return;
      idle.add(socket);
      if (stopping) socket.destroySoon();
    });
    try {
      await dispatch(request, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        if (!isApiError(error)) log.debug('internal request ended early', { error });
        response.destroy();
        return;
      }
      if (!isApiError(error)) log.error('internal request failed', { path: request.url, error });
      // What is left of an unread body must not be taken for the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      sendError(response, error);
    }
  };

  const server = createServer(
    {
      ...secureContextOptions(options.tls),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: limits.handshakeMs,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      // The default of 30 s would let a slow client stay that much longer than its limit.
      connectionsCheckingInterval: Math.max(100, Math.min(1000, limits.headersMs / 2)),
      maxHeaderSize: 16 * 1024,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      noDelay: true,
    },
    (request, response) => {
      void handle(request, response);
    },
  );
  server.maxConnections = limits.connections;
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    idle.add(socket);
    socket.once('close', () => idle.delete(socket));
    const identity = readIdentity(options.cluster, peerIdentity(socket));
    if (identity === undefined) log.warn('internal connection refused', { address: socket.remoteAddress });
    else identities.set(socket, identity);
  });
  server.on('tlsClientError', (error, socket) => {
    log.debug('internal handshake failed', { address: socket.remoteAddress, reason: error.message });
  });

  return {
    name: 'internal-api',
    start: () =>
      new Promise((resolve, reject) => {
        const onError = (error: NodeJS.ErrnoException): void => {
          const where = `${options.host}:${options.port}`;
          reject(
            error.code === 'EADDRINUSE'
              ? new ApiError('port_in_use', `Another program listens on ${where} (listen.internal).`, {
                  cause: error,
                })
              : error,
          );
        };
        server.once('error', onError);
        server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
          server.off('error', onError);
          server.on('error', (error) => log.error('internal listener failed', { error }));
          resolve();
        });
      }),
    stop: async (signal) => {
      stopping = true;
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of idle) socket.destroySoon();
      const over = new AbortController();
      const ends = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
      await Promise.race([closed, sleep(limits.stopGraceMs, ends).catch(() => undefined)]);
      over.abort();
      for (const socket of connections) socket.destroy();
      await closed;
    },
    address: () => server.address() as AddressInfo,
    renew: (material) => server.setSecureContext(secureContextOptions(material)),
  };
};
