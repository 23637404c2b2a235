import type { AgentPhase, ModelDetails, ModelState, ResidentModel } from './wire/agent-status.ts';

/** Live events over WebSocket: subprotocol name, one JSON object per text frame. */
export const eventsSubprotocol = 'ollamamax.v1';

export const eventTopics = ['cluster', 'models', 'metrics'] as const;
export type EventTopic = (typeof eventTopics)[number];

/** Bounds both sides may rely on. Times in milliseconds, sizes in bytes. */
export const eventLimits = {
  heartbeatMs: 5_000,
  helloMs: 5_000,
  maxFrameBytes: 64 * 1024,
  snapshotPartBytes: 256 * 1024,
  maxSubscriptions: 64,
  maxConnectionsPerUser: 20,
  replayEvents: 4096,
  replayMs: 60_000,
  coalesceBytes: 256 * 1024,
  closeBytes: 1024 * 1024,
  closeAfterMs: 10_000,
} as const;

export const eventCloseCodes = {
  malformed: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  helloTimeout: 4408,
  tooBig: 4413,
  tooMany: 4429,
  slowReader: 4440,
  sessionRevoked: 4441,
  draining: 4450,
  restarting: 4499,
} as const;

/** Place in a topic's history: `epoch` names the agent's boot and topic, `seq` rises by one per event in it. */
export interface EventPosition {
  readonly epoch: string;
  readonly seq: number;
}

export type ClientFrame =
  | { readonly type: 'hello'; readonly client?: string }
  | {
      readonly type: 'subscribe';
      readonly id: string;
      readonly topic: EventTopic;
      readonly from?: EventPosition;
    }
  | { readonly type: 'unsubscribe'; readonly id: string }
  | { readonly type: 'ping' };

/** State topics are keyed maps: `put` replaces the value of a key, `delete` removes it. */
export type EventOp =
  | { readonly op: 'put'; readonly key: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly key: string };

export type ServerFrame =
  | {
      readonly type: 'welcome';
      readonly sessionId: string;
      readonly agent: string;
      readonly version: string;
      readonly heartbeatMs: number;
      readonly user?: { readonly name: string; readonly role: string };
    }
  | {
      readonly type: 'snapshot';
      readonly id: string;
      readonly epoch: string;
      readonly seq: number;
      readonly part: number;
      readonly last: boolean;
      readonly data: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'delta'; readonly id: string; readonly seq: number; readonly ops: readonly EventOp[] }
  | { readonly type: 'resumed'; readonly id: string; readonly seq: number }
  | { readonly type: 'lagged'; readonly id: string; readonly coalesced: number }
  | { readonly type: 'bookmark'; readonly id: string; readonly seq: number; readonly at: string }
  | { readonly type: 'pong' }
  | {
      readonly type: 'error';
      readonly id?: string;
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
    }
  | { readonly type: 'goaway'; readonly afterMs: number; readonly alternatives: readonly string[] };

/** Topic `cluster`: key = agent id. */
export interface ClusterEventValue {
  readonly id: string;
  /** `offline` when its peers have not heard of it for three polls. */
  readonly phase: AgentPhase | 'offline';
  readonly version: string;
  readonly apiUrl: string;
  readonly dashboardUrl?: string;
  readonly startedAt: string;
  readonly lastSeen: string;
  readonly cpuCores: number;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  readonly residentBytes: number;
  readonly catalogRevision: number;
}

/** Topic `models`: key = canonical model name. */
export interface ModelEventValue {
  readonly name: string;
  readonly digest?: string;
  readonly sizeBytes: number;
  /** When the file became ready on the first agent that has it. */
  readonly modifiedAt?: string;
  readonly replicasDesired: number;
  readonly replicasReady: number;
  readonly details?: ModelDetails;
  readonly agents: readonly {
    readonly id: string;
    readonly state: ModelState;
    readonly completedBytes: number;
    readonly sizeBytes: number;
    readonly error?: { readonly code: string; readonly message: string };
    readonly resident?: ResidentModel;
  }[];
}

/** Topic `metrics`: key = agent id; values of the last second. */
export interface MetricsEventValue {
  readonly at: string;
  readonly inFlight: number;
  readonly queued: number;
  readonly openStreams: number;
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  readonly requestsTotal: number;
  readonly errorsTotal: number;
  readonly tokensTotal: number;
}
