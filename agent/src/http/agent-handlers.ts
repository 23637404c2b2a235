import { ApiError, type NodeConfig } from '@ollamamax/api';
import type { createSessions } from '../auth/sessions.ts';
import type { Catalog, Consensus } from '../catalog/catalog.ts';
import type { Health } from '../observability/health.ts';
import type { TicketStore } from '../ws/ticket-store.ts';
import { anthropicHandlers } from './anthropic-messages.ts';
import type { AppOptions } from './app.ts';
import { clusterHandlers } from './cluster-handlers.ts';
import type { ClusterReads } from './cluster-reads.ts';
import { docsHandlers } from './docs-handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { inferenceHandlers } from './inference-handlers.ts';
import { nativeHandlers } from './native-handlers.ts';
import { ollamaManageHandlers, type ManageHandlerOptions } from './ollama-manage-handlers.ts';
import { ollamaInferenceHandlers } from './ollama-inference.ts';
import { ollamaModelHandlers } from './ollama-models.ts';
import { openaiInferenceHandlers } from './openai-inference.ts';
import { openaiModelHandlers } from './openai-models.ts';
import { userHandlers } from './user-handlers.ts';

export interface AgentHandlerOptions {
  readonly config: NodeConfig;
  readonly reads: ClusterReads;
  readonly calls: InferenceCalls;
  readonly health: Health;
  readonly catalog: Catalog;
  readonly consensus: Consensus;
  readonly users: ReturnType<typeof createSessions>['users'];
  readonly sessions: ReturnType<typeof createSessions>['sessions'];
  readonly tickets: TicketStore;
  readonly manage: Pick<ManageHandlerOptions, 'service' | 'log' | 'shutdown'>;
}

/** What answers each route of the public API. */
export const agentHandlers = (options: AgentHandlerOptions): AppOptions['handlers'] => {
  const { config, reads, calls, health, catalog, consensus, users, sessions, tickets } = options;
  const agentId = config.node.id;
  return {
    ...ollamaModelHandlers(reads),
    ...ollamaInferenceHandlers(calls, options.manage.log),
    ...ollamaManageHandlers({
      ...options.manage,
      writeStallMs: config.limits.writeStallSeconds * 1000,
      uploadStallMs: config.limits.bodySeconds * 1000,
    }),
    ...openaiModelHandlers(reads),
    ...openaiInferenceHandlers(calls),
    ...anthropicHandlers(calls),
    ...inferenceHandlers(calls),
    ...clusterHandlers({
      agentId,
      cluster: config.cluster.name,
      reads,
      catalog,
      consensus,
      now: () => new Date(),
    }),
    ...userHandlers({ file: users, catalog }),
    ...docsHandlers(),
    ...nativeHandlers({
      agentId,
      reads,
      health,
      sessions: {
        enabled: sessions !== undefined,
        login: (username, password, address) => {
          if (sessions === undefined) throw new ApiError('auth_disabled');
          return sessions.login(username, password, address);
        },
        ticket: (grant) => tickets.issue(grant),
      },
    }),
  };
};
