import { join } from 'node:path';
import type { NodeConfig } from '@ollamamax/api';
import type { Logger, TlsMaterial } from '@ollamamax/common';
import { parseListenAddress } from '../config/listen-address.ts';
import type { GroupPeers } from './group.ts';
import { HostedMember } from './hosted-member.ts';
import { Membership } from './membership.ts';
import { RaftCatalog } from './raft-catalog.ts';

export interface CatalogParts {
  readonly catalog: RaftCatalog;
  readonly membership: Membership;
}

/**
 * The catalogue of an agent, and its part in the group that agrees on it.
 * @param tls certificates between agents as they are now; undefined for an agent without any
 * @param peers not asked before they are started
 */
export const createCatalog = (
  config: NodeConfig,
  logger: Logger,
  tls: (() => TlsMaterial) | undefined,
  peers: GroupPeers,
): CatalogParts => {
  const { advertise, cluster, node, listen, storage } = config;
  const log = logger.child({ component: 'catalog' });
  const member = new HostedMember({
    directory: join(storage.dataDir, 'raft'),
    agent: node.id,
    cluster: cluster.name,
    network:
      tls === undefined
        ? undefined
        : { ...parseListenAddress(listen.raft), advertise: advertise.raft ?? listen.raft, tls },
    log,
  });
  const membership = new Membership({ member, agent: node.id, peers, log, now: () => new Date() });
  const catalog = new RaftCatalog({
    member,
    configured: { models: config.models, settings: config.settings ?? {} },
    alone: cluster.peers.length === 0 && cluster.peersDns === undefined,
    bootstrap: () => membership.bootstrap(),
    requireLevel: (level) => membership.requireLevel(level),
    log,
  });
  return { catalog, membership };
};
