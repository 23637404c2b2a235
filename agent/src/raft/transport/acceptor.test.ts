import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { agentIdentity, operatorIdentity } from '@ollamamax/api';
import { secureContextOptions, type TlsMaterial } from '@ollamamax/common';
import { encodeFrame, encodeMessageFrames, frameKinds } from '../codec/frame.ts';
import { encodeHello, type Hello } from '../codec/hello-codec.ts';
import { encodeMessage, maxMessageBytes } from '../codec/message-codec.ts';
import { RandomMessages } from '../codec/random-messages.fixture.ts';
import { message } from '../core/message.ts';
import { applicationProtocol } from './dial.ts';
import type { TransportLimits } from './limits.ts';
import { helloOfNode, rawClient, welcomeClient, type RawConnection } from './raw-peer.fixture.ts';
import {
  agentOf,
  Authority,
  Cluster,
  entryOf,
  eventually,
  group,
  incarnationOf,
  Lines,
  type Member,
} from './wire.fixture.ts';

let authority: Authority;
let ofTwo: TlsMaterial;
let cluster: Cluster;
let member: Member;
let lines: Lines;
const sockets: { destroy: () => void }[] = [];

beforeAll(async () => {
  authority = await Authority.create();
  ofTwo = await authority.agent(agentOf(2));
});

/** Member 1, which knows a member 2 that nobody can reach. */
const start = async (limits: Partial<TransportLimits> = {}): Promise<void> => {
  cluster = new Cluster(authority);
  lines = new Lines();
  member = await cluster.member(1, limits, { log: lines.logger() });
  member.transport.setPeers([
    { node: 2, agent: agentOf(2), incarnation: incarnationOf(2), host: '127.0.0.1', port: 1 },
  ]);
};

beforeEach(() => start());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await cluster.close();
});

const restart = async (limits: Partial<TransportLimits>): Promise<void> => {
  await cluster.close();
  await start(limits);
};

const port = (): number => member.transport.address().port;
const kept = (client: RawConnection): RawConnection => {
  sockets.push(client.socket);
  return client;
};
const dial = (tls: TlsMaterial, hello?: Hello): RawConnection => kept(rawClient(port(), tls, hello));
const welcome = async (): Promise<RawConnection> =>
  kept(await welcomeClient(port(), ofTwo, helloOfNode(2, 1)));
const ended = (client: RawConnection): Promise<void> =>
  eventually(() => client.ended !== undefined, 'the end of the connection');

/** That it still serves those who behave. */
const stillServes = async (): Promise<void> => {
  const client = await welcome();
  const before = member.received.length;
  client.send('message', encodeMessage(message('heartbeat', 1, { from: 2, term: 3 })));
  await eventually(() => member.received.length > before);
};

describe('a member that is known', () => {
  test('is welcome, and told who welcomes it', async () => {
    const client = await welcome();
    expect(client.frames[0]!.payload.equals(encodeHello(helloOfNode(1, 2)))).toBe(true);
    client.send('message', encodeMessage(message('vote', 1, { from: 2, term: 3 })));
    await eventually(() => member.received.length === 1);
    expect(member.received).toEqual([{ from: 2, message: message('vote', 1, { from: 2, term: 3 }) }]);
    expect(member.transport.counters).toMatchObject({ accepted: 1, messagesReceived: 1, violations: 0 });
  });

  test('may speak newer versions beside', async () => {
    const client = dial(ofTwo, helloOfNode(2, 1, { minVersion: 1, maxVersion: 9 }));
    await eventually(() => client.frames.length > 0);
    expect(client.frames[0]!.kind).toBe('welcome');
  });
});

describe('who is refused and told why', () => {
  test.each<[string, () => Promise<TlsMaterial>, Partial<Hello>]>([
    ['identity', () => authority.agent('agent-3'), {}],
    ['identity', () => authority.issue(operatorIdentity('test')), {}],
    ['identity', () => authority.issue(operatorIdentity('test')), { clusterId: 'cluster-2' }],
    ['identity', () => authority.issue(agentIdentity('other', agentOf(2))), {}],
    ['cluster', () => Promise.resolve(ofTwo), { clusterId: 'cluster-2' }],
    ['node', () => Promise.resolve(ofTwo), { to: 4 }],
    ['stranger', () => Promise.resolve(ofTwo), { node: 5 }],
    ['stranger', () => Promise.resolve(ofTwo), { node: 1 }],
    ['incarnation', () => Promise.resolve(ofTwo), { incarnation: 'another-life' }],
    ['version', () => Promise.resolve(ofTwo), { minVersion: 2, maxVersion: 9 }],
    ['version', () => Promise.resolve(ofTwo), { minVersion: 0, maxVersion: 0 }],
  ])('%s', async (reason, tls, fields) => {
    const client = dial(await tls(), helloOfNode(2, 1, fields));
    // What comes after the hello in the same piece is not heard either.
    client.send('message', encodeMessage(message('heartbeat', 1, { from: 2 })));
    await ended(client);
    expect(client.refusal).toBe(reason);
    expect(client.frames).toHaveLength(1);
    expect(member.received).toEqual([]);
    expect(member.transport.counters).toMatchObject({ accepted: 0, refused: { [reason]: 1 } });
    expect(lines.all).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ reason }) }),
    );
    await stillServes();
  });

  test('malformed', async () => {
    const client = dial(ofTwo);
    client.send('hello', Buffer.alloc(60));
    await ended(client);
    expect(client.refusal).toBe('malformed');
    expect(member.transport.counters.refused.malformed).toBe(1);
  });

  test('a session that is resumed: its certificate was not looked at', async () => {
    const first = rawClient(port(), ofTwo, helloOfNode(2, 1));
    const [session] = (await once(first.socket, 'session')) as [Buffer];
    kept(first);
    const second = kept(rawClient(port(), ofTwo, helloOfNode(2, 1), { session }));
    await once(second.socket, 'secureConnect');
    expect(second.socket.isSessionReused()).toBe(true);
    await ended(second);
    expect(second.refusal).toBe('identity');
  });

  /** Stays although the other end has said its last. */
  const halfOpen = { allowHalfOpen: true } as ConnectionOptions;

  test('and does not leave is cut off', async () => {
    await restart({ connections: 1 });
    const client = kept(rawClient(port(), ofTwo, helloOfNode(2, 1, { clusterId: 'cluster-2' }), halfOpen));
    await eventually(() => client.refusal === 'cluster');
    let welcomed = false;
    await eventually(() => {
      if (!welcomed)
        void welcome().then(
          () => (welcomed = true),
          () => undefined,
        );
      return welcomed;
    });
    expect(client.ended).toBeUndefined();
  });

  test('is logged once, however often it tries', async () => {
    for (let tries = 0; tries < 5; tries++)
      await ended(dial(ofTwo, helloOfNode(2, 1, { incarnation: 'another-life' })));
    expect(member.transport.counters.refused.incarnation).toBe(5);
    expect(lines.all.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });
});

describe('who does not get as far as a hello', () => {
  const tlsOptions: [string, () => Promise<object>][] = [
    [
      'a certificate of another authority',
      async () =>
        secureContextOptions({ ...(await (await Authority.create()).agent(agentOf(2))), ca: authority.cert }),
    ],
    [
      'no certificate',
      () => Promise.resolve({ ...secureContextOptions(ofTwo), cert: undefined, key: undefined }),
    ],
    [
      'TLS 1.2',
      () =>
        Promise.resolve({
          ...secureContextOptions(ofTwo),
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.2',
          ciphers: 'DEFAULT',
        }),
    ],
    [
      'another protocol',
      () => Promise.resolve({ ...secureContextOptions(ofTwo), ALPNProtocols: ['http/1.1'] }),
    ],
  ];
  test.each(tlsOptions)('with %s', async (_what, options) => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: port(),
      ALPNProtocols: [applicationProtocol],
      checkServerIdentity: () => undefined,
      ...(await options()),
    });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.write(encodeFrame('hello', group, encodeHello(helloOfNode(2, 1))));
    await eventually(() => socket.destroyed);
    await eventually(() => member.transport.counters.strangers === 1);
    expect(member.transport.counters.accepted).toBe(0);
    await stillServes();
  });

  test('with bytes that are no TLS', async () => {
    const socket = connectTcp(port(), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
    await eventually(() => socket.destroyed && member.transport.counters.strangers === 1);
    await stillServes();
  });

  test('slow ones: each step has its time', async () => {
    await restart({ handshakeMs: 200 });
    const mute = connectTcp(port(), '127.0.0.1');
    const silent = dial(ofTwo);
    const dripping = dial(ofTwo);
    sockets.push(mute);
    mute.on('error', () => undefined);
    mute.resume();
    const hello = encodeFrame('hello', group, encodeHello(helloOfNode(2, 1)));
    let at = 0;
    // As slow as the time for a hello, so that no two pieces are far apart.
    const drip = setInterval(() => {
      if (dripping.ended === undefined && at < hello.length - 1)
        dripping.socket.write(hello.subarray(at, ++at));
    }, 20);
    await eventually(
      () => mute.destroyed && silent.ended !== undefined && dripping.ended !== undefined,
    ).finally(() => clearInterval(drip));
    expect(member.transport.counters).toMatchObject({ strangers: 3, accepted: 0 });
    await stillServes();
  });

  test('more of them than may be there at a time', async () => {
    await restart({ connections: 3, handshakeMs: 20_000 });
    const first = [1, 2, 3].map(() => dial(ofTwo));
    await Promise.all(first.map(({ socket }) => once(socket, 'secureConnect')));
    const last = dial(ofTwo, helloOfNode(2, 1));
    await ended(last);
    expect(last.frames).toEqual([]);
    for (const { socket } of first) socket.destroy();
    await eventually(() => member.transport.counters.strangers === first.length);
    await stillServes();
  });
});

describe('who breaks the rules once it is welcome is cut off', () => {
  const good = message('heartbeat', 1, { from: 2, commit: 1 });
  const head = (length: number, kind: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(length);
    bytes.writeUInt8(kind, 4);
    return bytes;
  };

  test.each<[string, Buffer, string]>([
    [
      'a message in the name of another',
      encodeMessageFrames([message('heartbeat', 1, { from: 3 })], group),
      'protocol',
    ],
    ['a message in our name', encodeMessageFrames([message('heartbeat', 1, { from: 1 })], group), 'protocol'],
    ['a message for another', encodeMessageFrames([message('heartbeat', 3, { from: 2 })], group), 'protocol'],
    ['a frame that is too long', head(maxMessageBytes + 1, frameKinds.message), 'length'],
    ['a frame of another group', encodeMessageFrames([good], group + 1), 'group'],
    ['a second hello', encodeFrame('hello', group, encodeHello(helloOfNode(2, 1))), 'kind'],
    ['a piece of a snapshot', encodeFrame('snapshotAck', group, Buffer.alloc(8)), 'kind'],
    ['an unknown frame', head(0, 77), 'kind'],
    ['a message of another version', encodeFrame('message', group, Buffer.alloc(72, 9)), 'version'],
    [
      'a message that is cut short',
      encodeFrame('message', group, encodeMessage(good).subarray(0, 71)),
      'length',
    ],
  ])('%s', async (_what, bytes, problem) => {
    const client = await welcome();
    // What came before it is good, what comes after it is not.
    client.socket.write(
      Buffer.concat([encodeMessageFrames([good], group), bytes, encodeMessageFrames([good], group)]),
    );
    await ended(client);
    expect(member.received).toEqual([{ from: 2, message: good }]);
    expect(member.transport.counters.violations).toBe(1);
    const warnings = lines.all.filter(({ level, message: text }) => level === 'warn' && text.includes('cut'));
    expect(warnings).toEqual([
      expect.objectContaining({
        fields: expect.objectContaining({ node: 2, reason: expect.stringContaining(problem) }),
      }),
    ]);
    await stillServes();
  });

  test('any bytes', async () => {
    const random = new RandomMessages(51);
    for (let round = 0; round < 20; round++) {
      const client = round % 2 === 0 ? await welcome() : dial(ofTwo);
      const bytes = random.bytes(1 + random.below(300));
      // Not the head of a frame that may be.
      bytes[4] = 200;
      client.socket.end(bytes);
      await ended(client);
    }
    expect(member.received).toEqual([]);
    await stillServes();
  });
});

describe('connections', () => {
  test('of one member are two at most: the oldest go', async () => {
    const snapshots = kept(await welcomeClient(port(), ofTwo, helloOfNode(2, 1, { channel: 'snapshot' })));
    const clients = [await welcome(), await welcome(), await welcome(), await welcome()];
    await eventually(() => clients.filter((client) => client.ended !== undefined).length === 2);
    expect(clients.map((client) => client.ended === undefined)).toEqual([false, false, true, true]);
    await stillServes();
    expect(snapshots.ended).toBeUndefined();
  });

  test('of a member that is not there any more are cut', async () => {
    const client = await welcome();
    member.transport.setPeers([]);
    await ended(client);
    const again = dial(ofTwo, helloOfNode(2, 1));
    await ended(again);
    expect(again.refusal).toBe('stranger');
  });

  test('of a member that came back as another are cut', async () => {
    const client = await welcome();
    member.transport.setPeers([
      { node: 2, agent: agentOf(2), incarnation: 'another-life', host: '127.0.0.1', port: 1 },
    ]);
    await ended(client);
  });

  test('over which nothing comes are cut, others are not', async () => {
    await restart({ idleMs: 400, aliveMs: 50 });
    const quiet = await welcome();
    const speaking = await welcome();
    const speak = setInterval(() => speaking.send('alive'), 20);
    await ended(quiet).catch((error: unknown) => {
      clearInterval(speak);
      throw error;
    });
    const until = Date.now() + 600;
    await eventually(() => Date.now() > until);
    clearInterval(speak);
    expect(speaking.ended).toBeUndefined();
    expect(speaking.frames.filter(({ kind }) => kind === 'alive').length).toBeGreaterThan(3);
  });
});

test('nothing of what is sent, and no key, is in the log', async () => {
  const client = await welcome();
  const canary = Buffer.from('canary-of-a-secret');
  client.send(
    'message',
    encodeMessage(message('append', 1, { from: 2, entries: [{ ...entryOf(0), data: canary }] })),
  );
  client.send(
    'message',
    encodeMessage(message('append', 3, { from: 2, entries: [{ ...entryOf(0), data: canary }] })),
  );
  await ended(client);
  const text = JSON.stringify(lines.all);
  expect(text).not.toContain('canary');
  expect(text).not.toContain(JSON.stringify(canary).slice(1, 20));
  expect(text).not.toMatch(/PRIVATE KEY|BEGIN CERT/);
});
