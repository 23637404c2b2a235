import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { ApiError } from '@ollamamax/api/errors';
import type { Logger } from '@ollamamax/common';
import { peerIdentity, secureContextOptions, type TlsMaterial } from '@ollamamax/common/tls';
import type { Socket } from 'node:net';
import { readIdentity } from '../../internal-api/identity.ts';
import { decodeMessage } from '../codec/message-codec.ts';
import { FrameError } from '../codec/frame-error.ts';
import type { FrameKind } from '../codec/frame.ts';
import { decodeHello, encodeHello, encodeRefusal, type Hello, type Refusal } from '../codec/hello-codec.ts';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import { helloOf, refusalOf, type Self } from './admission.ts';
import { applicationProtocol } from './dial.ts';
import { Link, type LinkContext } from './link.ts';
import type { SnapshotReceiver, SnapshotReception } from './snapshot-receiver.ts';
import { Throttle } from './throttle.ts';
import type { Peer } from './transport.ts';

export interface AcceptorOptions extends LinkContext {
  readonly self: Self;
  readonly cluster: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: TlsMaterial;
  readonly log: Logger;
  readonly peer: (node: NodeId) => Peer | undefined;
  /** @returns false to read no more from this member until `resume` */
  readonly onMessages: (from: NodeId, messages: readonly Message[]) => boolean;
  /** A member said hello and is welcome. */
  readonly onWelcome: (from: NodeId) => void;
  readonly snapshots: SnapshotReceiver;
}

/** An incoming connection that is welcome. */
interface Inbound {
  readonly hello: Hello;
  readonly agent: string;
  readonly snapshot: SnapshotReception | undefined;
}

/** Of one member and channel: while certificates change there are two. */
const connectionsOfOne = 2;
/** For a refusal to arrive. */
const refusalMs = 1000;

/** Takes connections of other members: certificate, hello, and then nothing that is not theirs. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server: ReturnType<typeof createServer>;
  /** All TCP connections, those in their handshake included. */
  readonly #sockets = new Set<Socket>();
  /** All links, those that wait for their hello included; oldest first. */
  readonly #links = new Map<Link, Inbound | undefined>();
  readonly #throttle: Throttle;
  #closing = false;

  constructor(options: AcceptorOptions) {
    const { limits, tls, counters, log } = options;
    this.#options = options;
    this.#throttle = new Throttle(options.now);
    this.#server = createServer(
      {
        ...secureContextOptions(tls),
        requestCert: true,
        rejectUnauthorized: true,
        handshakeTimeout: limits.handshakeMs,
        ALPNProtocols: [applicationProtocol],
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 10_000,
      },
      (socket) => this.#greet(socket),
    );
    this.#server.maxConnections = limits.connections;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', (error, socket) => {
      counters.strangers++;
      log.debug('A handshake between members failed.', {
        address: socket.remoteAddress,
        reason: error.message,
      });
      // One whose time was over is only reported.
      socket.destroy();
    });
  }

  listen(): Promise<void> {
    const { host, port, log } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        reject(
          error.code === 'EADDRINUSE'
            ? new ApiError('port_in_use', `Another program listens on ${host}:${port} (Raft).`, {
                cause: error,
              })
            : error,
        );
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (error) => log.error('The listener for members failed.', { error }));
        resolve();
      });
    });
  }

  /** Where it listens; only after `listen`. */
  address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  /** New connections get this certificate and are checked by these authorities; those that are there go on. */
  renew(tls: TlsMaterial): void {
    this.#server.setSecureContext(secureContextOptions(tls));
  }

  /** Reads on from a member. */
  resume(node: NodeId): void {
    for (const [link, inbound] of this.#links) if (inbound?.hello.node === node) link.resume();
  }

  /** Cuts the connections of those who would not be welcome any more. */
  reconsider(): void {
    const { self, peer } = this.#options;
    for (const [link, inbound] of this.#links) {
      if (inbound === undefined) continue;
      const refusal = refusalOf(self, inbound.hello, inbound.agent, peer(inbound.hello.node));
      if (refusal !== undefined) link.destroy(`not welcome any more: ${refusal}`);
    }
  }

  /** To be called from time to time, after what has arrived was read. */
  check(elapsedMs: number): void {
    for (const [link, inbound] of this.#links) {
      link.check(elapsedMs);
      inbound?.snapshot?.check(elapsedMs);
    }
  }

  /** Takes no more connections and ends those there are. */
  close(): Promise<void> {
    this.#closing = true;
    const { closeMs } = this.#options.limits;
    for (const link of this.#links.keys()) link.end('closing', closeMs);
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Cuts what `close` left. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #greet(socket: TLSSocket): void {
    const { cluster, limits, counters, log } = this.#options;
    const identity = readIdentity(cluster, peerIdentity(socket));
    const agent = identity?.kind === 'agent' ? identity.id : undefined;
    let inbound: Inbound | undefined;
    let greeted = false;
    let batch: Message[] = [];
    const link = new Link(socket, this.#options, ['hello'], {
      onFrame: (kind, payload, owned) => {
        if (inbound === undefined) {
          clearTimeout(deadline);
          greeted = true;
          inbound = this.#onHello(link, agent, payload);
        } else if (inbound.snapshot !== undefined) inbound.snapshot.onFrame(kind, payload);
        else if (kind === 'message') batch.push(this.#received(inbound.hello.node, payload, owned));
      },
      onTurn: () => {
        if (batch.length === 0 || inbound === undefined) return;
        const messages = batch;
        batch = [];
        counters.messagesReceived += messages.length;
        if (!this.#options.onMessages(inbound.hello.node, messages)) link.pause();
      },
      onClosed: (reason, violation) => {
        clearTimeout(deadline);
        this.#links.delete(link);
        inbound?.snapshot?.cut();
        if (!greeted) counters.strangers++;
        const fields = { node: inbound?.hello.node, agent, address: socket.remoteAddress, reason };
        if (violation === undefined) log.debug('A connection of a member ended.', fields);
        else if (this.#throttle.allows(`${agent ?? ''} ${violation.problem}`))
          log.warn('A connection of a member was cut for what came over it.', fields);
      },
    });
    const deadline = setTimeout(() => link.destroy('no hello'), limits.handshakeMs);
    this.#links.set(link, undefined);
    // Whoever resumes a session was not asked for a certificate that is valid now.
    if (socket.isSessionReused()) this.#refuse(link, agent, 'identity');
    else if (this.#closing) this.#refuse(link, agent, 'busy');
  }

  /** @throws FrameError when it is not a hello */
  #onHello(link: Link, agent: string | undefined, payload: Uint8Array): Inbound | undefined {
    const { self, peer, counters, snapshots } = this.#options;
    let hello: Hello;
    try {
      hello = decodeHello(payload);
    } catch (error) {
      this.#refuse(link, agent, 'malformed');
      return undefined;
    }
    const refusal = refusalOf(self, hello, agent, peer(hello.node));
    if (refusal !== undefined || agent === undefined) {
      this.#refuse(link, agent, refusal ?? 'identity', hello);
      return undefined;
    }
    this.#makeRoom(hello);
    const isSnapshot = hello.channel === 'snapshot';
    const expected: FrameKind[] = isSnapshot ? ['snapshotBegin', 'alive'] : ['message', 'alive'];
    link.expect(expected);
    link.send('welcome', encodeHello(helloOf(self, hello.channel, hello.node, hello)));
    counters.accepted++;
    const inbound: Inbound = {
      hello,
      agent,
      snapshot: isSnapshot ? snapshots.receive(hello.node, link) : undefined,
    };
    this.#links.set(link, inbound);
    this.#options.onWelcome(hello.node);
    return inbound;
  }

  /** A member that dials again has mostly given up what it had: the oldest goes. */
  #makeRoom({ node, channel }: Hello): void {
    const same = [...this.#links].filter(
      ([link, inbound]) => inbound?.hello.node === node && inbound.hello.channel === channel && !link.closed,
    );
    for (const [link] of same.slice(0, Math.max(0, same.length + 1 - connectionsOfOne)))
      link.destroy('the member made newer ones');
  }

  #refuse(link: Link, agent: string | undefined, refusal: Refusal, hello?: Hello): void {
    const { counters, log } = this.#options;
    counters.refused[refusal]++;
    if (this.#throttle.allows(`${agent ?? ''} ${refusal}`))
      log.warn('A connection of a member was refused.', {
        reason: refusal,
        agent,
        node: hello?.node,
        cluster: hello?.clusterId,
        address: link.socket.remoteAddress,
      });
    link.send('refusal', encodeRefusal(refusal));
    link.end(`refused: ${refusal}`, refusalMs);
  }

  /** @throws FrameError when it is no message, or not this member's to send, or not for us */
  #received(node: NodeId, payload: Uint8Array, owned: boolean): Message {
    const message = decodeMessage(payload, owned);
    if (message.from === node && message.to === this.#options.self.node) return message;
    throw new FrameError('protocol', `A message from ${message.from} to ${message.to} came from ${node}.`);
  }
}
