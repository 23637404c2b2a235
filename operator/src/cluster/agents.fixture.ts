import type { AgentStatus } from '@ollamamax/api';
import type { AgentReport } from '../agents/observer.ts';

type Reported = AgentStatus['models'][number];

export const reportedModel = (name: string, fields: Partial<Reported> = {}): Reported => ({
  name,
  state: 'ready',
  sizeBytes: 1000,
  completedBytes: 1000,
  ...fields,
});

/** What an agent says that is well. */
export const agentStatusOf = (id: string, fields: Partial<AgentStatus> = {}): AgentStatus => ({
  id,
  cluster: 'demo',
  version: '0.1.0',
  bootId: 'boot-1',
  startedAt: '2026-01-01T00:00:00.000Z',
  phase: 'ready',
  apiUrl: `http://${id}.demo-agents.team.svc:8080`,
  catalogRevision: 2,
  load: {
    inFlight: 0,
    queued: 0,
    openStreams: 0,
    requestsPerSecond: 0,
    tokensPerSecond: 0,
    requestsTotal: 0,
    errorsTotal: 0,
    tokensTotal: 0,
  },
  resources: { cpuCores: 1, memoryTotalBytes: 1, memoryAvailableBytes: 1, residentBytes: 0 },
  models: [],
  ...fields,
});

export interface ReportFields {
  readonly status?: Partial<AgentStatus> | undefined;
  readonly problem?: AgentReport['problem'];
  readonly silentMs?: number;
}

/** What is known of an agent; without fields all is well. */
export const reportOf = (name: string, fields: ReportFields = {}): AgentReport => ({
  name,
  status: 'status' in fields && fields.status === undefined ? undefined : agentStatusOf(name, fields.status),
  problem: fields.problem,
  silentMs: fields.silentMs ?? 0,
});

/** One that does not answer. */
export const silent = (name: string, silentMs: number, fields: ReportFields = {}): AgentReport =>
  reportOf(name, {
    ...fields,
    silentMs,
    problem: { kind: 'unreachable', message: `${name} does not answer.` },
  });

export const byName = (...reports: readonly AgentReport[]): ReadonlyMap<string, AgentReport> =>
  new Map(reports.map((report) => [report.name, report]));
