/** Product names, headers and labels that appear on more than one side. */
export const productName = 'OllamaMax';

/** Version of the whole product: every package of the workspace carries the same. */
export const version = '0.1.0';

/** Version of Ollama whose API the agents speak; what `/api/version` and clients' feature checks see. */
export const ollamaApiVersion = '0.12.6';

export const headers = {
  requestId: 'x-request-id',
  /** Agent that served the request. */
  servedBy: 'x-ollamamax-agent',
} as const;

export const roles = ['admin', 'user', 'readonly'] as const;
export type Role = (typeof roles)[number];

export const internalPaths = {
  status: '/internal/v1/status',
  desiredState: '/internal/v1/desired-state',
  inference: '/internal/v1/inference',
  show: '/internal/v1/models/:name/show',
  chunks: '/internal/v1/models/:name/chunks',
  ownModels: '/internal/v1/own-models',
  blob: '/internal/v1/blob',
  bootstrap: '/internal/v1/consensus/bootstrap',
  members: '/internal/v1/consensus/members',
  remove: '/internal/v1/consensus/remove',
  leave: '/internal/v1/consensus/leave',
  transfer: '/internal/v1/consensus/transfer',
} as const;

/** URI SAN of an agent's certificate: who it is, in which cluster. */
export const agentIdentity = (cluster: string, id: string): string => `spiffe://${cluster}/agent/${id}`;

/** URI SAN of whoever may push desired state: the operator, or `ollamamax up` on a laptop. */
export const operatorIdentity = (cluster: string): string => `spiffe://${cluster}/operator`;
