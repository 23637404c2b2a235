import type { AgentStatus, ConsensusMember, ConsensusStatus } from '@ollamamax/api';
import type { AgentReport } from '../agents/report.ts';

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
  /** Otherwise as the problem says. */
  readonly fresh?: boolean;
}

/** What is known of an agent; without fields all is well. */
export const reportOf = (name: string, fields: ReportFields = {}): AgentReport => ({
  name,
  status: 'status' in fields && fields.status === undefined ? undefined : agentStatusOf(name, fields.status),
  problem: fields.problem,
  silentMs: fields.silentMs ?? 0,
  fresh: fields.fresh ?? fields.problem?.kind !== 'unreachable',
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

/** What an agent says that belongs to no group. */
export const noMember: ConsensusStatus = { state: 'none', voters: [], learners: [] };

export interface GroupFields {
  readonly clusterId?: string;
  readonly leader?: string | undefined;
  readonly voters?: readonly string[];
  readonly learners?: readonly string[];
  /** Members that the leader does not hear. */
  readonly dead?: readonly string[];
  /** Members that are far behind. */
  readonly behind?: readonly string[];
  readonly term?: number;
  readonly more?: Partial<ConsensusStatus>;
}

/** What a member of a group says; without fields one of three voters, of whom the first leads. */
export const memberOf = (name: string, fields: GroupFields = {}): ConsensusStatus => {
  const { clusterId = 'group-1', voters = ['demo-0', 'demo-1', 'demo-2'], learners = [] } = fields;
  const leader = 'leader' in fields ? fields.leader : 'demo-0';
  const member = (agent: string, index: number, voting: boolean): ConsensusMember => ({
    agent,
    memberId: index + 1,
    address: `${agent}.demo-agents:7000`,
    voting,
    alive: fields.dead?.includes(agent) !== true,
    matchIndex: fields.behind?.includes(agent) === true ? 1000 : 5000,
  });
  return {
    state: 'member',
    clusterId,
    role: leader === name ? 'leader' : learners.includes(name) ? 'learner' : 'follower',
    ...(leader === undefined ? {} : { leader }),
    term: fields.term ?? 3,
    lastIndex: 5000,
    voters: [...voters],
    learners: [...learners],
    ...(leader === name
      ? {
          members: [
            ...voters.map((agent, index) => member(agent, index, true)),
            ...learners.map((agent, index) => member(agent, voters.length + index, false)),
          ],
        }
      : {}),
    ...fields.more,
  };
};

/** Reports of agents that say this of their part in a group. */
export const reportsOf = (
  said: Readonly<Record<string, ConsensusStatus | undefined>>,
): ReadonlyMap<string, AgentReport> =>
  byName(
    ...Object.entries(said).map(([name, consensus]) =>
      consensus === undefined ? silent(name, 60_000) : reportOf(name, { status: { consensus } }),
    ),
  );

/** Reports of a whole group; `silent` ones do not answer. */
export const groupReports = (
  fields: GroupFields & { readonly silent?: readonly string[] } = {},
): ReadonlyMap<string, AgentReport> => {
  const { voters = ['demo-0', 'demo-1', 'demo-2'], learners = [] } = fields;
  return reportsOf(
    Object.fromEntries(
      [...voters, ...learners].map((name) => [
        name,
        fields.silent?.includes(name) === true ? undefined : memberOf(name, fields),
      ]),
    ),
  );
};
