import {
  ApiError,
  type AgentBody,
  type CatalogBackup,
  type ClusterStatus,
  type DrainBody,
  type JoinBody,
  type LeaveBody,
} from '@ollamamax/api';
import type { Catalog, Consensus } from '../catalog/catalog.ts';
import type { ClusterReads } from './cluster-reads.ts';
import type { Handlers } from './handlers.ts';

export interface ClusterHandlerOptions {
  readonly agentId: string;
  readonly cluster: string;
  readonly reads: ClusterReads;
  readonly catalog: Pick<Catalog, 'agreed' | 'agree'>;
  readonly consensus: Consensus;
  readonly now: () => Date;
}

type ClusterRoute =
  | 'clusterStatus'
  | 'clusterLeader'
  | 'consensus'
  | 'clusterBootstrap'
  | 'clusterJoin'
  | 'clusterLeave'
  | 'clusterTransfer'
  | 'clusterSnapshot'
  | 'clusterBackup'
  | 'clusterRestore'
  | 'nodeDrain'
  | 'nodeUndrain';

const bytesPerGb = 1024 ** 3;
const gigabytes = (bytes: number): number => Math.round((bytes / bytesPerGb) * 100) / 100;

type Agent = ReturnType<ClusterReads['agents']>[number];
type Drains = ReturnType<Catalog['agreed']>['drains'];

const nodeOf = (agent: Agent, drains: Drains): ClusterStatus['nodes'][string] => {
  const drain = Object.hasOwn(drains, agent.id) ? drains[agent.id] : undefined;
  return {
    status: agent.phase === 'ready' ? 'online' : agent.phase,
    last_seen: agent.lastSeen,
    capabilities: ['inference', 'storage'],
    resources: {
      cpu_cores: agent.cpuCores,
      memory_gb: gigabytes(agent.memoryTotalBytes),
      storage_gb: gigabytes(agent.storageTotalBytes ?? 0),
    },
    version: agent.version,
    api_url: agent.apiUrl,
    catalog_revision: agent.catalogRevision,
    ...(drain === undefined
      ? {}
      : { drained: { since: new Date(drain.since).toISOString(), reason: drain.reason } }),
  };
};

/** The cluster as a whole: who is in it, who leads, and what is agreed on. */
export const clusterHandlers = (options: ClusterHandlerOptions): Handlers<ClusterRoute> => {
  const { reads, catalog, consensus } = options;

  const agentOf = (id: string): Agent => {
    const found = reads.agents().find((agent) => agent.id === id);
    if (found === undefined) throw new ApiError('node_not_found', `The cluster has no agent "${id}".`);
    return found;
  };

  const clusterStatus = (): ClusterStatus => {
    const agents = reads.agents();
    const models = reads.models();
    const { desired, drains } = catalog.agreed();
    const { clusterId, leader, term, commitIndex, voters, learners } = consensus.status();
    const isHealthy =
      leader !== undefined &&
      agents.every(({ phase }) => phase === 'ready') &&
      models.every((model) => model.replicasReady >= model.replicasDesired);
    return {
      cluster_id: clusterId ?? null,
      cluster: options.cluster,
      answered_by: options.agentId,
      status: isHealthy ? 'healthy' : 'degraded',
      nodes: Object.fromEntries(agents.map((agent) => [agent.id, nodeOf(agent, drains)])),
      consensus: {
        leader: leader ?? null,
        term: term ?? 0,
        log_index: commitIndex ?? 0,
        voters: [...voters],
        learners: [...learners],
      },
      models: {
        desired: models.length,
        ready: models.filter((model) => model.replicasReady > 0).length,
      },
      catalog: { revision: desired.revision, settings: desired.settings },
    };
  };

  return {
    clusterStatus: ({ response }) => {
      response.json(clusterStatus());
    },
    clusterLeader: ({ response }) => {
      const { state, leader, term } = consensus.status();
      if (state !== 'member') throw new ApiError('not_a_member');
      if (leader === undefined) throw new ApiError('no_leader');
      const agent = reads.agents().find(({ id }) => id === leader);
      response.json({ leader, api_url: agent?.apiUrl ?? '', term: term ?? 0 });
    },
    consensus: ({ response }) => {
      response.json(consensus.status());
    },
    clusterBootstrap: async ({ response }) => {
      response.json(await consensus.bootstrap());
    },
    clusterJoin: async ({ response, body }) => {
      response.json(await consensus.join((body as JoinBody).address));
    },
    clusterLeave: async ({ response, body }) => {
      const { agent } = body as LeaveBody;
      response.json(await (agent === undefined ? consensus.leave() : consensus.remove(agent)));
    },
    clusterTransfer: async ({ response, body }) => {
      response.json(await consensus.transfer((body as AgentBody).agent));
    },
    clusterSnapshot: async ({ response }) => {
      response.json({ index: await consensus.snapshot() });
    },
    clusterBackup: async ({ response }) => {
      response.set('cache-control', 'no-store').json(await consensus.backup());
    },
    clusterRestore: async ({ response, body }) => {
      const { desired, drains, users } = await consensus.restore(body as CatalogBackup);
      response.json({
        revision: desired.revision,
        drains: Object.keys(drains).length,
        users: Object.keys(users).length,
      });
    },
    nodeDrain: async ({ request, response, body }) => {
      const { id } = agentOf(String(request.params.id));
      const { reason = '' } = body as DrainBody;
      await catalog.agree({ op: 'setDrain', agent: id, since: options.now().getTime(), reason });
      response.json(agentOf(id));
    },
    nodeUndrain: async ({ request, response }) => {
      const { id } = agentOf(String(request.params.id));
      await catalog.agree({ op: 'clearDrain', agent: id });
      response.json(agentOf(id));
    },
  };
};
