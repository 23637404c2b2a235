import type { AgentStatus, DesiredState, InferenceEvent, InferenceRequest, ModelShow } from '@ollamamax/api';

/** Another agent as this one last saw it. */
export interface Peer {
  readonly id: string;
  /** Internal address, host:port. */
  readonly address: string;
  readonly online: boolean;
  /** ISO time of the last answer; undefined when it never answered. */
  readonly lastSeen: string | undefined;
  /** Last status, kept while offline. */
  readonly status: AgentStatus | undefined;
}

/** Who is there, and how to ask them. libp2p comes in under this port; today: mutual TLS and polling. */
export interface Peers {
  list(): readonly Peer[];
  onChange(listener: () => void): () => void;
  /**
   * Runs a request on a peer. Yields its events; throws ApiError: the peer's own error, or agent_unreachable when
   * the connection cannot be made or breaks. Aborting the signal closes the connection, which cancels the work there.
   */
  run(peerId: string, request: InferenceRequest, signal: AbortSignal): AsyncIterable<InferenceEvent>;
  show(peerId: string, name: string, verbose: boolean, signal: AbortSignal): Promise<ModelShow>;
  desiredState(peerId: string, signal: AbortSignal): Promise<DesiredState>;
}
