/** Bounds of the transport. Times in milliseconds, sizes in bytes. */
export interface TransportLimits {
  /** Incoming connections at a time, those in their handshake included. */
  readonly connections: number;
  /** For the TLS handshake of an incoming connection, and again for its hello. */
  readonly handshakeMs: number;
  /** For an outgoing connection until it is welcome: TCP, TLS and hello. */
  readonly connectMs: number;
  /** Pause before the first and before later tries to connect again. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** A connection over which nothing was sent for so long says that it is alive. */
  readonly aliveMs: number;
  /** A connection over which nothing came for so long is given up. */
  readonly idleMs: number;
  /** What may wait for one peer before appends and snapshots are dropped. */
  readonly queueBytes: number;
  /** Of it, what is handed to the socket at a time: votes and heartbeats wait behind no more than that. */
  readonly windowBytes: number;
  /** Votes, heartbeats and answers that may wait for one peer before the oldest are dropped. */
  readonly controlMessages: number;
  /** How often connections are looked at. */
  readonly sweepMs: number;
  /** For saying good-bye before connections are cut. */
  readonly closeMs: number;
  /** Snapshots that are sent at a time, and that are received at a time. */
  readonly snapshots: number;
  /** Of a snapshot, what is on its way at a time. */
  readonly snapshotWindowBytes: number;
  /** For all snapshots that are sent, per second. */
  readonly snapshotBytesPerSecond: number;
  /** A snapshot of which nothing arrives for so long is cut off, to be tried again from there. */
  readonly snapshotStallMs: number;
  /** For making a snapshot durable at the receiver once all of it arrived. */
  readonly snapshotFinishMs: number;
  /** For a whole snapshot, with all tries. */
  readonly snapshotMs: number;
  /** Tries in a row that bring a snapshot no further. */
  readonly snapshotTries: number;
}

export const defaultTransportLimits: TransportLimits = {
  connections: 1024,
  handshakeMs: 5000,
  connectMs: 3000,
  retryMinMs: 50,
  retryMaxMs: 2000,
  aliveMs: 1000,
  idleMs: 5000,
  queueBytes: 16 * 1024 * 1024,
  windowBytes: 256 * 1024,
  controlMessages: 4096,
  sweepMs: 250,
  closeMs: 2000,
  snapshots: 2,
  snapshotWindowBytes: 2 * 1024 * 1024,
  snapshotBytesPerSecond: Number.POSITIVE_INFINITY,
  snapshotStallMs: 15_000,
  snapshotFinishMs: 300_000,
  snapshotMs: 3_600_000,
  snapshotTries: 8,
};
