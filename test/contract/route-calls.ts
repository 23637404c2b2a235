import type { CatalogBackup, ErrorCode, RouteId } from '@ollamamax/api';
import type { TestUser } from '../harness/local-cluster.ts';

/** A user for each role; passwords are good for tests only. */
export const users = {
  readonly: { name: 'rosa', password: 'reads but never writes', role: 'readonly' },
  user: { name: 'uwe', password: 'asks the model things', role: 'user' },
  admin: { name: 'ada', password: 'may do everything here', role: 'admin' },
} as const satisfies Record<string, TestUser>;

interface RouteCall {
  /** Values of the path's parameters. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** It cannot succeed in the cluster of the tests, which is one agent that is alone: the code that says why. */
  readonly fails?: ErrorCode;
}

const model = 'ollamamax-tiny';
const options = { num_predict: 4, seed: 1, temperature: 0 };
const messages = [{ role: 'user', content: 'What is the capital of France?' }];
const digest = `sha256:${'0'.repeat(64)}`;

/** Names one model twice: it is refused as a whole, and the model of the tests stays. */
const unusableBackup: CatalogBackup = {
  format: 1,
  takenAt: '2026-01-01T00:00:00.000Z',
  clusterId: 'other',
  index: 1,
  desired: {
    revision: 1,
    models: ['twice', 'twice'].map((name) => ({ name, source: { file: '/a.gguf' } })),
    settings: {},
  },
  desiredOrigin: 'pushed',
  drains: {},
  users: [],
};

/** For each route a request that succeeds, or fails as said. The compiler demands a row for every route. */
export const routeCalls: Readonly<Record<RouteId, RouteCall>> = {
  root: {},
  ollamaVersion: {},
  tags: {},
  ps: {},
  show: { body: { model, verbose: true } },
  generate: { body: { model, prompt: 'Hello', options, stream: false } },
  chat: { body: { model, messages, options, stream: false } },
  embed: { body: { model, input: 'Hello' } },
  embeddings: { body: { model, prompt: 'Hello' } },
  // The model of the tests is declared: no registry is asked.
  pull: { body: { model }, fails: 'model_declared' },
  push: { body: { model }, fails: 'model_declared' },
  create: { body: { model: 'new', from: model, stream: false } },
  copy: { body: { source: model, destination: 'copy' } },
  remove: { body: { model: 'copy' } },
  me: {},
  blobHead: { parameters: { digest }, fails: 'blob_not_found' },
  blobCreate: { parameters: { digest }, fails: 'blob_mismatch' },
  openaiModels: {},
  openaiModel: { parameters: { model } },
  chatCompletions: { body: { model, messages, max_tokens: 4, temperature: 0 } },
  completions: { body: { model, prompt: 'Hello' } },
  openaiEmbeddings: { body: { model, input: 'Hello' } },
  rerank: { body: { model, query: 'Hello', documents: ['a', 'b'] }, fails: 'capability_missing' },
  responses: { body: { model, input: 'Hello', max_output_tokens: 4, temperature: 0 } },
  messages: { body: { model, messages, max_tokens: 4, temperature: 0 } },
  countTokens: { body: { model, messages } },
  nativeGenerate: { body: { model, prompt: 'Hello', options: { maxTokens: 4, temperature: 0 } } },
  nativeChat: { body: { model, messages, options: { maxTokens: 4, temperature: 0 } } },
  nativeEmbeddings: { body: { model, input: 'Hello' } },
  tokenize: { body: { model, text: 'Hello' } },
  detokenize: { body: { model, tokens: [1, 2] } },
  applyTemplate: { body: { model, messages } },
  health: {},
  version: {},
  clusterStatus: {},
  clusterLeader: {},
  consensus: {},
  clusterBootstrap: { fails: 'already_member' },
  clusterJoin: { body: {}, fails: 'already_member' },
  clusterLeave: { body: {}, fails: 'unsafe_change' },
  clusterTransfer: { body: { agent: 'agent-0' } },
  clusterSnapshot: {},
  clusterBackup: {},
  clusterRestore: { body: unusableBackup, fails: 'invalid_request' },
  nodes: {},
  node: { parameters: { id: 'agent-0' } },
  nodeDrain: { parameters: { id: 'agent-0' }, body: { reason: 'new disk' } },
  nodeUndrain: { parameters: { id: 'agent-0' } },
  models: {},
  model: { parameters: { name: model } },
  login: { body: { username: users.user.name, password: users.user.password } },
  users: {},
  userPut: { body: { name: 'new', role: 'readonly', password: 'not long but new' } },
  userRemove: { parameters: { name: 'nobody' }, fails: 'user_not_found' },
  session: {},
  ticket: {},
  openapi: {},
  docs: {},
  docsStyle: {},
  docsScript: {},
};
