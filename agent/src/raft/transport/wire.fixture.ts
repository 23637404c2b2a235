import { agentIdentity } from '@ollamamax/api';
import {
  createCertificateAuthority,
  issueCertificate,
  silentLogger,
  sleep,
  type CertificatePair,
  type LogFields,
  type Logger,
  type TlsMaterial,
} from '@ollamamax/common';
import { message, type Message } from '../core/message.ts';
import type { Entry, NodeId } from '../core/types.ts';
import type { TransportLimits } from './limits.ts';
import { TlsTransport, type TlsTransportOptions } from './tls-transport.ts';
import type { Peer, SnapshotSink, TransportHandler } from './transport.ts';

const cluster = 'test';
export const clusterId = 'cluster-1';
export const group = 0;

/** Waits until it is so; the deadline is only for what never comes. */
export const eventually = async (check: () => boolean, what = 'it'): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!check()) {
    if (Date.now() > end) throw new Error(`${what} did not happen within 30 s`);
    await sleep(5);
  }
};

/** The authority of a cluster and certificates of its agents, each made once. */
export class Authority {
  readonly #ca: CertificatePair;
  readonly #issued = new Map<string, Promise<TlsMaterial>>();

  private constructor(ca: CertificatePair) {
    this.#ca = ca;
  }

  static async create(): Promise<Authority> {
    return new Authority(await createCertificateAuthority({ commonName: 'test', days: 2 }));
  }

  get cert(): string {
    return this.#ca.cert;
  }

  /** @param edition another one for the same agent */
  agent(id: string, edition = 1): Promise<TlsMaterial> {
    return this.issue(agentIdentity(cluster, id), edition);
  }

  issue(uriSan: string, edition = 1): Promise<TlsMaterial> {
    const key = `${uriSan} ${edition}`;
    const issued =
      this.#issued.get(key) ??
      issueCertificate(this.#ca, { uriSan, days: 1 }).then((pair) => ({ ...pair, ca: this.#ca.cert }));
    this.#issued.set(key, issued);
    return issued;
  }
}

export const agentOf = (node: NodeId): string => `agent-${node}`;
export const incarnationOf = (node: NodeId): string => `life-${node}`;

/** What a logger was told, for tests that look into it. */
export class Lines {
  readonly all: { level: string; message: string; fields: LogFields }[] = [];

  logger(bound: LogFields = {}): Logger {
    const at =
      (level: string) =>
      (text: string, fields: LogFields | (() => LogFields) = {}): void => {
        const given = typeof fields === 'function' ? fields() : fields;
        this.all.push({ level, message: text, fields: { ...bound, ...given } });
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.logger({ ...bound, ...fields }),
    };
  }
}

/** A member: a transport, and what came out of it. */
export class Member implements TransportHandler {
  readonly node: NodeId;
  readonly transport: TlsTransport;
  readonly received: { from: NodeId; message: Message }[] = [];
  readonly unreachable: NodeId[] = [];
  readonly refused: string[] = [];
  /** What `onMessages` answers. */
  keepsUp = true;
  sinkFor: (from: NodeId) => SnapshotSink = () => {
    throw new Error('no snapshot expected');
  };

  constructor(node: NodeId, tls: TlsMaterial, options: Partial<TlsTransportOptions> = {}) {
    this.node = node;
    this.transport = new TlsTransport({
      self: { node, incarnation: incarnationOf(node), clusterId, address: `node-${node}:7000`, features: 0 },
      cluster,
      group,
      listen: { host: '127.0.0.1', port: 0 },
      tls,
      log: silentLogger,
      onRefused: (by, refusal) => this.refused.push(`${by} ${refusal}`),
      ...options,
    });
  }

  /** As others find it. */
  get peer(): Peer {
    const { port } = this.transport.address();
    return {
      node: this.node,
      agent: agentOf(this.node),
      incarnation: incarnationOf(this.node),
      host: '127.0.0.1',
      port,
    };
  }

  onMessages(from: NodeId, messages: readonly Message[]): boolean {
    for (const one of messages) this.received.push({ from, message: one });
    return this.keepsUp;
  }

  onUnreachable(peer: NodeId): void {
    this.unreachable.push(peer);
  }

  snapshotSink(from: NodeId): SnapshotSink {
    return this.sinkFor(from);
  }

  /** Sends something that is recognised by its commit index. */
  say(to: NodeId, commit: number, fields: Partial<Message> = {}): void {
    this.transport.send([
      message(fields.type ?? 'heartbeat', to, { ...fields, from: fields.from ?? this.node, commit }),
    ]);
  }

  heard(commit: number): boolean {
    return this.received.some(({ message: one }) => one.commit === commit);
  }
}

/** So that nothing ends for want of time but where a test is about that. */
const patient: Partial<TransportLimits> = {
  sweepMs: 20,
  idleMs: 600_000,
  handshakeMs: 600_000,
  connectMs: 600_000,
  snapshotStallMs: 600_000,
};

/** Members that know each other; closed by `close`. */
export class Cluster {
  readonly authority: Authority;
  readonly members: Member[] = [];

  constructor(authority: Authority) {
    this.authority = authority;
  }

  async member(
    node: NodeId,
    limits: Partial<TransportLimits> = {},
    options: Partial<TlsTransportOptions> = {},
  ): Promise<Member> {
    const tls = options.tls ?? (await this.authority.agent(agentOf(node)));
    const made = new Member(node, tls, { limits: { ...patient, ...limits }, ...options });
    await made.transport.start(made);
    this.members.push(made);
    return made;
  }

  /** Makes all know all others. */
  introduce(): void {
    const peers = this.members.map(({ peer }) => peer);
    for (const { transport } of this.members) transport.setPeers(peers);
  }

  /** Until each has a connection to each, in both directions. */
  async connected(): Promise<void> {
    const others = this.members.length - 1;
    await eventually(
      () =>
        this.members.every(
          ({ transport: { counters } }) => counters.connected >= others && counters.accepted >= others,
        ),
      'a connection between all',
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map(({ transport }) => transport.close()));
    this.members.length = 0;
  }
}

export const entryOf = (bytes: number, fill = 1): Entry => ({
  index: 1,
  term: 1,
  type: 'normal',
  data: new Uint8Array(bytes).fill(fill),
});
