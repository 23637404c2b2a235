import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import type { TransportCounters } from './counters.ts';

/** Another member and how to recognise it. */
export interface Peer {
  readonly node: NodeId;
  /** Id of the agent whose certificate the member must show. */
  readonly agent: string;
  /** Which life of its data directory: what says another one is refused, and never told anything. */
  readonly incarnation: string;
  readonly host: string;
  readonly port: number;
}

/** At once, or later. Simulators answer at once; disks do not. */
export type Awaitable<T> = T | Promise<T>;

/** Where the bytes of one incoming snapshot go. Calls follow one another; none overtakes one that is not done. */
export interface SnapshotSink {
  /**
   * @returns the offset from which bytes are wanted: above 0 when an earlier transfer of the same index, term and
   * digest was cut off; undefined when this snapshot is not wanted
   */
  begin(meta: SnapshotMeta): Awaitable<number | undefined>;
  /** Each begins where the one before ended. The bytes are the sink's own. */
  write(offset: number, bytes: Uint8Array): Awaitable<void>;
  /**
   * All bytes are there. Once it resolves they are durable, and the message that brings them goes to `onMessages`.
   * @throws when together they are not what was announced
   */
  finish(): Awaitable<void>;
  /** It ended early, after `begin`; unless `finish` failed, what is written may be kept for another transfer, which begins once this resolves. */
  abort(): Awaitable<void>;
}

/** Part of a snapshot: exactly `length` bytes from `offset`. */
export type ReadChunk = (offset: number, length: number) => Awaitable<Uint8Array>;

/** Told why a snapshot did not arrive. As with any message, it may have arrived all the same. */
export type SnapshotDone = (problem: Error | undefined) => void;

/** What is done with what comes in. None of it is called from within a call of the transport. */
export interface TransportHandler {
  /**
   * Messages of one member, in the order in which it sent them, and only such as its certificate allows: `from` is
   * `peer`, `to` is this member. They may be repeated, lost, and out of order around a reconnection.
   * @returns false when too much waits already: nothing more of this member is read until `resume`
   */
  onMessages(peer: NodeId, messages: readonly Message[]): boolean;
  /** Something for this member was dropped, or it cannot be reached. */
  onUnreachable(peer: NodeId): void;
  /** For one snapshot that this member wants to send. */
  snapshotSink(peer: NodeId): SnapshotSink;
}

/** The connection that brings messages to another member. */
export interface LinkStatus {
  readonly node: NodeId;
  readonly connected: boolean;
  /** Bytes that wait for it. */
  readonly waitingBytes: number;
}

/** Carries messages between members; real or simulated. */
export interface Transport {
  /** For metrics, where there are any. */
  readonly counters?: TransportCounters;
  links?(): readonly LinkStatus[];
  /** Takes messages and connections from now on. */
  start(handler: TransportHandler): Awaitable<void>;
  /**
   * All other members there are. Connections are made to new ones and closed to those no longer listed; what comes
   * from others is refused.
   * @throws RangeError when a host or port cannot be one; nothing changes then
   */
  setPeers(peers: readonly Peer[]): void;
  /** Sends each to its `to`, or drops it and tells so by `onUnreachable`: never waits, never fails. */
  send(messages: readonly Message[]): void;
  /** Reads on after `onMessages` returned false. */
  resume(peer: NodeId): void;
  /**
   * Sends a snapshot to the `to` of its message, beside the messages, and tells once how it ended.
   * @returns gives it up; `done` is told so
   */
  sendSnapshot(meta: SnapshotMeta, read: ReadChunk, done: SnapshotDone): () => void;
  /** Ends everything within a deadline. */
  close(): Awaitable<void>;
}
