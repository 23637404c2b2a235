import { Type, type Static } from 'typebox';
import type { Immutable } from './immutable.ts';
import { oneOf } from './one-of.ts';
import { Model, Node } from './rest/native.ts';

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

/** Place in a topic's history. */
export const EventPosition = Type.Object(
  {
    epoch: Type.String({ description: "Names the agent's boot and the topic." }),
    seq: Type.Integer({ description: 'Rises by one per event of the topic.' }),
  },
  { description: "Place in a topic's history." },
);
export type EventPosition = Immutable<Static<typeof EventPosition>>;

const subscriptionId = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'Chosen by the client, unique in its connection; on every frame of this subscription.',
});
const seq = Type.Integer({ description: 'Position the subscriber has reached with this frame.' });

/** Frames of the client, by their `type`. */
export const clientFrames = {
  hello: Type.Object(
    {
      type: Type.Literal('hello'),
      client: Type.Optional(Type.String({ description: 'Name and version of the program, for logs.' })),
    },
    { description: 'The first frame, sent once.' },
  ),
  subscribe: Type.Object(
    {
      type: Type.Literal('subscribe'),
      id: subscriptionId,
      topic: oneOf(eventTopics, { description: 'What to hear of.' }),
      from: Type.Optional(EventPosition),
    },
    {
      description:
        'Starts a subscription: answered by resumed and what was missed when `from` is still known, else by a snapshot.',
    },
  ),
  unsubscribe: Type.Object(
    { type: Type.Literal('unsubscribe'), id: subscriptionId },
    { description: 'Ends a subscription; there is no answer.' },
  ),
  ping: Type.Object({ type: Type.Literal('ping') }, { description: 'Answered by pong.' }),
} as const;

export type ClientFrame = {
  [Name in keyof typeof clientFrames]: Immutable<Static<(typeof clientFrames)[Name]>>;
}[keyof typeof clientFrames];

/** State topics are keyed maps: `put` replaces the value of a key, `delete` removes it. */
export const EventOp = Type.Union([
  Type.Object({ op: Type.Literal('put'), key: Type.String(), value: Type.Unknown() }),
  Type.Object({ op: Type.Literal('delete'), key: Type.String() }),
]);
export type EventOp = Immutable<Static<typeof EventOp>>;

/** Frames of the agent, by their `type`. */
export const serverFrames = {
  welcome: Type.Object(
    {
      type: Type.Literal('welcome'),
      sessionId: Type.String({ description: 'Names this connection in logs.' }),
      agent: Type.String({ description: 'Id of the agent.' }),
      version: Type.String({ description: 'Version of the agent.' }),
      heartbeatMs: Type.Integer({ description: 'Milliseconds between two bookmarks.' }),
      user: Type.Optional(Type.Object({ name: Type.String(), role: Type.String() })),
    },
    { description: 'Answers hello.' },
  ),
  snapshot: Type.Object(
    {
      type: Type.Literal('snapshot'),
      id: subscriptionId,
      epoch: Type.String({ description: 'Send it back in `from` to resume.' }),
      seq,
      part: Type.Integer({ description: 'Number of this part, from 0.' }),
      last: Type.Boolean({ description: 'Whether this is the last part; only then is the map whole.' }),
      data: Type.Record(Type.String(), Type.Unknown(), { description: 'Values by key.' }),
    },
    { description: 'The whole topic, in parts; what was known before is to be dropped.' },
  ),
  delta: Type.Object(
    {
      type: Type.Literal('delta'),
      id: subscriptionId,
      seq,
      ops: Type.Array(EventOp, { description: 'Changes, in order.' }),
    },
    { description: 'What changed.' },
  ),
  resumed: Type.Object(
    { type: Type.Literal('resumed'), id: subscriptionId, seq },
    { description: 'The position in `from` is still known: what was missed follows as deltas.' },
  ),
  lagged: Type.Object(
    {
      type: Type.Literal('lagged'),
      id: subscriptionId,
      coalesced: Type.Integer({ description: 'Events that the next delta stands for.' }),
    },
    { description: 'The reader was slow: the next delta holds the latest value of every key that changed.' },
  ),
  bookmark: Type.Object(
    {
      type: Type.Literal('bookmark'),
      id: subscriptionId,
      seq,
      at: Type.String({ description: 'Time of the agent, ISO 8601.' }),
    },
    { description: 'Sent once per heartbeat: says that nothing was missed, and keeps the position fresh.' },
  ),
  pong: Type.Object({ type: Type.Literal('pong') }, { description: 'Answers ping.' }),
  error: Type.Object(
    {
      type: Type.Literal('error'),
      id: Type.Optional(subscriptionId),
      code: Type.String({ description: 'Stable code of the error catalogue.' }),
      message: Type.String(),
      retryable: Type.Boolean(),
    },
    { description: 'A frame was refused; the connection stays open.' },
  ),
  goaway: Type.Object(
    {
      type: Type.Literal('goaway'),
      afterMs: Type.Integer({ description: 'Milliseconds until the agent closes the connection.' }),
      alternatives: Type.Array(Type.String(), { description: 'URLs of other agents.' }),
    },
    { description: 'The agent is shutting down: connect to another one.' },
  ),
} as const;

export type ServerFrame = {
  [Name in keyof typeof serverFrames]: Immutable<Static<(typeof serverFrames)[Name]>>;
}[keyof typeof serverFrames];

/** Topic `metrics`: key = agent id; values of the last second. */
export const MetricsEventValue = Type.Object({
  at: Type.String({ description: 'Time of the sample, ISO 8601.' }),
  inFlight: Type.Integer({
    description: 'Requests the runners of the agent work on or hold in their queues.',
  }),
  queued: Type.Integer({ description: 'Those of them that wait for a slot.' }),
  openStreams: Type.Integer({ description: 'Streams the agent is the entry of.' }),
  requestsPerSecond: Type.Number(),
  tokensPerSecond: Type.Number(),
  requestsTotal: Type.Integer({ description: 'Since the agent started, as the other totals.' }),
  errorsTotal: Type.Integer(),
  tokensTotal: Type.Integer(),
});
export type MetricsEventValue = Immutable<Static<typeof MetricsEventValue>>;

/** Topic `cluster`: key = agent id. */
export type ClusterEventValue = Immutable<Static<typeof Node>>;

/** Topic `models`: key = canonical model name. */
export type ModelEventValue = Immutable<Static<typeof Model>>;

/** Schema of the values of each topic. */
export const eventValues = { cluster: Node, models: Model, metrics: MetricsEventValue } as const;
