import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { eventCloseCodes, eventLimits, eventsSubprotocol, isApiError, version } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ClusterViewSource } from './cluster-view.ts';
import { takeCredentials, type Credentials } from './credentials.ts';
import { EventsConnection, type ConnectionLimits } from './events-connection.ts';
import { EventsHub } from './events-hub.ts';
import type { TicketStore } from './ticket-store.ts';

export interface EventsUser {
  readonly name: string;
  readonly role: string;
}

export interface EventsServerOptions {
  readonly view: ClusterViewSource;
  readonly agentId: string;
  /** Whose token this is; throws ApiError when it is not valid. Left out: no authentication. */
  readonly authenticate?: (token: string) => EventsUser | Promise<EventsUser>;
  readonly tickets: TicketStore;
  /** Whether a page of this origin may connect; `origin` is undefined for clients that are not browsers. */
  readonly originAllowed: (origin: string | undefined, host: string | undefined) => boolean;
  readonly log: Logger;
  /** Address of the client; the socket's when left out. */
  readonly clientAddress?: (request: IncomingMessage) => string | undefined;
  /** Connections of all users together. */
  readonly maxConnections?: number;
  /** Replaced in tests. Milliseconds and bytes. */
  readonly limits?: Partial<ConnectionLimits>;
  readonly revalidateMs?: number;
}

export interface EventsServer {
  /** Answers upgrades on `/ws` of this server. May be called for several servers. */
  attach(server: HttpServer): void;
  readonly connections: number;
  /** Sends everybody elsewhere: `goaway`, then close 4450 after `afterMs`. New connections get the same at once. */
  drain(options: { readonly afterMs: number; readonly alternatives: readonly string[] }): Promise<void>;
  /** Ends every connection now. */
  close(): void;
}

const path = '/ws';
const localUser: EventsUser = { name: 'local', role: 'admin' };
/** Bound before a frame is refused with 4413; beyond it ws itself closes with 1009. */
const maxPayload = 4 * eventLimits.maxFrameBytes;

interface Member {
  readonly connection: EventsConnection;
  readonly socket: WebSocket;
  readonly token: string | undefined;
}

interface Admitted {
  readonly user: EventsUser;
  readonly token: string | undefined;
}

const refuseUpgrade = (socket: Duplex): void => {
  socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
};

/**
 * The events endpoint. A refused handshake is invisible to a page, so every upgrade on the path is accepted and
 * then closed with a code that says why.
 */
export const createEventsServer = (options: EventsServerOptions): EventsServer => {
  const limits: ConnectionLimits = { ...eventLimits, ...options.limits };
  const maxConnections = options.maxConnections ?? 10_000;
  const hub = new EventsHub({ view: options.view });
  const members = new Set<Member>();
  const perUser = new Map<string, number>();
  let stopListening: (() => void) | undefined;
  let timers: readonly NodeJS.Timeout[] = [];
  let draining: readonly string[] | undefined;

  const server = new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    // Never the protocol that carries the token.
    handleProtocols: (offered) => (offered.has(eventsSubprotocol) ? eventsSubprotocol : false),
  });

  const addressOf = (request: IncomingMessage): string | undefined =>
    options.clientAddress === undefined ? request.socket.remoteAddress : options.clientAddress(request);

  const admit = async (
    credentials: Credentials,
    origin: string | undefined,
    address: string | undefined,
  ): Promise<Admitted> => {
    const { authenticate } = options;
    if (authenticate === undefined) return { user: localUser, token: undefined };
    switch (credentials.kind) {
      case 'token':
        return { user: await authenticate(credentials.token), token: credentials.token };
      case 'ticket': {
        const grant = options.tickets.consume(credentials.ticket, { origin, address });
        if (grant === undefined) throw new Error('the ticket is not valid');
        if (grant.token !== undefined) await authenticate(grant.token);
        return { user: grant.user, token: grant.token };
      }
      case 'none':
        throw new Error('no credentials');
    }
  };

  const revalidate = async (): Promise<void> => {
    const { authenticate } = options;
    if (authenticate === undefined) return;
    for (const { token, connection } of members) {
      if (token === undefined) continue;
      try {
        await authenticate(token);
      } catch (error) {
        const expired = isApiError(error) && error.code === 'token_expired';
        connection.close(
          expired ? eventCloseCodes.unauthenticated : eventCloseCodes.sessionRevoked,
          expired ? 'token expired' : 'session revoked',
        );
      }
    }
  };

  const start = (): void => {
    if (stopListening !== undefined) return;
    stopListening = hub.listen((topic, event) => {
      for (const { connection } of members) connection.publish(topic, event);
    });
    const each = (ms: number, work: () => void): NodeJS.Timeout => setInterval(work, ms).unref();
    timers = [
      each(Math.min(1000, limits.closeAfterMs / 2), () => {
        for (const { connection } of members) connection.tick();
      }),
      each(limits.heartbeatMs, () => {
        const at = new Date().toISOString();
        for (const { connection } of members) connection.bookmark(at);
      }),
      each(options.revalidateMs ?? 60_000, () => {
        revalidate().catch((error: unknown) => options.log.error('events re-validation failed', { error }));
      }),
    ];
  };

  const pause = (): void => {
    for (const timer of timers) clearInterval(timer);
    stopListening?.();
    stopListening = undefined;
  };

  const join = (socket: WebSocket, { user, token }: Admitted, address: string | undefined): void => {
    // Without authentication everybody is "local": count by address instead.
    const owner = options.authenticate === undefined ? `${user.name}@${address ?? ''}` : user.name;
    const held = perUser.get(owner) ?? 0;
    if (held >= limits.maxConnectionsPerUser || members.size >= maxConnections) {
      socket.close(eventCloseCodes.tooMany, 'too many connections');
      return;
    }
    start();
    perUser.set(owner, held + 1);
    const connection = new EventsConnection({
      socket: {
        get bufferedAmount() {
          return socket.bufferedAmount;
        },
        send: (data, done) => socket.send(data, { binary: false }, done),
        close: (code, reason) => socket.close(code, reason),
        terminate: () => socket.terminate(),
      },
      hub,
      welcome: {
        type: 'welcome',
        sessionId: randomUUID(),
        agent: options.agentId,
        version,
        heartbeatMs: limits.heartbeatMs,
        user,
      },
      now: Date.now,
      limits,
    });
    const member = { connection, socket, token };
    members.add(member);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) connection.close(eventCloseCodes.malformed, 'text frames only');
      else connection.receive(data.toString(), data.length);
    });
    socket.once('close', () => {
      connection.dispose();
      members.delete(member);
      const left = (perUser.get(owner) ?? 1) - 1;
      if (left === 0) perUser.delete(owner);
      else perUser.set(owner, left);
      if (members.size === 0) pause();
    });
  };

  const welcome = async (socket: WebSocket, request: IncomingMessage): Promise<void> => {
    // First of all: nothing behind this sees what the URL carried.
    const credentials = takeCredentials(request);
    // Errors of a connection end it; `close` follows and releases what it held.
    socket.on('error', () => socket.terminate());
    const address = addressOf(request);
    const { origin, host } = request.headers;
    if (draining !== undefined) {
      socket.send(JSON.stringify({ type: 'goaway', afterMs: 0, alternatives: draining }));
      socket.close(eventCloseCodes.draining, 'draining');
      return;
    }
    if (!options.originAllowed(origin, host)) {
      options.log.warn('events connection from a foreign origin refused', { origin, address });
      socket.close(eventCloseCodes.forbidden, 'origin not allowed');
      return;
    }
    let admitted: Admitted;
    // Frames sent before the check is over wait in the socket, not in our memory.
    socket.pause();
    try {
      admitted = await admit(credentials, origin, address);
    } catch (error) {
      options.log.debug('events connection without valid credentials', () => ({ address, error }));
      socket.resume();
      socket.close(eventCloseCodes.unauthenticated, 'unauthenticated');
      return;
    }
    if (socket.readyState !== socket.OPEN) return;
    join(socket, admitted, address);
    socket.resume();
  };

  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if ((request.url ?? '').split('?', 1)[0] !== path) {
      refuseUpgrade(stream);
      return;
    }
    server.handleUpgrade(request, stream, head, (socket) => {
      welcome(socket, request).catch((error: unknown) => {
        options.log.error('events connection failed', { error });
        socket.terminate();
      });
    });
  };

  return {
    attach: (http) => http.on('upgrade', onUpgrade),
    get connections() {
      return members.size;
    },
    drain: async ({ afterMs, alternatives }) => {
      draining = alternatives;
      for (const { connection } of members) connection.goAway(afterMs, alternatives);
      await new Promise((resolve) => setTimeout(resolve, members.size === 0 ? 0 : afterMs));
      for (const { connection } of members) connection.close(eventCloseCodes.draining, 'draining');
    },
    close: () => {
      draining ??= [];
      for (const { connection, socket } of members) {
        connection.close(eventCloseCodes.restarting, 'agent stops');
        setTimeout(() => socket.terminate(), 500).unref();
      }
      pause();
      hub.close();
      server.close();
    },
  };
};
