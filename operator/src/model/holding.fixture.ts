import type { AgentStatus } from '@ollamamax/api';
import type { AgentReport } from '../agents/report.ts';
import { reportedModel, reportOf, silent } from '../cluster/agents.fixture.ts';

/* What agents of the cluster `demo` say of the model `m`. */

type Reported = AgentStatus['models'][number];
type State = Reported['state'];

export const holding = (ordinal: number, state: State, fields: Partial<Reported> = {}): AgentReport =>
  reportOf(`demo-${ordinal}`, { status: { models: [reportedModel('m:latest', { state, ...fields })] } });

export const failing = (ordinal: number, code: string, message = 'it went wrong'): AgentReport =>
  holding(ordinal, 'failed', { error: { code, message }, completedBytes: 0 });

export const mute = (ordinal: number, state: State, silentMs = 30_001): AgentReport =>
  silent(`demo-${ordinal}`, silentMs, { status: { models: [reportedModel('m:latest', { state })] } });
