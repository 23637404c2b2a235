import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { ConsensusStatus } from './consensus.ts';

export const ModelState = oneOf(['pending', 'downloading', 'verifying', 'ready', 'failed']);
export type ModelState = Static<typeof ModelState>;

/** Facts read from the model file. Field values are those Ollama shows. */
export const ModelDetails = Type.Object({
  format: Type.String(),
  family: Type.String(),
  parameterCount: Type.Integer(),
  parameterSize: Type.String(),
  quantization: Type.String(),
  contextLength: Type.Integer(),
  embeddingLength: Type.Integer(),
  /** completion, tools, embedding, insert, … */
  capabilities: Type.Array(Type.String()),
});
export type ModelDetails = Static<typeof ModelDetails>;

/** A model that is in memory on one agent. */
export const ResidentModel = Type.Object({
  contextSize: Type.Integer(),
  slots: Type.Integer(),
  busySlots: Type.Integer(),
  queued: Type.Integer(),
  memoryBytes: Type.Integer(),
  loadedAt: Type.String(),
  /** ISO time at which it is unloaded if nobody asks, at the earliest while busy; absent when kept for ever. */
  expiresAt: Type.Optional(Type.String()),
  restarts: Type.Integer(),
  placement: Type.Optional(
    Type.String({ description: 'On which devices it computes, and why; agents before it do not say.' }),
  ),
  loadedShare: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'While it is loading: how much of it has been loaded.',
    }),
  ),
  /** `loading` until the runner has answered that it is ready. */
  state: oneOf(['loading', 'ready', 'unloading']),
});
export type ResidentModel = Static<typeof ResidentModel>;

export const ModelStatus = Type.Object({
  name: Type.String(),
  state: ModelState,
  /** Lower-case hex SHA-256 of the file, once known. */
  digest: Type.Optional(Type.String()),
  sizeBytes: Type.Integer(),
  completedBytes: Type.Integer(),
  modifiedAt: Type.Optional(Type.String()),
  details: Type.Optional(ModelDetails),
  /** Lower-case hex SHA-256 of the adapters it is served with, once it is ready; left out when there are none. */
  adapters: Type.Optional(Type.Array(Type.String())),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  resident: Type.Optional(ResidentModel),
});
export type ModelStatus = Static<typeof ModelStatus>;

export const AgentPhase = oneOf(['starting', 'ready', 'draining']);
export type AgentPhase = Static<typeof AgentPhase>;

/** A GPU, or a part of one, that an agent can compute on. */
export const AgentDevice = Type.Object({
  backend: oneOf(['cuda', 'metal', 'vulkan']),
  id: Type.String({ description: 'UUID of an NVIDIA GPU or MIG device, else its number.' }),
  name: Type.String(),
  totalBytes: Type.Integer(),
  freeBytes: Type.Integer(),
  isUnified: Type.Boolean({ description: 'Its memory is that of the machine.' }),
});

/** The devices of an agent, and what is to be said of those that are not there. */
export const AgentDevices = Type.Object({
  found: Type.Array(AgentDevice),
  notes: Type.Array(Type.String(), { description: 'Sentences: what was not found or is not used, and why.' }),
});
export type AgentDevices = Static<typeof AgentDevices>;

/** What an agent says of itself on the internal wire, polled by its peers about once a second. */
export const AgentStatus = Type.Object({
  id: Type.String(),
  cluster: Type.String(),
  version: Type.String(),
  /** New with every process start. */
  bootId: Type.String(),
  startedAt: Type.String(),
  phase: AgentPhase,
  apiUrl: Type.String(),
  dashboardUrl: Type.Optional(Type.String()),
  catalogRevision: Type.Integer(),
  catalogHash: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{64}$',
      description:
        'SHA-256 of models and settings of the desired state it has (canonicalDesiredState); agents before it do not say.',
    }),
  ),
  featureLevel: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Commands up to this feature level are understood; agents before it do not say, and know 1.',
    }),
  ),
  /** Agents before it do not say. */
  consensus: Type.Optional(ConsensusStatus),
  load: Type.Object({
    /** Requests this agent's runners work on or hold in their queues. */
    inFlight: Type.Integer(),
    queued: Type.Integer(),
    /** Streams this agent is the entry of. */
    openStreams: Type.Integer(),
    requestsPerSecond: Type.Number(),
    tokensPerSecond: Type.Number(),
    requestsTotal: Type.Integer(),
    errorsTotal: Type.Integer(),
    tokensTotal: Type.Integer(),
  }),
  resources: Type.Object({
    cpuCores: Type.Integer(),
    memoryTotalBytes: Type.Integer(),
    memoryAvailableBytes: Type.Integer(),
    residentBytes: Type.Integer(),
    /** Of the file system with the model files; agents before it do not say. */
    storageTotalBytes: Type.Optional(Type.Integer()),
    /** Agents before it do not say. */
    devices: Type.Optional(AgentDevices),
  }),
  models: Type.Array(ModelStatus),
});
export type AgentStatus = Static<typeof AgentStatus>;

/** Everything `/api/show` needs that only an agent with the file can tell. */
export const ModelShow = Type.Object({
  name: Type.String(),
  digest: Type.String(),
  modifiedAt: Type.String(),
  details: ModelDetails,
  template: Type.String(),
  system: Type.String(),
  license: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  /** What is applied to it, with its strength; left out when there is nothing. */
  adapters: Type.Optional(Type.Array(Type.Object({ digest: Type.String(), scale: Type.Number() }))),
  /** Of its own: seconds it stays loaded while idle, -1 for ever; left out when that is up to the cluster. */
  keepAliveSeconds: Type.Optional(Type.Integer()),
  /** Turns that every chat with it begins with; left out when there are none. */
  messages: Type.Optional(Type.Array(Type.Object({ role: Type.String(), content: Type.String() }))),
  /** GGUF metadata; long arrays (tokens, merges) are null unless asked for. */
  modelInfo: Type.Record(Type.String(), Type.Unknown()),
  tensors: Type.Array(
    Type.Object({ name: Type.String(), type: Type.String(), shape: Type.Array(Type.Integer()) }),
  ),
});
export type ModelShow = Static<typeof ModelShow>;

/** Which chunks the file of a model consists of, which only an agent with the file can tell. */
export const ModelChunks = Type.Object({
  name: Type.String(),
  digest: Type.String(),
  sizeBytes: Type.Integer(),
  details: ModelDetails,
  /** How the file was cut: `gguf-1` at its tensors, `fixed-1` every 8 MiB. */
  chunker: oneOf(['gguf-1', 'fixed-1']),
  /** In the order of the file, without gaps; SHA-256 in lower-case hex. */
  chunks: Type.Array(Type.Object({ length: Type.Integer(), sha256: Type.String() })),
});
export type ModelChunks = Static<typeof ModelChunks>;
