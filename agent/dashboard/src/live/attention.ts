import type { ClusterEventValue, MetricsEventValue, ModelEventValue } from '@ollamamax/api';
import { messages } from '../messages.ts';

export type Severity = 'critical' | 'warning' | 'info';

/** Something a person should know about: what, why, since when, what to do. */
export interface AttentionItem {
  /** Stable while the condition lasts. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly cause: string;
  readonly action: string;
  /** Milliseconds since the epoch, when known from the data; otherwise the page notes when it first saw it. */
  readonly since?: number;
}

export interface ClusterFacts {
  readonly agents: readonly ClusterEventValue[];
  readonly models: readonly ModelEventValue[];
  readonly metrics: Readonly<Record<string, MetricsEventValue>>;
}

const lowMemoryRatio = 0.1;
const longQueue = 8;
const manyRestarts = 3;
const rank: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

const agentItems = (agent: ClusterEventValue, metrics: MetricsEventValue | undefined): AttentionItem[] => {
  const text = messages.attention;
  if (agent.phase === 'offline') {
    const lastSeen = Date.parse(agent.lastSeen);
    const known = Number.isFinite(lastSeen);
    return [
      {
        id: `offline:${agent.id}`,
        severity: 'critical',
        ...text.offline(agent.id, known),
        ...(known ? { since: lastSeen } : {}),
      },
    ];
  }
  const items: AttentionItem[] = [];
  if (agent.phase === 'draining')
    items.push({ id: `draining:${agent.id}`, severity: 'info', ...text.draining(agent.id) });
  if (agent.phase === 'starting')
    items.push({
      id: `starting:${agent.id}`,
      severity: 'info',
      ...text.starting(agent.id),
      since: Date.parse(agent.startedAt),
    });
  if (agent.memoryTotalBytes > 0 && agent.memoryAvailableBytes / agent.memoryTotalBytes < lowMemoryRatio)
    items.push({
      id: `memory:${agent.id}`,
      severity: 'warning',
      ...text.memory(agent.id, agent.memoryAvailableBytes, agent.memoryTotalBytes),
    });
  if (metrics !== undefined && metrics.queued >= longQueue)
    items.push({ id: `queue:${agent.id}`, severity: 'warning', ...text.queue(agent.id, metrics.queued) });
  return items;
};

const modelItems = (model: ModelEventValue, offline: ReadonlySet<string>): AttentionItem[] => {
  const text = messages.attention;
  const served = model.replicasReady > 0;
  const severity: Severity = served ? 'warning' : 'critical';
  // A copy on an agent that is offline is that agent's problem, which has its own line.
  const here = model.agents.filter(({ id }) => !offline.has(id));
  const failed = here.filter(({ state }) => state === 'failed');
  const busy = here.filter(({ state }) => state === 'downloading' || state === 'verifying');
  const items: AttentionItem[] = failed.map(({ id, error }) => ({
    id: `failed:${model.name}:${id}`,
    severity,
    ...text.failed(model.name, id, error?.message, served),
  }));
  for (const { id, resident } of here)
    if (resident !== undefined && resident.restarts >= manyRestarts)
      items.push({
        id: `restarts:${model.name}:${id}`,
        severity: 'warning',
        ...text.restarts(model.name, id, resident.restarts),
      });
  const [first] = busy;
  if (first !== undefined) {
    const done = busy.reduce((sum, { completedBytes }) => sum + completedBytes, 0);
    const size = busy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    items.push({
      id: `busy:${model.name}`,
      severity: 'info',
      ...text.busy(model.name, busy.length, done, size, first.state === 'verifying'),
    });
  } else if (model.replicasReady < model.replicasDesired && failed.length === 0) {
    items.push({
      id: `replicas:${model.name}`,
      severity,
      ...text.replicas(model.name, model.replicasReady, model.replicasDesired),
    });
  }
  return items;
};

/** Everything that needs attention, worst first. */
export const attentionItems = ({ agents, models, metrics }: ClusterFacts): readonly AttentionItem[] => {
  const offline = new Set(agents.filter(({ phase }) => phase === 'offline').map(({ id }) => id));
  return [
    ...agents.flatMap((agent) => agentItems(agent, metrics[agent.id])),
    ...models.flatMap((model) => modelItems(model, offline)),
  ].sort((a, b) => rank[a.severity] - rank[b.severity] || a.id.localeCompare(b.id));
};

/** When each condition was first seen: kept from before while it lasts. */
export const firstSeen = (
  before: ReadonlyMap<string, number>,
  items: readonly AttentionItem[],
  now: number,
): ReadonlyMap<string, number> => new Map(items.map(({ id, since }) => [id, since ?? before.get(id) ?? now]));

/** The state of the cluster in one sentence. */
export const healthSentence = ({
  agents,
  models,
}: ClusterFacts): { readonly severity: Severity | 'good'; readonly text: string } => {
  const ready = agents.filter(({ phase }) => phase === 'ready').length;
  const served = models.filter(({ replicasReady }) => replicasReady > 0).length;
  const full = models.filter(({ replicasReady, replicasDesired }) => replicasReady >= replicasDesired).length;
  const text = messages.health.sentence(
    { ready, total: agents.length },
    { served, full, total: models.length },
  );
  if (agents.length === 0 || ready === 0 || served < models.length) return { severity: 'critical', text };
  if (ready < agents.length || full < models.length) return { severity: 'warning', text };
  return { severity: 'good', text };
};
