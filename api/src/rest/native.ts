import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { AgentDevices, ModelDetails, ModelState, ResidentModel } from '../wire/agent-status.ts';
import { UserName } from '../users.ts';
import { maxReasonCharacters } from '../wire/catalog-command.ts';
import { agentIdPattern, ClusterSettings } from '../wire/desired-state.ts';

const closed = { additionalProperties: false } as const;

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
  storageTotalBytes: Type.Optional(Type.Integer({ description: 'Of the file system with the model files.' })),
  devices: Type.Optional(AgentDevices),
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
  adapters: Type.Optional(
    Type.Array(Type.String(), {
      description: 'SHA-256 of the LoRA adapters that it is served with; left out when there are none.',
    }),
  ),
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

const checksum = (of: string) =>
  Type.String({ pattern: '^sha256:[0-9a-f]{64}$', description: `SHA-256 of ${of}.` });

/** How the file of a model is stored and moved. */
export const ModelStorage = Type.Object({
  model_id: Type.String(),
  format: Type.Literal('gguf'),
  size: Type.Integer({ description: 'Bytes of the file.' }),
  checksum: checksum('the whole file'),
  chunker: oneOf(['gguf-1', 'fixed-1'], {
    description: 'How the file is cut: at its tensors, or every 8 MiB where it has none that can be read.',
  }),
  chunks: Type.Array(
    Type.Object({
      id: Type.String({ description: '`chunk_001` and so on.' }),
      size: Type.Integer({ minimum: 1, maximum: 8 * 1024 * 1024, description: 'Bytes.' }),
      checksum: checksum('its bytes'),
    }),
    { description: 'In the order of the file, without gaps.' },
  ),
  metadata: Type.Object({
    family: Type.String(),
    parameter_size: Type.String(),
    quantization: Type.String(),
  }),
});
export type ModelStorage = Static<typeof ModelStorage>;

export const ModelList = Type.Object({ models: Type.Array(Model) });

const ClusterNode = Type.Object({
  status: oneOf(['online', 'starting', 'draining', 'offline']),
  last_seen: Type.String({ description: 'ISO time of its last answer; empty when it never answered.' }),
  capabilities: Type.Array(oneOf(['inference', 'storage'])),
  resources: Type.Object({
    cpu_cores: Type.Integer(),
    memory_gb: Type.Number({ description: 'In units of 1024³ bytes.' }),
    storage_gb: Type.Number({
      description: 'Of the file system with the models, in units of 1024³ bytes; 0 when not known.',
    }),
  }),
  version: Type.String(),
  api_url: Type.String(),
  catalog_revision: Type.Integer({ description: 'Revision of the desired state that it has.' }),
  drained: Type.Optional(Type.Object({ since: Type.String(), reason: Type.String() })),
});

const ConsensusView = Type.Object({
  leader: Type.Union([Type.String(), Type.Null()], { description: 'Agent that leads; null when none does.' }),
  term: Type.Integer(),
  log_index: Type.Integer({ description: 'Newest entry that this agent knows to be agreed.' }),
  voters: Type.Array(Type.String()),
  learners: Type.Array(Type.String()),
});

export const ClusterStatus = Type.Object({
  cluster_id: Type.Union([Type.String(), Type.Null()], {
    description: 'Drawn when the group of agents began; null while this agent belongs to none.',
  }),
  cluster: Type.String({ description: 'Its name.' }),
  answered_by: Type.String(),
  status: oneOf(['healthy', 'degraded'], {
    description:
      'healthy: every agent is online, every model has its copies, and somebody leads. As this agent sees it: nobody is asked.',
  }),
  nodes: Type.Record(Type.String(), ClusterNode, { description: 'By id.' }),
  consensus: ConsensusView,
  models: Type.Object({ desired: Type.Integer(), ready: Type.Integer() }),
  catalog: Type.Object({ revision: Type.Integer(), settings: ClusterSettings }),
});
export type ClusterStatus = Static<typeof ClusterStatus>;

export const LeaderResponse = Type.Object({
  leader: Type.String({ description: 'Agent that leads.' }),
  api_url: Type.String({ description: 'URL of its API; empty while this agent has not heard of it.' }),
  term: Type.Integer(),
});

export const JoinBody = Type.Object(
  {
    address: Type.Optional(
      Type.String({
        pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$',
        description:
          'Internal address (port 9443) of a member; otherwise the peers that are known are asked.',
      }),
    ),
  },
  closed,
);
export type JoinBody = Static<typeof JoinBody>;

export const AgentBody = Type.Object(
  { agent: Type.String({ pattern: agentIdPattern, description: 'Id of an agent.' }) },
  closed,
);
export type AgentBody = Static<typeof AgentBody>;

export const LeaveBody = Type.Object(
  {
    agent: Type.Optional(
      Type.String({
        pattern: agentIdPattern,
        description: 'Member that is to leave, alive or not; otherwise the agent that is asked.',
      }),
    ),
  },
  closed,
);
export type LeaveBody = Static<typeof LeaveBody>;

export const DrainBody = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: maxReasonCharacters, description: 'Why, for people.' })) },
  closed,
);
export type DrainBody = Static<typeof DrainBody>;

export const SnapshotResponse = Type.Object({
  index: Type.Integer({ description: 'Entry up to which the log of this agent is now in a snapshot.' }),
});

export const RestoreResponse = Type.Object({
  revision: Type.Integer({ description: 'Of the desired state after it.' }),
  drains: Type.Integer(),
  users: Type.Integer(),
});

export const KnownUser = Type.Object({
  name: UserName,
  role: Role,
  disabled: Type.Boolean(),
  from: oneOf(['file', 'cluster'], {
    description:
      "file: of this agent's own auth.usersFile, which counts first. cluster: agreed on by all agents.",
  }),
});
export type KnownUser = Static<typeof KnownUser>;

export const UserList = Type.Object({ users: Type.Array(KnownUser) });

export const UserBody = Type.Object(
  {
    name: UserName,
    role: Type.Optional(Role),
    password: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'Needed for a new user.' }),
    ),
    disabled: Type.Optional(Type.Boolean({ description: 'The user may not log in.' })),
  },
  closed,
);
export type UserBody = Static<typeof UserBody>;

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
