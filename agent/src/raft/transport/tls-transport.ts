import { performance } from 'node:perf_hooks';
import type { AddressInfo } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Logger } from '@ollamamax/common';
import { sleep } from '@ollamamax/common/backoff';
import { secureContextOptions, type TlsMaterial } from '@ollamamax/common/tls';
import type { Refusal } from '../codec/hello-codec.ts';
import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import { Acceptor } from './acceptor.ts';
import type { Self } from './admission.ts';
import { newCounters, type TransportCounters } from './counters.ts';
import { defaultTransportLimits, type TransportLimits } from './limits.ts';
import { PeerSender, type SenderContext } from './peer-sender.ts';
import { Rotation } from './rotation.ts';
import { SnapshotQueue } from './snapshot-queue.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import type { LinkStatus, Peer, ReadChunk, SnapshotDone, Transport, TransportHandler } from './transport.ts';

export interface TlsTransportOptions {
  readonly self: Self;
  /** Name of the cluster in its certificates. */
  readonly cluster: string;
  /** Raft group; all frames carry it. */
  readonly group: number;
  readonly listen: {
    readonly host: string;
    /** 0 picks a free one. */
    readonly port: number;
  };
  /** `ca` is needed: it decides who may talk to this member. */
  readonly tls: TlsMaterial;
  readonly log: Logger;
  /** A member refuses this one; that it knows another incarnation, say, or does not know it at all. */
  readonly onRefused?: (by: NodeId, refusal: Refusal) => void;
  readonly limits?: Partial<TransportLimits>;
  /** In [0, 1). */
  readonly random?: () => number;
}

const closePollMs = 5;

/** Messages between members over mutual TLS 1.3. */
export class TlsTransport implements Transport {
  readonly counters: TransportCounters = newCounters();
  readonly #options: TlsTransportOptions;
  readonly #limits: TransportLimits;
  readonly #context: SenderContext;
  readonly #snapshots: SnapshotQueue;
  readonly #rotation: Rotation;
  #peers = new Map<NodeId, Peer>();
  readonly #senders = new Map<NodeId, PeerSender>();
  /** Of members that are not there any more, until they ended. */
  readonly #leaving = new Set<PeerSender>();
  /** To be written at the end of this turn. */
  readonly #touched = new Set<PeerSender>();
  readonly #unreachable = new Set<NodeId>();
  #flushing = false;
  #tls: TlsMaterial;
  #secureContext: SecureContext;
  #handler: TransportHandler | undefined;
  #acceptor: Acceptor | undefined;
  #receiver: SnapshotReceiver | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #checkedAt = 0;
  #closing: Promise<void> | undefined;

  constructor(options: TlsTransportOptions) {
    this.#options = options;
    this.#limits = { ...defaultTransportLimits, ...options.limits };
    this.#tls = options.tls;
    this.#secureContext = createSecureContext(secureContextOptions(options.tls));
    this.#context = {
      self: options.self,
      cluster: options.cluster,
      group: options.group,
      limits: this.#limits,
      counters: this.counters,
      now: () => performance.now(),
      random: options.random ?? Math.random,
      log: options.log,
      secureContext: () => this.#secureContext,
      onDropped: ({ node }, refusal) => {
        this.#unreachable.add(node);
        this.#flushLater();
        if (refusal !== undefined) options.onRefused?.(node, refusal);
      },
    };
    this.#snapshots = new SnapshotQueue({ ...this.#context, peer: (node) => this.#peers.get(node) });
    this.#rotation = new Rotation(() => this.#senders.values(), this.#limits.retryMaxMs);
  }

  /** @throws ApiError port_in_use */
  async start(handler: TransportHandler): Promise<void> {
    const { self, cluster, listen, log } = this.#options;
    this.#handler = handler;
    this.#receiver = new SnapshotReceiver({
      ...this.#context,
      self: self.node,
      sink: (from) => handler.snapshotSink(from),
      onReceived: (from, { message }) => {
        if (this.#closing !== undefined) return;
        this.counters.messagesReceived++;
        handler.onMessages(from, [message]);
      },
    });
    this.#acceptor = new Acceptor({
      ...this.#context,
      self,
      cluster,
      host: listen.host,
      port: listen.port,
      tls: this.#tls,
      log,
      peer: (node) => this.#peers.get(node),
      onMessages: (from, messages) => handler.onMessages(from, messages),
      onWelcome: (from) => this.#senders.get(from)?.wake(),
      snapshots: this.#receiver,
    });
    await this.#acceptor.listen();
    this.#checkedAt = this.#context.now();
    // Timers run before sockets are read: after a stall of this process, what waits there is not overdue.
    this.#sweep = setInterval(() => setImmediate(() => this.#check()), this.#limits.sweepMs);
  }

  /** Where it listens; only after `start`. */
  address(): AddressInfo {
    if (this.#acceptor === undefined) throw new Error('The transport was not started.');
    return this.#acceptor.address();
  }

  links(): LinkStatus[] {
    return [...this.#senders].map(([node, { connected, waitingBytes }]) => ({
      node,
      connected,
      waitingBytes,
    }));
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#closing !== undefined) return;
    for (const { node, host, port } of peers)
      if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535)
        throw new RangeError(`Member ${node} cannot be at ${host}:${port}.`);
    this.#peers = new Map(peers.map((peer) => [peer.node, peer]));
    this.#peers.delete(this.#options.self.node);
    for (const [node, sender] of this.#senders) {
      const peer = this.#peers.get(node);
      if (peer !== undefined && isSame(peer, sender.peer)) continue;
      this.#senders.delete(node);
      this.#leaving.add(sender);
      sender.close(peer === undefined ? 'no member any more' : 'it is elsewhere now');
    }
    for (const [node, peer] of this.#peers)
      if (!this.#senders.has(node)) this.#senders.set(node, new PeerSender(peer, this.#context));
    this.#snapshots.keepOnly((node) => this.#peers.has(node));
    this.#acceptor?.reconsider();
  }

  /** Entries leave at once, before their sender goes on to write them itself; all else at the end of this turn. */
  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const sender = this.#senders.get(message.to);
      if (sender === undefined) {
        this.counters.messagesDropped++;
        this.#unreachable.add(message.to);
      } else {
        sender.push(message);
        this.#touched.add(sender);
      }
    }
    if (messages.some(({ entries }) => entries.length > 0)) this.#flush();
    if (this.#touched.size > 0 || this.#unreachable.size > 0) this.#flushLater();
  }

  resume(peer: NodeId): void {
    this.#acceptor?.resume(peer);
  }

  sendSnapshot(meta: SnapshotMeta, read: ReadChunk, done: SnapshotDone): () => void {
    return this.#snapshots.send(meta, read, done);
  }

  /** Takes these certificates for all connections from now on, and replaces those there are, one after the other. */
  renew(tls: TlsMaterial): void {
    this.#secureContext = createSecureContext(secureContextOptions(tls));
    this.#tls = tls;
    this.#acceptor?.renew(tls);
    this.#rotation.start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#rotation.stop();
    this.#snapshots.close();
    for (const sender of this.#senders.values()) {
      this.#leaving.add(sender);
      sender.close('closing');
    }
    this.#senders.clear();
    const accepted = this.#acceptor?.close();
    // Connections end by themselves or are cut when their time is over; those in their handshake are not.
    const cut = setTimeout(() => this.#acceptor?.destroy(), this.#limits.closeMs);
    const giveUpAt = performance.now() + 2 * this.#limits.closeMs;
    const isOver = (): boolean =>
      this.#snapshots.isEmpty &&
      this.#receiver?.isEmpty !== false &&
      [...this.#leaving].every((sender) => sender.ended);
    await accepted;
    while (!isOver() && performance.now() < giveUpAt) await sleep(closePollMs);
    clearTimeout(cut);
    clearInterval(this.#sweep);
  }

  /** Once for all that is sent within one turn: one write for each peer. */
  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(this.#endTurn);
  }

  #flush(): void {
    for (const sender of this.#touched) sender.flush();
    this.#touched.clear();
  }

  readonly #endTurn = (): void => {
    this.#flushing = false;
    this.#flush();
    if (this.#unreachable.size === 0) return;
    const unreachable = [...this.#unreachable];
    this.#unreachable.clear();
    for (const node of unreachable) this.#handler?.onUnreachable(node);
  };

  #check(): void {
    const at = this.#context.now();
    // A stall of this process is no silence of the others.
    const elapsedMs = Math.min(at - this.#checkedAt, 2 * this.#limits.sweepMs);
    this.#checkedAt = at;
    for (const sender of this.#senders.values()) sender.check(elapsedMs);
    for (const sender of this.#leaving) {
      sender.check(elapsedMs);
      if (sender.ended) this.#leaving.delete(sender);
    }
    this.#snapshots.check(elapsedMs);
    this.#acceptor?.check(elapsedMs);
  }
}

const isSame = (a: Peer, b: Peer): boolean =>
  a.agent === b.agent && a.incarnation === b.incarnation && a.host === b.host && a.port === b.port;
