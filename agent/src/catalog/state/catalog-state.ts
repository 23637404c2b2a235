import type { DesiredState, ErrorCode, ModelSource, ModelSpec, OwnModel, UserRecord } from '@ollamamax/api';

/** Commands and state of this number and below are understood; the cluster raises its own once all agents do. */
export const featureLevel = 5;

/** With it the catalogue has models of people, beside those of the desired state. */
export const ownModelsLevel = 2;

/** With it models have adapters and projectors: an older version does not read a desired state that names them. */
export const adaptersLevel = 3;

/** With it models have a keep-alive of their own. */
export const keepAliveLevel = 4;

/** With it models have draft models. */
export const draftLevel = 5;

const levelOfModel = ({ adapters, projector, keepAliveSeconds, draft }: ModelSpec): number => {
  if (draft !== undefined) return draftLevel;
  if (keepAliveSeconds !== undefined) return keepAliveLevel;
  return adapters !== undefined || projector !== undefined ? adaptersLevel : 1;
};

/** The feature level that all members must know before they are told of a desired state. */
export const levelOfDesired = ({ models }: Pick<DesiredState, 'models'>): number =>
  models.reduce((level, model) => Math.max(level, levelOfModel(model)), 1);

/** One member of the group: one life of one agent's disk. */
export interface CatalogMember {
  /** Raft's number for it; never given out twice. */
  readonly id: number;
  /** The agent's own id, as in its certificate. */
  readonly agent: string;
  /** Drawn when its disk was set up: another one is another member. */
  readonly incarnation: string;
  /** host:port of its Raft transport. */
  readonly address: string;
}

/** Bytes that a model was asked for to be, from one revision on. */
export interface ModelVersion {
  readonly revision: number;
  readonly source: ModelSource;
  readonly sha256?: string;
}

export interface DrainMark {
  /** Milliseconds since 1970, by the clock of who asked. */
  readonly since: number;
  readonly reason: string;
}

/** Of one client: what makes its next try of the same command harmless. */
export interface Session {
  readonly sequence: number;
  /** Answer to that command. */
  readonly answer: Answer;
  /** Log index of that command: the sessions that rest longest go first. */
  readonly usedAt: number;
}

/** Everything the agents agree on. Never changed in place: whoever holds one may keep it. */
export interface CatalogState {
  readonly featureLevel: number;
  readonly members: Readonly<Record<string, CatalogMember>>;
  /** Members that were taken out and may still be in the configuration: until they are not, they must be reached. */
  readonly leaving: Readonly<Record<string, CatalogMember>>;
  readonly nextMemberId: number;
  /** Revision 0 before anything was asked for. */
  readonly desired: DesiredState;
  /** Whether it came from an agent's own configuration or was pushed: a configuration never replaces what was pushed. */
  readonly desiredOrigin: 'configuration' | 'pushed';
  /** By canonical name, oldest first: from where each model came. Its bytes only: texts would make it large. */
  readonly versions: Readonly<Record<string, readonly ModelVersion[]>>;
  /** Managed through Ollama's API; by canonical name. One that is declared as well is hidden by that. */
  readonly ownModels: Readonly<Record<string, OwnModel>>;
  readonly drains: Readonly<Record<string, DrainMark>>;
  readonly users: Readonly<Record<string, UserRecord>>;
  readonly sessions: Readonly<Record<string, Session>>;
}

/** What whoever sent a command is told; plain data, since it is part of the state. */
export type Answer =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** Parts that are watched by themselves. */
export type CatalogPart = 'members' | 'desired' | 'ownModels' | 'drains' | 'users' | 'featureLevel';

export const emptyCatalog: CatalogState = {
  // Every group begins with it, whatever version its first member has: all must come to the same state.
  featureLevel: 1,
  members: {},
  leaving: {},
  nextMemberId: 1,
  desired: { revision: 0, models: [], settings: {} },
  desiredOrigin: 'configuration',
  versions: {},
  ownModels: {},
  drains: {},
  users: {},
  sessions: {},
};

export const catalogLimits = {
  /** Versions of one model that are remembered. */
  versions: 8,
  sessions: 1024,
  members: 1024,
  users: 10_000,
  ownModels: 2000,
} as const;
