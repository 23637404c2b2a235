import {
  ApiError,
  canonicalModelName,
  ollamaApiVersion,
  version,
  type LoginBody,
  type ModelChunks,
  type ModelStorage,
} from '@ollamamax/api';
import type { Health } from '../observability/health.ts';
import type { TicketGrant } from '../ws/ticket-store.ts';
import type { ClusterReads } from './cluster-reads.ts';
import type { Handlers } from './handlers.ts';
import { clientGone } from './stream-writer.ts';
import type { SessionUser } from './request-context.ts';

/** Log-in and tickets; undefined parts mean that authentication is off. */
export interface Sessions {
  readonly enabled: boolean;
  /** @throws ApiError login_failed, login_throttled, auth_disabled */
  login(
    username: string,
    password: string,
    address: string,
  ): Promise<{ readonly token: string; readonly expiresAt: Date; readonly user: SessionUser }>;
  /** A single-use ticket for one WebSocket of the same user, origin and address. */
  ticket(grant: TicketGrant): { readonly ticket: string; readonly expiresAt: string };
}

export interface NativeOptions {
  readonly agentId: string;
  readonly reads: ClusterReads;
  readonly sessions: Sessions;
  readonly health: Health;
}

type NativeRoute =
  'health' | 'version' | 'nodes' | 'node' | 'models' | 'model' | 'login' | 'session' | 'ticket';

/** @throws ApiError invalid_request for anything but true and false */
const wantsChunks = (value: unknown): boolean => {
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw new ApiError('invalid_request', 'chunks must be true or false.', { param: 'chunks' });
};

/** In the model storage format of the specification. */
const storageOf = ({ name, digest, sizeBytes, details, chunker, chunks }: ModelChunks): ModelStorage => ({
  model_id: name,
  format: 'gguf',
  size: sizeBytes,
  checksum: `sha256:${digest}`,
  chunker,
  chunks: chunks.map(({ length, sha256 }, index) => ({
    id: `chunk_${String(index + 1).padStart(3, '0')}`,
    size: length,
    checksum: `sha256:${sha256}`,
  })),
  metadata: {
    family: details.family,
    parameter_size: details.parameterSize,
    quantization: details.quantization,
  },
});

/** OllamaMax's own REST API. */
export const nativeHandlers = (options: NativeOptions): Handlers<NativeRoute> => {
  const { reads, sessions } = options;
  return {
    health: ({ response }) => {
      const { status, checks } = options.health.report();
      response
        .status(status === 'fail' ? 503 : 200)
        .json({ status, agent: options.agentId, version, checks });
    },
    version: ({ response }) => {
      response.json({ version, ollamaApiVersion, node: process.version });
    },
    nodes: ({ response }) => {
      response.json({ nodes: reads.agents() });
    },
    node: ({ request, response }) => {
      const id = String(request.params.id);
      const found = reads.agents().find((agent) => agent.id === id);
      if (found === undefined) throw new ApiError('node_not_found', `The cluster has no agent "${id}".`);
      response.json(found);
    },
    models: ({ response }) => {
      response.json({ models: reads.models() });
    },
    model: async ({ request, response }) => {
      const name = canonicalModelName(String(request.params.name));
      if (wantsChunks(request.query.chunks)) {
        response.json(storageOf(await reads.chunks(name, clientGone(response).signal)));
        return;
      }
      const found = reads.models().find((model) => model.name === name);
      if (found === undefined) throw new ApiError('model_not_found', `The cluster has no model "${name}".`);
      response.json(found);
    },
    login: async ({ request, response, body }) => {
      const { username, password } = body as LoginBody;
      const session = await sessions.login(username, password, request.socket.remoteAddress ?? 'unknown');
      response
        .set('cache-control', 'no-store')
        .json({ token: session.token, expiresAt: session.expiresAt.toISOString(), user: session.user });
    },
    session: ({ response, context }) => {
      response
        .set('cache-control', 'no-store')
        .json({ auth: sessions.enabled, ...(context.user === undefined ? {} : { user: context.user }) });
    },
    ticket: ({ request, response, context }) => {
      if (context.user === undefined) throw new ApiError('unauthenticated');
      const grant: TicketGrant = {
        user: context.user,
        ...(context.token === undefined ? {} : { token: context.token }),
        origin: request.headers.origin,
        address: request.socket.remoteAddress,
      };
      response.set('cache-control', 'no-store').json(sessions.ticket(grant));
    },
  };
};
