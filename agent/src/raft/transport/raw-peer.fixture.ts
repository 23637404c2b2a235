import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { expectIdentity, secureContextOptions, type TlsMaterial } from '@ollamamax/common';
import { encodeFrame, FrameParser, frameKinds, type FrameKind } from '../codec/frame.ts';
import { decodeHello, decodeRefusal, encodeHello, type Hello } from '../codec/hello-codec.ts';
import { decodeMessage } from '../codec/message-codec.ts';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import { applicationProtocol } from './dial.ts';
import type { Peer } from './transport.ts';
import { agentOf, clusterId, eventually, group, incarnationOf } from './wire.fixture.ts';

const allKinds = Object.keys(frameKinds) as FrameKind[];

export const helloOfNode = (node: NodeId, to: NodeId, fields: Partial<Hello> = {}): Hello => ({
  minVersion: 1,
  maxVersion: 1,
  features: 0,
  channel: 'messages',
  node,
  to,
  clusterId,
  incarnation: incarnationOf(node),
  address: `node-${node}:7000`,
  ...fields,
});

/** One end of a connection held by hand, for doing what a member would not. */
export class RawConnection {
  readonly socket: TLSSocket;
  readonly frames: { kind: FrameKind; payload: Buffer }[] = [];
  /** Pieces in which input came: one for each TLS record. */
  pieces = 0;
  /** Said hello for a snapshot. */
  snapshot = false;
  /** Why it ended; undefined while it lasts. */
  ended: string | undefined;

  constructor(socket: TLSSocket, onFrame: (kind: FrameKind, payload: Buffer) => void = () => undefined) {
    this.socket = socket;
    const parser = new FrameParser(group, allKinds, (kind, payload) => {
      this.frames.push({ kind, payload: Buffer.from(payload) });
      onFrame(kind, Buffer.from(payload));
    });
    socket.on('data', (chunk: Buffer) => {
      this.pieces++;
      parser.push(chunk);
    });
    let problem = 'closed';
    socket.on('error', (error: Error) => {
      problem = error.message;
    });
    socket.on('close', () => {
      this.ended = problem;
    });
  }

  get messages(): Message[] {
    return this.frames.filter(({ kind }) => kind === 'message').map(({ payload }) => decodeMessage(payload));
  }

  /** What it was told when it was refused. */
  get refusal(): string | undefined {
    const frame = this.frames.find(({ kind }) => kind === 'refusal');
    return frame === undefined ? undefined : (decodeRefusal(frame.payload) ?? 'unknown');
  }

  send(kind: FrameKind, payload: Uint8Array = Buffer.alloc(0)): void {
    this.socket.write(encodeFrame(kind, group, payload));
  }
}

/** Dials a member. */
export const rawClient = (
  port: number,
  tls: TlsMaterial,
  hello?: Hello,
  options: ConnectionOptions = {},
): RawConnection => {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...secureContextOptions(tls),
    checkServerIdentity: expectIdentity(() => true),
    servername: '',
    ALPNProtocols: [applicationProtocol],
    ...options,
  });
  const client = new RawConnection(socket);
  if (hello !== undefined) client.send('hello', encodeHello(hello));
  return client;
};

/** Dials a member and is welcome. */
export const welcomeClient = async (port: number, tls: TlsMaterial, hello: Hello): Promise<RawConnection> => {
  const client = rawClient(port, tls, hello);
  await eventually(() => client.frames.length > 0 || client.ended !== undefined, 'an answer to the hello');
  if (client.frames[0]?.kind !== 'welcome') throw new Error(`not welcome: ${client.refusal ?? client.ended}`);
  return client;
};

export interface RawServerOptions {
  readonly node: NodeId;
  readonly tls: TlsMaterial;
  /** Of the member that dials. */
  readonly of: NodeId;
  /** What it answers to a hello; a plain welcome unless told otherwise, nothing when undefined. */
  readonly answer?: (hello: Hello, connection: RawConnection) => Hello | undefined;
  /** Whether connections stay although the other end has said its last. */
  readonly allowHalfOpen?: boolean;
}

/** A member that others dial, and that does with their connections what a test wants. */
export class RawServer {
  readonly #server: Server;
  readonly #node: NodeId;
  readonly connections: RawConnection[] = [];
  /** Those that said hello. */
  readonly greeted: RawConnection[] = [];

  private constructor(server: Server, { node, of, answer }: RawServerOptions) {
    this.#server = server;
    this.#node = node;
    server.on('secureConnection', (socket: TLSSocket) => {
      const connection: RawConnection = new RawConnection(socket, (kind, payload) => {
        if (kind !== 'hello') return;
        this.greeted.push(connection);
        const hello = decodeHello(payload);
        const welcome =
          answer === undefined
            ? helloOfNode(node, of, { channel: hello.channel })
            : answer(hello, connection);
        if (welcome !== undefined) connection.send('welcome', encodeHello(welcome));
      });
      this.connections.push(connection);
    });
  }

  static async listen(options: RawServerOptions): Promise<RawServer> {
    const server = createServer({
      ...secureContextOptions(options.tls),
      requestCert: true,
      allowHalfOpen: options.allowHalfOpen ?? false,
      ALPNProtocols: [applicationProtocol],
    });
    const made = new RawServer(server, options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return made;
  }

  /** As others find it. */
  get peer(): Peer {
    const { port } = this.#server.address() as AddressInfo;
    const node = this.#node;
    return { node, agent: agentOf(node), incarnation: incarnationOf(node), host: '127.0.0.1', port };
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
