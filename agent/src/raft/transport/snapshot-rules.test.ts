import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { frameHeadBytes, maxChunkBytes } from '../codec/frame.ts';
import type { Hello } from '../codec/hello-codec.ts';
import { RandomMessages } from '../codec/random-messages.fixture.ts';
import {
  decodeOutcome,
  encodeChunk,
  encodeOffset,
  encodeOutcome,
  encodeSnapshotBegin,
  type SnapshotMeta,
} from '../codec/snapshot-codec.ts';
import type { TransportLimits } from './limits.ts';
import { MemorySnapshots, metaOf, reading, SnapshotPair, type Sent } from './memory-snapshots.fixture.ts';
import { helloOfNode, RawServer, welcomeClient, type RawConnection } from './raw-peer.fixture.ts';
import { agentOf, Authority, eventually, group, incarnationOf } from './wire.fixture.ts';

const bytes = Buffer.from(new RandomMessages(61).bytes(4 * maxChunkBytes + 1000));
const connections: RawConnection[] = [];
const servers: RawServer[] = [];

let authority: Authority;
let pair: SnapshotPair;

beforeAll(async () => {
  authority = await Authority.create();
});

const start = async (limits: Partial<TransportLimits> = {}): Promise<void> => {
  pair = await SnapshotPair.start(authority, limits);
};

beforeEach(() => start());
afterEach(async () => {
  for (const { socket } of connections.splice(0)) socket.destroy();
  await pair.cluster.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe('a receiver that is held by hand', () => {
  /** Sends to member 3, which answers as told. */
  const sendTo = async (
    onBegin: (connection: RawConnection, attempt: number) => void,
    limits: Partial<TransportLimits> = {},
  ): Promise<{ sent: Sent; server: RawServer }> => {
    await pair.cluster.close();
    await start(limits);
    const answer = (hello: Hello, connection: RawConnection): Hello => {
      if (hello.channel === 'snapshot') {
        const attempt = server.greeted.filter(({ snapshot }) => snapshot).length + 1;
        connection.snapshot = true;
        void eventually(() => connection.frames.some(({ kind }) => kind === 'snapshotBegin')).then(() =>
          onBegin(connection, attempt),
        );
      }
      return helloOfNode(3, 1, { channel: hello.channel });
    };
    const server = await RawServer.listen({ node: 3, of: 1, tls: await authority.agent(agentOf(3)), answer });
    servers.push(server);
    pair.a.transport.setPeers([pair.b.peer, server.peer]);
    return { sent: pair.send(metaOf(1, 3, bytes), reading(bytes)), server };
  };
  const attemptsAt = (server: RawServer): RawConnection[] =>
    server.greeted.filter(({ snapshot }) => snapshot);

  test('gets no more than a window before it says that it took it', async () => {
    const window = 2 * maxChunkBytes;
    const { sent, server } = await sendTo(
      (connection) => connection.send('snapshotResume', encodeOffset(0)),
      {
        snapshotWindowBytes: window,
        snapshotStallMs: 60_000,
      },
    );
    const chunks = (): number =>
      attemptsAt(server)[0]?.frames.filter(({ kind }) => kind === 'snapshotChunk').length ?? 0;
    await eventually(() => chunks() === 2);
    const until = Date.now() + 200;
    await eventually(() => Date.now() > until);
    expect(chunks()).toBe(2);
    attemptsAt(server)[0]!.send('snapshotAck', encodeOffset(maxChunkBytes));
    await eventually(() => chunks() === 3);
    sent.cancel();
    await sent.ended;
  });

  test('is asked again when it falls silent, is busy or got a damaged chunk, and not for ever', async () => {
    const { sent, server } = await sendTo(
      (connection, attempt) => {
        if (attempt === 1) return;
        connection.send('snapshotDone', encodeOutcome(attempt % 2 === 0 ? 'busy' : 'damaged'));
      },
      { snapshotStallMs: 200, snapshotTries: 4 },
    );
    expect((await sent.ended)?.message).toContain('busy');
    expect(attemptsAt(server)).toHaveLength(4);
  });

  test.each<[string, (connection: RawConnection) => void]>([
    [
      'an offset beyond the end',
      (connection) => connection.send('snapshotResume', encodeOffset(bytes.length + 1)),
    ],
    [
      'a receipt for what was not sent',
      (connection) => {
        connection.send('snapshotResume', encodeOffset(0));
        connection.send('snapshotAck', encodeOffset(bytes.length));
      },
    ],
    [
      'a receipt before it said where to begin',
      (connection) => connection.send('snapshotAck', encodeOffset(1)),
    ],
    ['a message', (connection) => connection.send('message', Buffer.alloc(72))],
  ])('is cut off for %s', async (_what, onBegin) => {
    const { sent } = await sendTo(onBegin, { snapshotTries: 2, snapshotWindowBytes: maxChunkBytes });
    expect((await sent.ended)?.message).toMatch(/protocol|kind/);
    expect(pair.a.transport.counters.violations).toBe(2);
  });
});

describe('a sender that is held by hand', () => {
  const meta = metaOf(2, 1, bytes);
  let into: MemorySnapshots;

  const dial = async (fields: Partial<Hello> = {}): Promise<RawConnection> => {
    const { port } = pair.a.transport.address();
    const hello = helloOfNode(2, 1, { channel: 'snapshot', ...fields });
    const client = await welcomeClient(port, await authority.agent(agentOf(2)), hello);
    connections.push(client);
    return client;
  };
  const begin = async (fields: Partial<SnapshotMeta> = {}): Promise<RawConnection> => {
    const client = await dial();
    client.socket.write(encodeSnapshotBegin({ ...meta, ...fields }, group));
    await eventually(() => client.frames.length > 1 || client.ended !== undefined);
    return client;
  };
  const outcomeOf = (client: RawConnection): string | undefined => {
    const done = client.frames.find(({ kind }) => kind === 'snapshotDone');
    return done === undefined ? undefined : decodeOutcome(done.payload);
  };
  const chunk = (offset: number, length = 1000): Buffer =>
    encodeChunk(offset, bytes.subarray(offset, offset + length), group);

  beforeEach(() => {
    into = new MemorySnapshots();
    pair.a.sinkFor = () => into.sink();
  });

  test('is told when a chunk came damaged, and goes on after the last good one', async () => {
    const client = await begin();
    const bad = chunk(1000);
    bad[frameHeadBytes + 500] = (bad[frameHeadBytes + 500] ?? 0) ^ 1;
    client.socket.write(Buffer.concat([chunk(0), bad, chunk(2000)]));
    await eventually(() => client.ended !== undefined);
    expect(outcomeOf(client)).toBe('damaged');
    await eventually(() => into.calls.includes('abort'));
    expect(into.kept).toBe(1000);
    await begin();
    expect(into.calls).toEqual(['begin 0', 'abort', 'begin 1000']);
  });

  test('is told when a chunk could not be written, and nothing is written after it', async () => {
    into.beforeWrite = () => Promise.reject(new Error('disk full'));
    const client = await begin();
    client.socket.write(Buffer.concat([chunk(0), chunk(1000), chunk(2000)]));
    await eventually(() => client.ended !== undefined && into.calls.includes('abort'));
    expect([outcomeOf(client), into.writes]).toEqual(['failed', 1]);
  });

  test('that sends more than can be written waits: no more than a window of it is held', async () => {
    await pair.cluster.close();
    await start({ snapshotWindowBytes: 2 * maxChunkBytes });
    pair.a.sinkFor = () => into.sink();
    let write: () => void = () => undefined;
    const free = new Promise<void>((resolve) => {
      write = resolve;
    });
    into.beforeWrite = () => free;
    const large = Buffer.alloc(60 * maxChunkBytes, 3);
    const client = await begin(metaOf(2, 1, large));
    for (let offset = 0; offset < large.length; offset += maxChunkBytes)
      client.socket.write(encodeChunk(offset, large.subarray(offset, offset + maxChunkBytes), group));
    const until = Date.now() + 400;
    await eventually(() => Date.now() > until);
    // More than the system itself takes.
    expect(client.socket.writableLength).toBeGreaterThan(1_000_000);
    write();
    await eventually(() => outcomeOf(client) !== undefined);
    expect(outcomeOf(client)).toBe('delivered');
    expect(into.finished[0]!.equals(large)).toBe(true);
  });

  test.each<[string, () => Buffer]>([
    ['a chunk that leaves something out', () => chunk(1, 500)],
    ['a chunk of nothing', () => chunk(0, 0)],
    [
      'more than was announced',
      () => encodeChunk(0, Buffer.alloc(meta.size + 1 > maxChunkBytes ? maxChunkBytes : 0), group),
    ],
    ['a second begin', () => encodeSnapshotBegin(meta, group)],
  ])('is cut off for %s', async (_what, frame) => {
    const client = await begin({ size: 1000 });
    client.socket.write(frame());
    await eventually(() => client.ended !== undefined && into.calls.includes('abort'));
    expect(pair.a.transport.counters.violations).toBe(1);
    expect(pair.a.received).toEqual([]);
  });

  test.each([
    ['the name of another', { from: 3 }],
    ['a message for another', { to: 3 }],
  ])('is cut off for %s', async (_what, fields) => {
    const client = await dial();
    const wrong = { ...meta, message: { ...meta.message, ...fields } };
    client.socket.write(encodeSnapshotBegin(wrong, group));
    await eventually(() => client.ended !== undefined);
    expect(pair.a.transport.counters.violations).toBe(1);
    expect(into.calls).toEqual([]);
  });

  test('that begins with nothing, or sends before it may, is cut off', async () => {
    const early = await dial();
    early.socket.write(chunk(0));
    await eventually(() => early.ended !== undefined);
    let answer: (offset: number | undefined) => void = () => undefined;
    const begin = (): Promise<number | undefined> =>
      new Promise((resolve) => {
        answer = resolve;
      });
    pair.a.sinkFor = () => ({ ...into.sink(), begin });
    const eager = await dial();
    eager.socket.write(Buffer.concat([encodeSnapshotBegin(meta, group), chunk(0)]));
    await eventually(() => eager.ended !== undefined);
    answer(undefined);
    expect(pair.a.transport.counters.violations).toBe(2);
  });

  test('is one of two at most; a third is told so', async () => {
    const others = [3, 4].map((node) => ({
      ...pair.b.peer,
      node,
      agent: agentOf(node),
      incarnation: incarnationOf(node),
    }));
    pair.a.transport.setPeers([pair.b.peer, ...others]);
    const clients = [await begin(), await dialAs(3)];
    const third = await dialAs(4);
    await eventually(() => third.ended !== undefined);
    expect(outcomeOf(third)).toBe('busy');
    clients[0]!.socket.destroy();
    await eventually(() => into.calls.includes('abort'));
    const again = await dialAs(4);
    await eventually(() => again.frames.some(({ kind }) => kind === 'snapshotResume'));
    expect(clients[1]!.ended).toBeUndefined();
  });

  test('that dials again has given up its former transfer, whose bytes are written first', async () => {
    let write: () => void = () => undefined;
    into.beforeWrite = () =>
      new Promise((resolve) => {
        write = resolve;
      });
    pair.a.sinkFor = () => ({
      ...into.sink(),
      abort: async () => {
        into.calls.push('abort');
        await new Promise((resolve) => setTimeout(resolve, 50));
        into.calls.push('aborted');
      },
    });
    const former = await begin();
    former.socket.write(chunk(0));
    await eventually(() => into.writes === 1);
    const client = await dial();
    client.socket.write(encodeSnapshotBegin(meta, group));
    await eventually(() => former.ended !== undefined);
    expect(into.calls).toEqual(['begin 0']);
    write();
    await eventually(() => client.frames.some(({ kind }) => kind === 'snapshotResume'));
    expect(into.calls).toEqual(['begin 0', 'abort', 'aborted', 'begin 1000']);
  });

  const dialAs = async (node: number): Promise<RawConnection> => {
    const hello = helloOfNode(node, 1, { channel: 'snapshot' });
    const client = await welcomeClient(
      pair.a.transport.address().port,
      await authority.agent(agentOf(node)),
      hello,
    );
    connections.push(client);
    const theirs = { ...meta, message: { ...meta.message, from: node } };
    client.socket.write(encodeSnapshotBegin(theirs, group));
    return client;
  };

  test('that falls silent is cut off, also when it says that it is alive', async () => {
    await pair.cluster.close();
    await start({ snapshotStallMs: 200 });
    pair.a.sinkFor = () => into.sink();
    const client = await begin();
    const speak = setInterval(() => client.send('alive'), 20);
    await eventually(() => client.ended !== undefined).finally(() => clearInterval(speak));
    await eventually(() => into.calls.includes('abort'));
  });
});
