import type { TSchema } from 'typebox';
import {
  clientFrames,
  eventCloseCodes,
  eventLimits,
  eventsSubprotocol,
  eventTopics,
  eventValues,
  serverFrames,
  type EventTopic,
} from '../events.ts';
import { fieldTable } from './field-table.ts';
import { code, fence, page, table } from './markdown.ts';
import { toJsonSchema } from '../openapi/schema-text.ts';

const intro = `Live events come over a WebSocket at \`/ws\` of the API and of the dashboard port, subprotocol
\`${eventsSubprotocol}\`, one JSON object per text frame. The dashboard uses nothing else.

With authentication on, send the token as \`Authorization: Bearer\`, or fetch a single-use ticket with
\`POST /api/v1/events/ticket\` and open \`/ws?ticket=…\`. An upgrade that is refused is accepted and closed with a code
that says why, because a page cannot see the status of a refused handshake.

The client says \`hello\` and subscribes to topics. A topic is a map from key to value: the agent sends the whole map
as a snapshot, then changes as deltas. The position (\`epoch\`, \`seq\`) of the last frame can be sent with a later
subscription, on this or a new connection, and is answered by exactly what was missed while the agent still has it,
else by a new snapshot. A slow reader misses intermediate values, never the latest one.`;

const example = `→ {"type":"hello","client":"example/1"}
← {"type":"welcome","sessionId":"…","agent":"agent-1","version":"…","heartbeatMs":5000}
→ {"type":"subscribe","id":"a","topic":"cluster"}
← {"type":"snapshot","id":"a","epoch":"…","seq":7,"part":0,"last":true,"data":{"agent-1":{…}}}
← {"type":"delta","id":"a","seq":8,"ops":[{"op":"put","key":"agent-2","value":{…}}]}
← {"type":"bookmark","id":"a","seq":8,"at":"…"}`;

const topicText: Readonly<Record<EventTopic, string>> = {
  cluster: 'Agents; the key is the id of the agent.',
  models: 'Models; the key is the canonical name of the model.',
  metrics: 'What each agent does, once a second; the key is the id of the agent.',
};

const limitText: Readonly<Record<keyof typeof eventLimits, string>> = {
  heartbeatMs: 'Milliseconds between two bookmarks',
  helloMs: 'Milliseconds a client has for its hello',
  maxFrameBytes: 'Largest frame of a client, in bytes',
  snapshotPartBytes: 'Size of one part of a snapshot, in bytes, unless a single value is larger',
  maxSubscriptions: 'Subscriptions per connection',
  maxConnectionsPerUser: 'Connections per user',
  replayEvents: 'Events kept per topic for resuming',
  replayMs: 'Milliseconds they are kept',
  coalesceBytes: 'Bytes waiting for a reader above which only latest values are kept for it',
  closeBytes: 'Bytes waiting for a reader above which it is soon closed',
  closeAfterMs: 'Milliseconds it may stay above that',
};

const closeText: Readonly<Record<keyof typeof eventCloseCodes, readonly [string, string]>> = {
  malformed: ['A frame was not understood, or hello did not come first', 'correct the program'],
  unauthenticated: ['No valid token or ticket', 'log in, fetch a new ticket'],
  forbidden: ['This origin or user may not connect', 'see http.allowedOrigins'],
  helloTimeout: ['No hello in time', 'reconnect'],
  tooBig: ['A frame was too big', 'correct the program'],
  tooMany: ['Too many connections or subscriptions', 'close others first, then reconnect with a pause'],
  slowReader: ['The reader took too little for too long', 'reconnect with a pause'],
  sessionRevoked: ['The token expired, or the user may not log in any more', 'log in again'],
  draining: ['The agent is shutting down', 'connect to another agent of goaway'],
  restarting: ['The agent ended', 'reconnect with a pause'],
};

const frameSection = ([name, schema]: readonly [string, TSchema]): string[] => {
  const json = toJsonSchema(schema);
  const fields = Object.keys(json.properties ?? {}).length > 1 ? [fieldTable(json, ['type'])] : [];
  return [`### ${name}`, json.description ?? '', ...fields];
};

/** `docs/reference/events.md`: the WebSocket protocol. */
export const eventReference = (): string =>
  page('Events', '`api/src/events.ts`', [
    intro,
    fence('text', example),
    '## Topics',
    ...eventTopics.flatMap((topic) => [
      `### Topic ${topic}`,
      topicText[topic],
      fieldTable(toJsonSchema(eventValues[topic])),
    ]),
    '## Frames of the client',
    ...Object.entries(clientFrames).flatMap(frameSection),
    '## Frames of the agent',
    ...Object.entries(serverFrames).flatMap(frameSection),
    '## Limits',
    table(
      ['Limit', 'Value', 'What'],
      (Object.entries(eventLimits) as [keyof typeof eventLimits, number][]).map(([name, value]) => [
        code(name),
        String(value),
        limitText[name],
      ]),
    ),
    '## Close codes',
    table(
      ['Code', 'Name', 'Why', 'What to do'],
      (Object.entries(eventCloseCodes) as [keyof typeof eventCloseCodes, number][]).map(([name, value]) => [
        String(value),
        code(name),
        ...closeText[name],
      ]),
    ),
  ]);
