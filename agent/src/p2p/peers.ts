import type { IncomingMessage } from 'node:http';
import type {
  Admission,
  AdmissionRequest,
  AgentStatus,
  InferenceEvent,
  InferenceRequest,
  ModelChunks,
  ModelShow,
} from '@ollamamax/api';

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
  /** Asks a peer for its status now, ahead of the next poll; one that does not answer is as after any missed poll. */
  lookAgain(peerId: string): Promise<void>;
  /**
   * Runs a request on a peer. Yields its events; throws ApiError: the peer's own error, or agent_unreachable when
   * the connection cannot be made or breaks. Aborting the signal closes the connection, which cancels the work there.
   */
  run(peerId: string, request: InferenceRequest, signal: AbortSignal): AsyncIterable<InferenceEvent>;
  show(peerId: string, name: string, verbose: boolean, signal: AbortSignal): Promise<ModelShow>;
  /** Which chunks a model's file has that a peer holds. @throws ApiError the peer's own, agent_unreachable */
  chunks(peerId: string, name: string, signal: AbortSignal): Promise<ModelChunks>;
  /** Asks a peer to take this agent into its group, or whether it still is in. @throws ApiError the peer's own, agent_unreachable */
  admit(peerId: string, request: AdmissionRequest, signal: AbortSignal): Promise<Admission>;
  /** Has a peer leave its group. @throws ApiError the peer's own, agent_unreachable */
  leave(peerId: string, signal: AbortSignal): Promise<void>;
  /** Asks for membership an agent that need not be known. @param address internal address, host:port */
  admitAt(address: string, request: AdmissionRequest, signal: AbortSignal): Promise<Admission>;
}

/** A request to a peer whose answer is read as it comes. */
export interface PeerQuestion {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
}

/** Peers that can be asked anything. */
export interface AskPeers {
  /**
   * @returns the answer, which is to be read to its end or destroyed
   * @throws ApiError the peer's own, agent_unreachable, what `signal` was aborted with
   */
  ask(peerId: string, question: PeerQuestion, signal: AbortSignal): Promise<IncomingMessage>;
}
