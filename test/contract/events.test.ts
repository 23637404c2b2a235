import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  clientFrames,
  eventsSubprotocol,
  eventTopics,
  eventValues,
  serverFrames,
  type ClientFrame,
  type EventTopic,
  type ServerFrame,
} from '@ollamamax/api';
import { eventually, startLocalCluster, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { callRoute } from './agent-client.ts';
import { problemsOf } from './strict-validator.ts';

/** A reader of live events that holds every frame to its schema as it comes. */
class EventReader {
  readonly frames: ServerFrame[] = [];
  readonly problems: unknown[] = [];
  readonly #socket: WebSocket;

  constructor(base: string) {
    this.#socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws`, eventsSubprotocol);
    this.#socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(String(data)) as ServerFrame;
      this.frames.push(frame);
      this.problems.push(...problemsOf(serverFrames[frame.type], frame));
    });
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: ClientFrame): void {
    expect(problemsOf(clientFrames[frame.type], frame)).toEqual([]);
    this.#socket.send(JSON.stringify(frame));
  }

  /** Values of a topic that have come so far, of snapshots and deltas. */
  values(topic: EventTopic): unknown[] {
    return this.frames.flatMap((frame) => {
      if (!('id' in frame) || frame.id !== topic) return [];
      if (frame.type === 'snapshot') return Object.values(frame.data);
      return frame.type === 'delta' ? frame.ops.flatMap((op) => (op.op === 'put' ? [op.value] : [])) : [];
    });
  }

  has(type: ServerFrame['type'], id?: string): boolean {
    return this.frames.some(
      (frame) => frame.type === type && (id === undefined || ('id' in frame && frame.id === id)),
    );
  }

  close(): void {
    this.#socket.close();
  }
}

describe('live events', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startLocalCluster();
    await untilServing(cluster);
  });
  afterAll(() => cluster.stop());

  const connect = async (): Promise<EventReader> => {
    const reader = new EventReader(cluster.agent('agent-0').api);
    await eventually('the socket is open', () => reader.open);
    reader.send({ type: 'hello', client: 'contract test' });
    await eventually('welcome', () => reader.has('welcome'));
    return reader;
  };

  test('every frame and value is as the contract says', async () => {
    const reader = await connect();
    expect(reader.protocol).toBe(eventsSubprotocol);
    for (const topic of eventTopics) reader.send({ type: 'subscribe', id: topic, topic });
    reader.send({ type: 'ping' });
    await eventually('all snapshots', () => eventTopics.every((topic) => reader.has('snapshot', topic)));
    const answer = await callRoute(cluster.agent('agent-0').api, 'generate');
    expect(answer.status).toBe(200);
    await eventually('a change and a bookmark', () => reader.has('delta') && reader.has('bookmark'));
    await eventually('the model in memory', () =>
      reader.values('models').some((value) => JSON.stringify(value).includes('"resident"')),
    );
    reader.send({ type: 'subscribe', id: 'cluster', topic: 'models' });
    await eventually('an error and a pong', () => reader.has('error', 'cluster') && reader.has('pong'));
    reader.send({ type: 'unsubscribe', id: 'cluster' });
    reader.close();

    expect(reader.problems).toEqual([]);
    for (const topic of eventTopics) {
      const values = reader.values(topic);
      expect(values.length).toBeGreaterThan(0);
      expect(values.flatMap((value) => problemsOf(eventValues[topic], value))).toEqual([]);
    }
  });

  test('a position is resumed', async () => {
    const first = await connect();
    first.send({ type: 'subscribe', id: 'a', topic: 'cluster' });
    await eventually('a snapshot', () => first.has('snapshot', 'a'));
    const snapshot = first.frames.find((frame) => frame.type === 'snapshot');
    first.close();
    const second = await connect();
    const { epoch = '', seq = -1 } = snapshot ?? {};
    second.send({ type: 'subscribe', id: 'b', topic: 'cluster', from: { epoch, seq } });
    await eventually('the position is taken up', () => second.has('resumed', 'b'));
    second.close();
    expect(second.has('snapshot')).toBe(false);
    expect([...first.problems, ...second.problems]).toEqual([]);
  });
});
