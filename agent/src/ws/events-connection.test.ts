import { afterEach, describe, expect, test } from '@jest/globals';
import type { ClusterEventValue } from '@ollamamax/api';
import { WebSocket } from 'ws';
import {
  agentValue,
  setUp,
  tearDown,
  track,
  until,
  type Client,
  type TestSocket,
} from './events-harness.fixture.ts';

const connect = (url: string): Client => track(new WebSocket(url, ['ollamamax.v1']) as TestSocket);

afterEach(tearDown);

describe('events protocol', () => {
  test('hello, snapshot, then deltas of what changed with seq + 1', async () => {
    const { url, view } = await setUp();
    const client = await connect(url).hello();
    expect(client.all('welcome')[0]).toMatchObject({
      agent: 'agent-1',
      heartbeatMs: 5000,
      user: { name: 'local', role: 'admin' },
    });
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    const snapshot = await client.next('snapshot');
    expect(snapshot).toMatchObject({ id: 'c', epoch: 'boot.cluster', part: 0, last: true });
    expect(Object.keys(snapshot.data)).toEqual(['agent-1', 'agent-2']);
    view.set([agentValue('agent-1', 7), agentValue('agent-2')]);
    expect(await client.next('delta')).toEqual({
      type: 'delta',
      id: 'c',
      seq: snapshot.seq + 1,
      ops: [{ op: 'put', key: 'agent-1', value: agentValue('agent-1', 7) }],
    });
    view.set([agentValue('agent-1', 7)]);
    expect(await client.next('delta', 2)).toEqual({
      type: 'delta',
      id: 'c',
      seq: snapshot.seq + 2,
      ops: [{ op: 'delete', key: 'agent-2' }],
    });
  });

  test('a burst of changes becomes one delta', async () => {
    const { url, view } = await setUp();
    const client = await connect(url).hello();
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    await client.next('snapshot');
    for (let value = 1; value <= 100; value += 1)
      view.set([agentValue('agent-1', value), agentValue('agent-2')]);
    const delta = await client.next('delta');
    expect(delta.ops).toEqual([{ op: 'put', key: 'agent-1', value: agentValue('agent-1', 100) }]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(client.all('delta')).toHaveLength(1);
  });

  test('resumes without a gap, and gives a snapshot for another epoch', async () => {
    const { url, view } = await setUp();
    const first = await connect(url).hello();
    first.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    const { epoch, seq } = await first.next('snapshot');
    const observer = await connect(url).hello();
    observer.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    await observer.next('snapshot');
    first.socket.close();
    await first.closed();
    view.set([agentValue('agent-1', 1)]);
    await observer.next('delta');
    view.set([agentValue('agent-1', 2)]);
    await observer.next('delta', 2);

    const second = await connect(url).hello();
    second.send({ type: 'subscribe', id: 'c', topic: 'cluster', from: { epoch, seq } });
    await second.next('delta', 2);
    expect(second.frames.slice(1)).toEqual([
      { type: 'resumed', id: 'c', seq },
      ...observer.all('delta').slice(0, 2),
    ]);

    const third = await connect(url).hello();
    third.send({ type: 'subscribe', id: 'c', topic: 'cluster', from: { epoch: 'earlier.cluster', seq } });
    expect((await third.next('snapshot')).seq).toBe(seq + 2);
    expect(third.all('resumed')).toEqual([]);
  });

  test('bookmarks come with each heartbeat, metrics each second', async () => {
    const { url, view } = await setUp({ limits: { heartbeatMs: 200 } });
    const client = await connect(url).hello();
    client.send({ type: 'subscribe', id: 'm', topic: 'metrics' });
    const { seq } = await client.next('snapshot');
    expect(await client.next('bookmark', 2)).toMatchObject({ id: 'm', seq });
    view.figures = {
      'agent-1': {
        at: '2026-01-01T00:00:00.000Z',
        inFlight: 1,
        queued: 0,
        openStreams: 1,
        requestsPerSecond: 2,
        tokensPerSecond: 30,
        requestsTotal: 2,
        errorsTotal: 0,
        tokensTotal: 30,
      },
    };
    expect(await client.next('delta')).toMatchObject({ seq: seq + 1, ops: [{ key: 'agent-1' }] });
  });

  test('answers ping, and unsubscribing ends the deltas', async () => {
    const { url, view } = await setUp();
    const client = await connect(url).hello();
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    await client.next('snapshot');
    client.send({ type: 'unsubscribe', id: 'c' });
    client.send({ type: 'ping' });
    await client.next('pong');
    view.set([]);
    client.send({ type: 'subscribe', id: 'again', topic: 'cluster' });
    expect((await client.next('snapshot', 2)).data).toEqual({});
    expect(client.all('delta')).toEqual([]);
  });

  test('an unknown topic and a used id are answered with errors, the connection stays', async () => {
    const { url } = await setUp();
    const client = await connect(url).hello();
    client.send({ type: 'subscribe', id: 'x', topic: 'secrets' });
    expect(await client.next('error')).toMatchObject({ id: 'x', code: 'invalid_request', retryable: false });
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    client.send({ type: 'subscribe', id: 'c', topic: 'models' });
    expect(await client.next('error', 2)).toMatchObject({ id: 'c' });
    expect(client.code).toBeUndefined();
  });
});

describe('slow readers', () => {
  test('get the latest value per key after "lagged", and the rest of the snapshot in its order', async () => {
    const { url, view, events } = await setUp();
    // Several megabytes: more than the sockets' own buffers take.
    const many = (mark: number): ClusterEventValue[] =>
      Array.from({ length: 60 }, (_, index) => ({
        ...agentValue(`agent-${index}`, mark),
        version: 'x'.repeat(200_000),
      }));
    view.values = many(0);
    const client = await connect(url).hello();
    client.socket.pause();
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    const observer = await connect(url).hello();
    observer.send({ type: 'subscribe', id: 'o', topic: 'metrics' });
    await observer.next('snapshot');
    const hubSteps = 5;
    for (let mark = 1; mark <= hubSteps; mark += 1) {
      view.set([{ ...view.values[0]!, residentBytes: mark }, ...view.values.slice(1)]);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(events.connections).toBe(2);
    client.socket.resume();
    const lagged = await client.next('lagged');
    expect(lagged.coalesced).toBeGreaterThan(1);
    const delta = await client.next('delta');
    const snapshots = client.all('snapshot');
    expect(snapshots.map(({ part }) => part)).toEqual(snapshots.map((_, index) => index));
    expect(snapshots.at(-1)!.last).toBe(true);
    expect(delta.seq).toBe(snapshots[0]!.seq + lagged.coalesced);
    expect(delta.ops).toHaveLength(1);
    expect(delta.ops[0]).toMatchObject({ key: 'agent-0', value: { residentBytes: hubSteps } });
    expect(client.frames.indexOf(delta)).toBeGreaterThan(client.frames.indexOf(snapshots.at(-1)!));
  });

  test('one that takes nothing is closed and forgotten', async () => {
    const { url, view, events } = await setUp({ limits: { closeAfterMs: 300, coalesceBytes: 64 * 1024 } });
    view.values = Array.from({ length: 100 }, (_, index) => ({
      ...agentValue(`agent-${index}`),
      version: 'x'.repeat(200_000),
    }));
    const client = await connect(url).hello();
    client.socket.pause();
    client.send({ type: 'subscribe', id: 'c', topic: 'cluster' });
    await until('the server to give up', () => events.connections === 0);
    expect(client.all('snapshot').length).toBeLessThan(100);
  });
});
