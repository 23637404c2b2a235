/** TCP ports of an agent; the specification's, plus the internal one between agents and from the operator. */
export const ports = {
  /** Ollama, OpenAI and REST APIs, WebSocket. */
  api: 8080,
  /** Dashboard. */
  dashboard: 8081,
  /** libp2p. */
  p2p: 9000,
  /** Model bytes between agents. */
  modelBytes: 9001,
  /** Raft. */
  raft: 7000,
  /** Prometheus metrics and probes. */
  metrics: 9090,
  /** Internal API between agents and from the operator: mutual TLS, HTTP/1.1. */
  internal: 9443,
} as const;

export type PortName = keyof typeof ports;
