import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { ApiError, fromWireError, isApiError, isErrorCode } from '@ollamamax/api';
import type { WireError } from '@ollamamax/api';
import { expectIdentity, peerIdentity } from '@ollamamax/common';
import { readIdentity } from '../internal-api/identity.ts';
import { readJsonBody } from '../internal-api/json-body.ts';
import type { PeerAddress } from './discovery.ts';

export interface PeerLinkOptions {
  readonly target: PeerAddress;
  readonly cluster: string;
  /**
   * For new connections. Always the same until certificates change: parsing them anew for each connection would
   * cost more than the handshake.
   */
  readonly secureContext: () => SecureContext;
  /** Milliseconds for connecting, TLS included. */
  readonly connectMs: number;
  /** Most streams at a time to this peer. */
  readonly maxStreams: number;
}

/** One request to a peer. */
export interface PeerCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Buffer;
  readonly signal: AbortSignal;
  /** Long answers have connections of their own, so that they never hold a status request up. */
  readonly stream?: boolean;
  /** Id that the certificate must carry; any agent of the cluster when left out. */
  readonly expectedId?: string;
}

/** HTTP to one address of another agent, over mutual TLS and kept-alive connections. */
export interface PeerLink {
  /** Resolves with the answer's head; an answer that is not 200 is thrown as the peer's own ApiError. */
  open(call: PeerCall): Promise<IncomingMessage>;
  /** The whole answer as JSON, and whose certificate was at the other end. */
  json(call: PeerCall, maxBytes: number): Promise<{ readonly value: unknown; readonly peerId: string }>;
  /** Closes all connections; running calls fail. */
  close(): void;
}

const errorBodyBytes = 64 * 1024;
const keepAliveProbeMs = 10_000;

/** A kept-alive connection that the peer was just closing: says nothing about the peer, so it is tried anew once. */
class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

const isWireError = (value: unknown): value is WireError =>
  typeof value === 'object' &&
  value !== null &&
  isErrorCode((value as Partial<WireError>).code) &&
  typeof (value as Partial<WireError>).message === 'string';

/** What an aborted signal means to the caller: its own ApiError, or cancelled. */
export const abortError = (signal: AbortSignal): ApiError =>
  isApiError(signal.reason) ? signal.reason : new ApiError('cancelled', undefined, { cause: signal.reason });

const refused = async (response: IncomingMessage): Promise<ApiError> => {
  try {
    const body = await readJsonBody(response, errorBodyBytes);
    if (isWireError(body)) return fromWireError(body);
  } catch {
    // Not one of our answers: told below by its status.
  }
  return new ApiError(
    'agent_unreachable',
    `The agent answered with HTTP status ${response.statusCode ?? 0}.`,
  );
};

export const createPeerLink = (options: PeerLinkOptions): PeerLink => {
  const { target, cluster } = options;
  const accept = (expected: string | undefined): ReturnType<typeof expectIdentity> =>
    expectIdentity((uri) => {
      const identity = readIdentity(cluster, uri);
      return identity?.kind === 'agent' && (expected === undefined || identity.id === expected);
    });
  const agents = new Map<string, { readonly agent: Agent; readonly context: SecureContext }>();
  /** With connections of earlier certificates, until the last of them has done its work. */
  const retired = new Set<Agent>();
  const retire = (agent: Agent): void => {
    agent.maxFreeSockets = 0;
    for (const idle of Object.values(agent.freeSockets)) for (const socket of idle ?? []) socket.destroy();
    for (const old of retired) if (Object.keys(old.sockets).length === 0) retired.delete(old);
    retired.add(agent);
  };
  // The check belongs to the agent: Node never keeps a connection whose request brought a check of its own.
  const agentFor = (stream: boolean, expected: string | undefined): Agent => {
    const key = `${stream ? 'stream' : 'control'} ${expected ?? ''}`;
    const context = options.secureContext();
    const existing = agents.get(key);
    if (existing?.context === context) return existing.agent;
    if (existing !== undefined) retire(existing.agent);
    const agent = new Agent({
      secureContext: context,
      checkServerIdentity: accept(expected),
      keepAlive: true,
      // Resumed sessions skip the check of who is at the other end.
      maxCachedSessions: 0,
      scheduling: 'lifo',
      maxSockets: stream ? options.maxStreams : 4,
      maxFreeSockets: stream ? 64 : 2,
    });
    agents.set(key, { agent, context });
    return agent;
  };

  const unreachable = (error: unknown): ApiError =>
    new ApiError(
      'agent_unreachable',
      `The agent at ${target.address} cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );

  /** Whose certificate was at the other end, by connection and then by answer: a short one soon leaves its connection. */
  const identities = new WeakMap<object, string>();
  const noteIdentity = (socket: TLSSocket): void => {
    const identity = readIdentity(cluster, peerIdentity(socket));
    if (identity?.kind === 'agent') identities.set(socket, identity.id);
  };

  const send = (call: PeerCall, kept: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const expected = call.expectedId ?? target.id;
      const request = httpsRequest({
        ...(kept
          ? { agent: agentFor(call.stream === true, expected) }
          : {
              agent: false,
              secureContext: options.secureContext(),
              checkServerIdentity: accept(expected),
            }),
        host: target.host,
        port: target.port,
        method: call.method,
        path: call.path,
        // An address is no name to ask for; the identity in the certificate is what counts.
        servername: '',
        headers:
          call.body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': call.body.length },
      });
      let response: IncomingMessage | undefined;
      const connecting = setTimeout(() => {
        request.destroy(new Error(`no connection within ${options.connectMs} ms`));
      }, options.connectMs);
      const onAbort = (): void => {
        (response ?? request).destroy(abortError(call.signal));
      };
      request.once('socket', (socket) => {
        const connected = (): void => {
          clearTimeout(connecting);
          // Once per connection: it says nothing of its certificate any more when it is used again.
          if (!request.reusedSocket && socket instanceof TLSSocket) noteIdentity(socket);
        };
        if (request.reusedSocket) connected();
        else socket.once('secureConnect', connected);
        // A silent stream may be a long prompt; that the machine at the other end is still there, TCP finds out.
        socket.setKeepAlive(true, keepAliveProbeMs);
      });
      request.once('response', (head) => {
        response = head;
        const id = identities.get(head.socket);
        if (id !== undefined) identities.set(head, id);
        resolve(head);
      });
      // Not `once`: the connection may break again after the answer has begun.
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleConnection(error) : error);
      });
      request.once('close', () => {
        clearTimeout(connecting);
        call.signal.removeEventListener('abort', onAbort);
      });
      if (call.signal.aborted) onAbort();
      else call.signal.addEventListener('abort', onAbort, { once: true });
      request.end(call.body);
    });

  const open = async (call: PeerCall): Promise<IncomingMessage> => {
    let response: IncomingMessage;
    try {
      response = await send(call, true).catch((error: unknown) => {
        if (call.signal.aborted || !(error instanceof StaleConnection)) throw error;
        return send(call, false);
      });
    } catch (error) {
      if (call.signal.aborted) throw abortError(call.signal);
      throw isApiError(error) ? error : unreachable(error);
    }
    if (response.statusCode === 200) return response;
    const error = await refused(response);
    response.destroy();
    throw error;
  };

  return {
    open,
    json: async (call, maxBytes) => {
      const response = await open(call);
      const peerId = identities.get(response);
      try {
        if (peerId === undefined) throw new Error('its certificate is not one of an agent of this cluster');
        return { value: await readJsonBody(response, maxBytes), peerId };
      } catch (error) {
        response.destroy();
        if (call.signal.aborted) throw abortError(call.signal);
        throw unreachable(error);
      }
    },
    close: () => {
      for (const { agent } of agents.values()) agent.destroy();
      for (const agent of retired) agent.destroy();
    },
  };
};
