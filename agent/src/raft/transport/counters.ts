import type { Refusal } from '../codec/hello-codec.ts';

/** What happened since the start; for metrics. */
export interface TransportCounters {
  messagesSent: number;
  bytesSent: number;
  messagesReceived: number;
  bytesReceived: number;
  /** For peers that do not take them: not connected, or too far behind. */
  messagesDropped: number;
  /** Outgoing connections that were made, and that failed or broke. */
  connected: number;
  disconnected: number;
  /** Incoming ones that were welcome. */
  accepted: number;
  /** Incoming ones that were refused, by reason. */
  readonly refused: Record<Refusal, number>;
  /** Incoming ones that ended in their TLS handshake or before their hello. */
  strangers: number;
  /** Connections closed because of what came over them: bytes that are no frames, messages in another's name. */
  violations: number;
  snapshotsSent: number;
  snapshotsReceived: number;
}

export const newCounters = (): TransportCounters => ({
  messagesSent: 0,
  bytesSent: 0,
  messagesReceived: 0,
  bytesReceived: 0,
  messagesDropped: 0,
  connected: 0,
  disconnected: 0,
  accepted: 0,
  refused: {
    version: 0,
    cluster: 0,
    node: 0,
    stranger: 0,
    identity: 0,
    incarnation: 0,
    busy: 0,
    malformed: 0,
  },
  strangers: 0,
  violations: 0,
  snapshotsSent: 0,
  snapshotsReceived: 0,
});
