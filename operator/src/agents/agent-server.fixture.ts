import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import {
  agentIdentity,
  ApiError,
  operatorIdentity,
  toWireError,
  type AgentStatus,
  type DesiredState,
} from '@ollamamax/api';
import {
  createCertificateAuthority,
  issueCertificate,
  peerIdentity,
  secureContextOptions,
  type CertificatePair,
  type TlsMaterial,
} from '@ollamamax/common';
import { agentStatusOf } from '../cluster/agents.fixture.ts';

/** The authority of a cluster, and certificates of it. */
export class Authority {
  readonly pair: CertificatePair;

  private constructor(pair: CertificatePair) {
    this.pair = pair;
  }

  static async create(): Promise<Authority> {
    return new Authority(await createCertificateAuthority({ commonName: 'test', days: 1 }));
  }

  async material(identity: string): Promise<TlsMaterial> {
    return { ca: this.pair.cert, ...(await issueCertificate(this.pair, { uriSan: identity, days: 1 })) };
  }

  operator(cluster = 'demo'): Promise<TlsMaterial> {
    return this.material(operatorIdentity(cluster));
  }
}

const consensusPath = '/internal/v1/consensus/';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An agent as its operator sees it: its internal API, with mutual TLS. */
export class AgentServer {
  readonly name: string;
  readonly #server: Server;
  status: AgentStatus;
  /** Instead of what it would answer. */
  refuse: ApiError | Answer | undefined;
  /** Only where the desired state is given. */
  refusePush: ApiError | undefined;
  /** Only where it is asked for something about the members; given before it answers. */
  refuseCall: ApiError | undefined;
  /** What it waits for before it answers to that. */
  beforeCall: Promise<unknown> | undefined;
  /** Takes requests and says nothing. */
  mute = false;
  /** What it was asked for about the members: the last part of the path, and the body. */
  readonly calls: (readonly [string, unknown])[] = [];
  readonly pushed: DesiredState[] = [];
  asked = 0;
  readonly callers = new Set<string>();
  readonly connections = new Set<TLSSocket>();
  connectionsMade = 0;

  private constructor(name: string, tls: TlsMaterial) {
    this.name = name;
    this.status = agentStatusOf(name);
    this.#server = createServer(
      { ...secureContextOptions(tls), requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        this.asked += 1;
        this.callers.add(peerIdentity(request.socket as TLSSocket) ?? 'nobody');
        const answer = (status: number, body: string): void => {
          response.writeHead(status, { 'content-type': 'application/json' });
          response.end(body);
        };
        const fail = (error: ApiError): void => answer(error.status, JSON.stringify(toWireError(error)));
        if (this.mute) return;
        if (this.refuse instanceof ApiError) fail(this.refuse);
        else if (this.refuse !== undefined) answer(this.refuse.status, this.refuse.body);
        else if (request.method === 'GET' && request.url === '/internal/v1/status')
          answer(200, JSON.stringify(this.status));
        else if (request.method === 'PUT' && request.url === '/internal/v1/desired-state') {
          const chunks: Buffer[] = [];
          request.on('data', (chunk: Buffer) => chunks.push(chunk));
          request.once('end', () => {
            if (this.refusePush !== undefined) {
              fail(this.refusePush);
              return;
            }
            const state = JSON.parse(Buffer.concat(chunks).toString()) as DesiredState;
            this.pushed.push(state);
            this.status = { ...this.status, catalogRevision: state.revision };
            answer(200, '{}');
          });
        } else if (request.method === 'POST' && request.url?.startsWith(consensusPath) === true) {
          const kind = request.url.slice(consensusPath.length);
          void text(request).then(async (body) => {
            this.calls.push([kind, JSON.parse(body)]);
            await this.beforeCall;
            if (this.refuseCall === undefined) answer(200, '{}');
            else fail(this.refuseCall);
          });
        } else answer(404, '{}');
      },
    );
    // Who asks ends the connection: else it would seem to be closed when it was left to itself.
    this.#server.keepAliveTimeout = 600_000;
    this.#server.on('secureConnection', (socket) => {
      this.connectionsMade += 1;
      this.connections.add(socket);
      socket.once('close', () => this.connections.delete(socket));
    });
  }

  static async create(
    authority: Authority,
    name: string,
    identity = agentIdentity('demo', name),
  ): Promise<AgentServer> {
    return new AgentServer(name, await authority.material(identity));
  }

  /** @param port 0: any */
  listen(ip: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: ip, port }, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }
}

/** Waits until it is so; fails with what was seen last. */
export const eventually = async <T>(look: () => T, isSo: (value: T) => boolean, what: string): Promise<T> => {
  const end = Date.now() + 20_000;
  for (;;) {
    const value = look();
    if (isSo(value)) return value;
    if (Date.now() > end) throw new Error(`never ${what}: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
