import { canonicalModelName } from '@ollamamax/api';
import type {
  AgentStatus,
  ClusterEventValue,
  DesiredState,
  MetricsEventValue,
  ModelEventValue,
} from '@ollamamax/api';
import type { Peer } from '../p2p/peers.ts';

const defaultReplicas = 3;

const clusterValue = (
  id: string,
  phase: ClusterEventValue['phase'],
  status: AgentStatus | undefined,
  lastSeen: string,
): ClusterEventValue => ({
  id,
  phase,
  version: status?.version ?? '',
  apiUrl: status?.apiUrl ?? '',
  ...(status?.dashboardUrl === undefined ? {} : { dashboardUrl: status.dashboardUrl }),
  startedAt: status?.startedAt ?? '',
  lastSeen,
  cpuCores: status?.resources.cpuCores ?? 0,
  memoryTotalBytes: status?.resources.memoryTotalBytes ?? 0,
  memoryAvailableBytes: status?.resources.memoryAvailableBytes ?? 0,
  residentBytes: status?.resources.residentBytes ?? 0,
  ...(status?.resources.storageTotalBytes === undefined
    ? {}
    : { storageTotalBytes: status.resources.storageTotalBytes }),
  ...(status?.resources.devices === undefined ? {} : { devices: status.resources.devices }),
  catalogRevision: status?.catalogRevision ?? 0,
});

/**
 * Every agent known here, sorted by id. One that never answered has empty texts and zeros.
 * @param drains agents that are marked, by id: told at once, before they say so themselves
 */
export const mergeAgents = (
  self: AgentStatus,
  peers: readonly Peer[],
  now: string,
  drains: Readonly<Record<string, unknown>> = {},
): ClusterEventValue[] =>
  [
    clusterValue(self.id, self.phase, self, now),
    ...peers.map((peer) =>
      clusterValue(
        peer.id,
        peer.online && peer.status !== undefined ? peer.status.phase : 'offline',
        peer.status,
        peer.lastSeen ?? '',
      ),
    ),
  ]
    .map((agent): ClusterEventValue =>
      agent.phase === 'ready' && Object.hasOwn(drains, agent.id) ? { ...agent, phase: 'draining' } : agent,
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/** Figures of the agents that answer, by id. */
export const mergeMetrics = (
  self: AgentStatus,
  peers: readonly Peer[],
  now: string,
): Record<string, MetricsEventValue> =>
  Object.fromEntries([
    [self.id, { at: now, ...self.load }],
    ...peers.flatMap((peer) =>
      peer.online && peer.status !== undefined
        ? [[peer.id, { at: peer.lastSeen ?? now, ...peer.status.load }] as const]
        : [],
    ),
  ]);

/** The models the cluster is to have, as the agents that answer say they are; sorted by name. */
export const mergeModels = (
  desired: DesiredState,
  self: AgentStatus,
  peers: readonly Peer[],
): ModelEventValue[] => {
  const online = [
    self,
    ...peers.flatMap((peer) => (peer.online && peer.status !== undefined ? [peer.status] : [])),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  const members = [self.id, ...peers.map((peer) => peer.id)];
  return desired.models
    .map((spec): ModelEventValue => {
      const allowed = spec.agents === undefined ? undefined : new Set(spec.agents);
      const candidates = members.filter((id) => allowed?.has(id) ?? true).length;
      const name = canonicalModelName(spec.name);
      const copies = online.flatMap((agent) =>
        agent.models.filter((model) => model.name === name).map((model) => ({ id: agent.id, model })),
      );
      // A ready copy knows best; the others fill in what it may lack.
      const byTrust = copies
        .map(({ model }) => model)
        .sort((a, b) => Number(b.state === 'ready') - Number(a.state === 'ready'));
      const digest = byTrust.find((model) => model.digest !== undefined)?.digest ?? spec.sha256;
      const details = byTrust.find((model) => model.details !== undefined)?.details;
      const adapters = byTrust[0]?.adapters;
      const modifiedAt = byTrust
        .flatMap((model) => (model.modifiedAt === undefined ? [] : [model.modifiedAt]))
        .sort()
        .at(-1);
      return {
        name,
        ...(digest === undefined ? {} : { digest }),
        sizeBytes: byTrust[0]?.sizeBytes ?? 0,
        replicasDesired: Math.min(spec.replicas ?? defaultReplicas, candidates),
        replicasReady: byTrust.filter((model) => model.state === 'ready').length,
        ...(details === undefined ? {} : { details }),
        ...(adapters === undefined ? {} : { adapters }),
        ...(modifiedAt === undefined ? {} : { modifiedAt }),
        agents: copies.map(({ id, model }) => ({
          id,
          state: model.state,
          completedBytes: model.completedBytes,
          sizeBytes: model.sizeBytes,
          ...(model.error === undefined ? {} : { error: model.error }),
          ...(model.resident === undefined ? {} : { resident: model.resident }),
        })),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
};

type Unsubscribe = () => void;

export interface ClusterViewOptions {
  /** Of this agent's process; part of every event epoch. */
  readonly bootId: string;
  /** This agent's own status, as its peers get it. */
  readonly status: () => AgentStatus;
  readonly peers: { list(): readonly Peer[]; onChange(listener: () => void): Unsubscribe };
  readonly catalog: {
    state(): DesiredState;
    agreed(): { readonly drains: Readonly<Record<string, unknown>> };
    onAgreed(listener: () => void): Unsubscribe;
  };
  /** What changes this agent's own part: its models, its phase. */
  readonly own: readonly { onChange(listener: () => void): Unsubscribe }[];
  readonly now: () => Date;
}

/** The cluster as this agent sees it now. Reading is cheap and never waits. */
export interface ClusterView {
  readonly bootId: string;
  agents(): readonly ClusterEventValue[];
  models(): readonly ModelEventValue[];
  /** By agent id. */
  metrics(): Readonly<Record<string, MetricsEventValue>>;
  /** Calls back after agents or models may have changed; returns how to stop that. */
  onChange(listener: () => void): Unsubscribe;
}

export const createClusterView = (options: ClusterViewOptions): ClusterView => {
  const { status, peers, catalog, now } = options;
  return {
    bootId: options.bootId,
    agents: () => mergeAgents(status(), peers.list(), now().toISOString(), catalog.agreed().drains),
    models: () => mergeModels(catalog.state(), status(), peers.list()),
    metrics: () => mergeMetrics(status(), peers.list(), now().toISOString()),
    onChange: (listener) => {
      const unsubscribes = [
        catalog.onAgreed(listener),
        ...[peers, ...options.own].map((source) => source.onChange(listener)),
      ];
      return () => {
        for (const unsubscribe of unsubscribes) unsubscribe();
      };
    },
  };
};
