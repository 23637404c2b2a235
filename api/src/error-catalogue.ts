import { agreementErrors } from './agreement-errors.ts';
import type { CatalogueEntry } from './catalogue-entry.ts';

export type { CatalogueEntry } from './catalogue-entry.ts';

/**
 * The error catalogue: the single list of everything that can go wrong in a way a user or operator sees.
 * Codes are stable and never reused. `docs/reference/errors.md` is generated from this file.
 */
export const errorCatalogue = {
  // The request itself
  invalid_json: {
    status: 400,
    summary: 'The request body is not valid JSON.',
    action: 'Send a JSON object with Content-Type: application/json.',
    retryable: false,
  },
  missing_body: {
    status: 400,
    summary: 'The request needs a body and has none.',
    action: 'Send a JSON object as the body.',
    retryable: false,
  },
  invalid_request: {
    status: 400,
    summary: 'A field of the request is missing, unknown or has a wrong value.',
    action: 'Correct the named field; the API reference lists every field with its type and bounds.',
    retryable: false,
  },
  invalid_model_name: {
    status: 400,
    summary: 'The model name is not well formed.',
    action: 'Use [host/][namespace/]model[:tag] with letters, digits, "-", "_" and ".".',
    retryable: false,
  },
  capability_missing: {
    status: 400,
    summary: 'The model cannot do what the request asks for.',
    action: 'Choose a model that lists this capability in /api/show.',
    retryable: false,
  },
  context_exceeded: {
    status: 400,
    summary: 'The prompt is longer than the context of the model.',
    action: 'Shorten the prompt or raise num_ctx up to the context length that /api/show reports.',
    retryable: false,
  },
  invalid_format: {
    status: 400,
    summary: 'The requested output format cannot be enforced.',
    action: 'Use "json" or a JSON Schema of the documented subset.',
    retryable: false,
  },
  template_failed: {
    status: 400,
    summary: 'The chat template of the model could not render these messages.',
    action: 'Check roles and order of the messages, or the template given with the request.',
    retryable: false,
  },
  body_too_large: {
    status: 413,
    summary: 'The request body is larger than the limit.',
    action: 'Send less, or raise limits.bodyBytes in node.yaml.',
    retryable: false,
  },
  headers_too_large: {
    status: 431,
    summary: 'The request headers are larger than the limit.',
    action: 'Send fewer or shorter headers.',
    retryable: false,
  },
  unsupported_media_type: {
    status: 415,
    summary: 'The content type or encoding of the request is not supported.',
    action: 'Send UTF-8 JSON with Content-Type: application/json.',
    retryable: false,
  },
  request_timeout: {
    status: 408,
    summary: 'The request was not received in time.',
    action: 'Send the whole request without long pauses.',
    retryable: true,
  },
  // Who and where
  unauthenticated: {
    status: 401,
    summary: 'The request carries no valid credentials.',
    action: 'Log in with POST /api/v1/auth/login and send the token as Authorization: Bearer.',
    retryable: false,
  },
  token_expired: {
    status: 401,
    summary: 'The token has expired.',
    action: 'Log in again.',
    retryable: false,
  },
  login_failed: {
    status: 401,
    summary: 'User name or password is wrong.',
    action: 'Check both; an administrator can set a new password with "ollamamax user set".',
    retryable: false,
  },
  login_throttled: {
    status: 429,
    summary: 'Too many log-in attempts.',
    action: 'Wait for the time in Retry-After.',
    retryable: true,
  },
  auth_disabled: {
    status: 404,
    summary: 'This agent runs without authentication, so there is nothing to log in to.',
    action: 'Send requests without a token, or set auth.enabled in node.yaml.',
    retryable: false,
  },
  forbidden: {
    status: 403,
    summary: 'The role of this user does not allow this.',
    action: 'Ask an administrator for a role that does.',
    retryable: false,
  },
  host_not_allowed: {
    status: 403,
    summary: 'The Host header does not name this machine.',
    action: 'Use localhost or 127.0.0.1, or add the name to http.allowedHosts in node.yaml.',
    retryable: false,
  },
  origin_not_allowed: {
    status: 403,
    summary: 'Pages of this origin may not call the API.',
    action: 'Add the origin to http.allowedOrigins in node.yaml.',
    retryable: false,
  },
  // What was asked for
  route_not_found: {
    status: 404,
    summary: 'There is nothing at this path.',
    action: 'The API reference lists every path.',
    retryable: false,
  },
  method_not_allowed: {
    status: 405,
    summary: 'This path does not answer this method.',
    action: 'Use one of the methods in the Allow header.',
    retryable: false,
  },
  not_implemented: {
    status: 501,
    summary: 'This part of the Ollama or OpenAI API is not available in this version.',
    action: 'The status table in the README says what works today.',
    retryable: false,
  },
  model_not_found: {
    status: 404,
    summary: 'The cluster has no model of this name.',
    action:
      'List the models with GET /api/tags; fetch one with POST /api/pull, or add it under models in node.yaml.',
    retryable: false,
  },
  model_declared: {
    status: 409,
    summary: 'The model is declared by the operator or "ollamamax up", which alone can change it.',
    action: 'Change it there, or use another name.',
    retryable: false,
  },
  blob_not_found: {
    status: 404,
    summary: 'No agent has a blob of this digest.',
    action: 'Upload it first with POST /api/blobs/DIGEST.',
    retryable: false,
  },
  blob_mismatch: {
    status: 400,
    summary: 'The uploaded bytes do not have the digest in the path.',
    action: 'Upload the whole file under the SHA-256 of its bytes.',
    retryable: false,
  },
  user_not_found: {
    status: 404,
    summary: 'There is no user of this name.',
    action: 'List the users with GET /api/v1/users.',
    retryable: false,
  },
  user_in_file: {
    status: 409,
    summary: "The user is in the users file of the agent, which counts before the cluster's users.",
    action: 'Change the file with "ollamamax user", or use another name.',
    retryable: false,
  },
  node_not_found: {
    status: 404,
    summary: 'The cluster has no agent of this id.',
    action: 'List the agents with GET /api/v1/nodes.',
    retryable: false,
  },
  // The cluster's state
  model_not_ready: {
    status: 503,
    summary: 'The model is known but no agent can serve it yet.',
    action: 'Wait; GET /api/v1/models shows the progress and what is in the way.',
    retryable: true,
  },
  model_load_failed: {
    status: 500,
    summary: 'The model could not be loaded.',
    action: 'Read the reason; check memory and that the file is a GGUF model llama.cpp supports.',
    retryable: false,
  },
  insufficient_memory: {
    status: 503,
    summary: 'There is too little memory to load the model.',
    action: 'Free memory, choose a smaller model or quantisation, or lower num_ctx.',
    retryable: true,
  },
  runner_crashed: {
    status: 500,
    summary: 'The process that runs the model ended while it worked on this request.',
    action: 'Send the request again; the runner is started anew.',
    retryable: true,
  },
  queue_full: {
    status: 503,
    summary: 'The queue of this model is full.',
    action: 'Wait for the time in Retry-After and try again.',
    retryable: true,
  },
  queue_timeout: {
    status: 503,
    summary: 'The request waited too long for a free slot.',
    action: 'Wait for the time in Retry-After and try again, or add replicas.',
    retryable: true,
  },
  agent_unreachable: {
    status: 502,
    summary: 'The agent that served this request went away.',
    action: 'Send the request again; another agent will take it.',
    retryable: true,
  },
  agent_draining: {
    status: 503,
    summary: 'This agent is shutting down and takes no new work.',
    action: 'Send the request to another agent.',
    retryable: true,
  },
  cancelled: {
    status: 499,
    summary: 'The client went away before the answer was complete.',
    action: 'Nothing: the work was stopped.',
    retryable: false,
  },
  deadline_exceeded: {
    status: 504,
    summary: 'The request took longer than its limit.',
    action: 'Ask for fewer tokens or raise limits.requestSeconds in node.yaml.',
    retryable: true,
  },
  internal: {
    status: 500,
    summary: 'Something went wrong inside the agent.',
    action: 'Look for the request id in the log of the agent and report it.',
    retryable: false,
  },
  // Models on disk
  source_unreachable: {
    status: 502,
    summary: 'The source of the model cannot be reached.',
    action: 'Check the URL and the network; the download goes on by itself when the source answers.',
    retryable: true,
  },
  source_refused: {
    status: 502,
    summary: 'The source of the model refused the download.',
    action: 'Check the URL and its access rights.',
    retryable: false,
  },
  source_file_missing: {
    status: 500,
    summary: 'The file that the model is made from does not exist or cannot be read.',
    action: 'Check the path and its permissions on every agent that holds the model.',
    retryable: true,
  },
  digest_mismatch: {
    status: 500,
    summary: 'The bytes of the model do not have the expected SHA-256.',
    action: 'Check sha256 in the model specification, or the file at its source; nothing was served from it.',
    retryable: false,
  },
  model_file_invalid: {
    status: 500,
    summary: 'The file is not a usable GGUF model.',
    action: 'Use a GGUF file; convert others with the tools of llama.cpp.',
    retryable: false,
  },
  disk_full: {
    status: 507,
    summary: 'There is too little space for the model.',
    action: 'Free space in the model directory or move it to a larger disk.',
    retryable: true,
  },
  // Starting and running an agent
  config_invalid: {
    status: 500,
    summary: 'The configuration has problems.',
    action: 'Correct each named setting; docs/reference/configuration.md lists them all.',
    retryable: false,
  },
  port_in_use: {
    status: 500,
    summary: 'Another program listens on this port.',
    action: 'End that program or choose another port.',
    retryable: false,
  },
  insecure_listen: {
    status: 500,
    summary: 'The API would be open to the network without authentication.',
    action:
      'Set auth.enabled: true with a users file, listen on 127.0.0.1, or say http.insecure: true if you mean it.',
    retryable: false,
  },
  state_corrupt: {
    status: 500,
    summary: 'A file in the data directory is damaged.',
    action: 'Restore it from a copy or remove the named file; the agent never guesses.',
    retryable: false,
  },
  // What the agents agree on
  ...agreementErrors,
} as const satisfies Record<string, CatalogueEntry>;
