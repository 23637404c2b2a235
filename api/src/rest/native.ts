import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { ModelDetails, ModelState, ResidentModel } from '../wire/agent-status.ts';
import { ClusterSettings } from '../wire/desired-state.ts';

export const LoginBody = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 256 }),
    password: Type.String({ minLength: 1, maxLength: 1024 }),
  },
  { additionalProperties: false },
);
export type LoginBody = Static<typeof LoginBody>;

const Role = oneOf(['admin', 'user', 'readonly']);
export const SessionUser = Type.Object({ name: Type.String(), role: Role });

export const LoginResponse = Type.Object({
  token: Type.String({ description: 'Send as Authorization: Bearer.' }),
  expiresAt: Type.String(),
  user: SessionUser,
});

export const SessionResponse = Type.Object({
  auth: Type.Boolean({ description: 'Whether this agent demands a token.' }),
  user: Type.Optional(SessionUser),
});

export const TicketResponse = Type.Object({
  ticket: Type.String({ description: 'Opens one WebSocket: /ws?ticket=…' }),
  expiresAt: Type.String(),
});

export const HealthResponse = Type.Object({
  status: oneOf(['pass', 'warn', 'fail']),
  agent: Type.String(),
  version: Type.String(),
  checks: Type.Record(
    Type.String(),
    Type.Object({
      status: oneOf(['pass', 'warn', 'fail']),
      output: Type.Optional(Type.String()),
    }),
  ),
});

export const VersionResponse = Type.Object({
  version: Type.String(),
  ollamaApiVersion: Type.String(),
  node: Type.String(),
});

const NodePhase = oneOf(['starting', 'ready', 'draining', 'offline'], {
  description: 'offline: the others have not heard of it for three polls.',
});

export const Node = Type.Object({
  id: Type.String(),
  phase: NodePhase,
  version: Type.String(),
  apiUrl: Type.String(),
  dashboardUrl: Type.Optional(Type.String()),
  startedAt: Type.String(),
  lastSeen: Type.String(),
  cpuCores: Type.Integer(),
  memoryTotalBytes: Type.Integer(),
  memoryAvailableBytes: Type.Integer(),
  residentBytes: Type.Integer(),
  catalogRevision: Type.Integer(),
});

export const NodeList = Type.Object({ nodes: Type.Array(Node) });

export const Model = Type.Object({
  name: Type.String(),
  digest: Type.Optional(Type.String()),
  sizeBytes: Type.Integer(),
  modifiedAt: Type.Optional(
    Type.String({ description: 'When the file became ready on the first agent that has it.' }),
  ),
  replicasDesired: Type.Integer(),
  replicasReady: Type.Integer(),
  details: Type.Optional(ModelDetails),
  agents: Type.Array(
    Type.Object({
      id: Type.String(),
      state: ModelState,
      completedBytes: Type.Integer(),
      sizeBytes: Type.Integer(),
      error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
      resident: Type.Optional(ResidentModel),
    }),
  ),
});

export const ModelList = Type.Object({ models: Type.Array(Model) });

export const ClusterStatus = Type.Object({
  cluster: Type.String(),
  answeredBy: Type.String(),
  status: oneOf(['healthy', 'degraded']),
  nodes: Type.Array(Node),
  models: Type.Object({ desired: Type.Integer(), ready: Type.Integer() }),
  catalog: Type.Object({
    revision: Type.Integer(),
    settings: ClusterSettings,
    /** How agents agree today. */
    consensus: Type.Literal('none', {
      description: 'Agents take the newest pushed state over; Raft comes in a later version.',
    }),
  }),
});

/** RFC 9457 problem details. */
export const ProblemDetails = Type.Object({
  type: Type.String({ description: 'Link to the documentation of the code.' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  code: Type.String(),
  action: Type.String(),
  retryable: Type.Boolean(),
  requestId: Type.String(),
  param: Type.Optional(Type.String()),
});
