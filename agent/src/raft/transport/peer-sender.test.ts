import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { encodeFrame, maxChunkBytes } from '../codec/frame.ts';
import { encodeHello, encodeRefusal, type Hello } from '../codec/hello-codec.ts';
import { message } from '../core/message.ts';
import type { TransportLimits } from './limits.ts';
import { helloOfNode, RawServer, welcomeClient, type RawServerOptions } from './raw-peer.fixture.ts';
import {
  agentOf,
  Authority,
  Cluster,
  entryOf,
  eventually,
  group,
  Lines,
  type Member,
} from './wire.fixture.ts';

let authority: Authority;
let cluster: Cluster;
const servers: RawServer[] = [];

beforeAll(async () => {
  authority = await Authority.create();
});
beforeEach(() => {
  cluster = new Cluster(authority);
});
afterEach(async () => {
  await cluster.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Member 2, held by hand. */
const listen = async (options: Partial<RawServerOptions> = {}): Promise<RawServer> => {
  const tls = await authority.agent(agentOf(2));
  const server = await RawServer.listen({ node: 2, of: 1, tls, ...options });
  servers.push(server);
  return server;
};

/** Member 1, which knows the other. */
const memberOf = async (server: RawServer, limits: Partial<TransportLimits> = {}): Promise<Member> => {
  const member = await cluster.member(1, { retryMinMs: 10, retryMaxMs: 50, ...limits });
  member.transport.setPeers([server.peer]);
  return member;
};

const up = (member: Member): Promise<void> =>
  eventually(() => member.transport.links().every(({ connected }) => connected), 'a connection');

describe('a connection to a member', () => {
  test('says hello, and carries nothing before it is welcome', async () => {
    let seen: Hello | undefined;
    const server = await listen({
      answer: (hello) => {
        seen = hello;
        return undefined;
      },
    });
    const member = await memberOf(server);
    member.say(2, 1);
    await eventually(() => server.greeted.length === 1);
    expect(seen).toEqual(helloOfNode(1, 2));
    expect(server.greeted[0]!.frames.map(({ kind }) => kind)).toEqual(['hello']);
  });

  test('keeps while it is being made what is new, and votes and heartbeats first', async () => {
    let isOpen = false;
    const server = await listen({
      answer: (_hello, connection) => {
        void eventually(() => isOpen).then(() => connection.send('welcome', encodeHello(helloOfNode(2, 1))));
        return undefined;
      },
    });
    const member = await memberOf(server, { controlMessages: 10 });
    member.say(2, 1, { type: 'append' });
    for (let commit = 2; commit <= 200; commit++) {
      await Promise.resolve();
      member.say(2, commit);
    }
    isOpen = true;
    await up(member);
    await eventually(() => server.greeted[0]!.messages.some(({ commit }) => commit === 1));
    const commits = server.greeted[0]!.messages.map(({ commit }) => commit);
    expect(commits.length).toBeLessThanOrEqual(11);
    expect(commits.slice(-2)).toEqual([200, 1]);
    expect(member.transport.counters.messagesDropped).toBe(200 - commits.length);
  });

  test('carries a turn of messages in one piece', async () => {
    const server = await listen();
    const member = await memberOf(server);
    await up(member);
    const [connection] = server.greeted;
    const before = connection!.pieces;
    for (let commit = 1; commit <= 50; commit++) member.say(2, commit);
    await eventually(() => connection!.messages.length === 50);
    expect(connection!.pieces).toBe(before + 1);
    expect(connection!.messages.map(({ commit }) => commit)).toEqual(
      Array.from({ length: 50 }, (_, at) => at + 1),
    );
  });

  test('is not made with another agent, whatever it says', async () => {
    const server = await listen({ tls: await authority.agent(agentOf(3)) });
    const lines = new Lines();
    const member = await cluster.member(1, { retryMinMs: 10, retryMaxMs: 20 }, { log: lines.logger() });
    member.transport.setPeers([server.peer]);
    await eventually(() => lines.all.some(({ message: text }) => text === 'A member cannot be reached.'));
    member.say(2, 1);
    await eventually(() => member.unreachable.length > 0);
    expect(server.greeted).toEqual([]);
    expect(member.transport.counters.connected).toBe(0);
  });

  test.each<[string, Partial<Hello>]>([
    ['of another cluster', { clusterId: 'cluster-2' }],
    ['of another member', { node: 3 }],
    ['with another data directory', { incarnation: 'another-life' }],
    ['for another member', { to: 3 }],
    ['of a version that was not offered', { minVersion: 2, maxVersion: 2 }],
  ])('is not made with a member %s', async (_what, fields) => {
    const server = await listen({ answer: () => helloOfNode(2, 1, fields) });
    const member = await memberOf(server);
    await eventually(() => member.transport.counters.violations > 1);
    member.say(2, 1);
    expect(member.transport.counters.connected).toBe(0);
    expect(server.greeted.flatMap(({ messages }) => messages)).toEqual([]);
  });

  test('is given up when the other end sends what it may not', async () => {
    const server = await listen();
    const member = await memberOf(server);
    await up(member);
    server.greeted[0]!.send('message', Buffer.alloc(72));
    await eventually(() => server.greeted.length === 2);
    expect(member.transport.counters.violations).toBe(1);
    expect(member.received).toEqual([]);
  });

  test('is given up when the other end falls silent, and made anew', async () => {
    const server = await listen();
    const member = await memberOf(server, { idleMs: 300, aliveMs: 50 });
    await eventually(() => server.greeted.length >= 2);
    expect(server.greeted[0]!.frames.some(({ kind }) => kind === 'alive')).toBe(true);
    expect(member.unreachable).toContain(2);
  });

  test('is given up when it is not made in time, whatever holds it up', async () => {
    const open: Socket[] = [];
    const mute = createServer((socket) => open.push(socket.on('error', () => undefined)));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    const withoutWelcome = await listen({ answer: () => undefined });
    const member = await cluster.member(1, { retryMinMs: 10, retryMaxMs: 20, connectMs: 200 });
    member.transport.setPeers([
      { ...withoutWelcome.peer, port },
      { ...withoutWelcome.peer, node: 3 },
    ]);
    await eventually(() => open.length >= 2 && withoutWelcome.greeted.length >= 2);
    expect(member.transport.counters.connected).toBe(0);
    for (const socket of open) socket.destroy();
    mute.close();
  });
});

describe('a member that refuses', () => {
  test('is told of once and tried again, ever more slowly, until it does not', async () => {
    let refuses = true;
    const server = await listen({
      answer: (_hello, connection) => {
        if (!refuses) return helloOfNode(2, 1);
        connection.socket.end(encodeFrame('refusal', group, encodeRefusal('incarnation')));
        return undefined;
      },
    });
    const lines = new Lines();
    const refused: string[] = [];
    const member = await cluster.member(
      1,
      { retryMinMs: 1, retryMaxMs: 64 },
      { log: lines.logger(), random: () => 1, onRefused: (by, refusal) => refused.push(`${by} ${refusal}`) },
    );
    member.transport.setPeers([server.peer]);
    await eventually(() => server.greeted.length >= 8);
    expect(refused.length).toBeGreaterThanOrEqual(7);
    expect(new Set(refused)).toEqual(new Set(['2 incarnation']));
    expect(lines.all.filter(({ level }) => level === 'warn')).toHaveLength(1);
    refuses = false;
    await up(member);
    member.say(2, 7);
    await eventually(() => server.greeted.at(-1)!.messages.length === 1);
  });
});

describe('a member that is gone', () => {
  test('is told unreachable while it is, and reached again once it is back', async () => {
    const a = await cluster.member(1, { retryMinMs: 10, retryMaxMs: 50 });
    let b = await cluster.member(2);
    cluster.introduce();
    await cluster.connected();
    const { port } = b.transport.address();
    await b.transport.close();
    await eventually(() => a.transport.links().every(({ connected }) => !connected));
    a.unreachable.length = 0;
    a.say(2, 1);
    await eventually(() => a.unreachable.includes(2));
    cluster.members.pop();
    b = await cluster.member(2, {}, { listen: { host: '127.0.0.1', port } });
    cluster.introduce();
    await up(a);
    a.say(2, 2);
    b.say(1, 3);
    await eventually(() => b.heard(2) && a.heard(3));
    // What was said while it was gone is not told later.
    expect(b.heard(1)).toBe(false);
  });

  test('is tried at once when it is heard of, however long the pause would be', async () => {
    const gone = await listen();
    const { peer } = gone;
    const member = await cluster.member(1, { retryMinMs: 3_600_000, retryMaxMs: 3_600_000 });
    member.transport.setPeers([peer]);
    await up(member);
    await servers.pop()!.close();
    await eventually(() => !member.transport.links()[0]!.connected);
    // There will be no try for long: that is told at once, and what was to be sent is not kept.
    member.unreachable.length = 0;
    member.say(2, 1);
    await eventually(() => member.unreachable.includes(2));
    const back = await cluster.member(2, {}, { listen: { host: '127.0.0.1', port: peer.port } });
    back.transport.setPeers([member.peer]);
    await up(member);
    member.say(2, 2);
    await eventually(() => back.heard(2));
    expect(back.heard(1)).toBe(false);
  });

  test('is waited for ever longer, and not by all at the same time', async () => {
    const attempts: number[] = [];
    const server = createServer((socket) => {
      attempts.push(performance.now());
      socket.destroy();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const member = await cluster.member(1, { retryMinMs: 20, retryMaxMs: 80 }, { random: () => 0.5 });
    member.transport.setPeers([
      { node: 2, agent: 'agent-2', incarnation: 'life-2', host: '127.0.0.1', port },
    ]);
    await eventually(() => attempts.length >= 6);
    const gaps = attempts.slice(1).map((at, before) => at - attempts[before]!);
    // At least what was chosen: three quarters of 20, 40, 80, 80, 80 ms; timers may be a little early.
    [15, 30, 60, 60, 60].forEach((least, at) => expect(gaps[at]).toBeGreaterThanOrEqual(least - 2));
    server.close();
  });
});

describe('members that change', () => {
  test('place are dialled there', async () => {
    const first = await listen();
    const second = await listen();
    const member = await memberOf(first);
    await up(member);
    member.transport.setPeers([second.peer]);
    await eventually(() => second.greeted.length === 1);
    await eventually(() => first.greeted[0]!.ended !== undefined);
    member.transport.setPeers([second.peer]);
    member.say(2, 4);
    await eventually(() => second.greeted[0]!.messages.length === 1);
    expect(second.greeted).toHaveLength(1);
  });

  test('and leave get what was sent to them before', async () => {
    const server = await listen();
    const member = await memberOf(server);
    await up(member);
    member.transport.send([message('append', 2, { from: 1, commit: 9, entries: [entryOf(200_000)] })]);
    member.transport.setPeers([]);
    await eventually(() => server.greeted[0]!.ended !== undefined);
    expect(server.greeted[0]!.messages.map(({ commit }) => commit)).toEqual([9]);
    expect(member.transport.links()).toEqual([]);
  });
});

describe('closing', () => {
  test('ends all within its time, also towards those who do not answer', async () => {
    const server = await listen();
    const slow = await listen({ answer: () => undefined });
    const member = await memberOf(server, { closeMs: 300 });
    member.transport.setPeers([server.peer, { ...slow.peer, node: 3, agent: agentOf(2) }]);
    await eventually(() => server.greeted.length === 1 && slow.greeted.length === 1);
    server.greeted[0]!.socket.pause();
    for (let count = 0; count < 50; count++)
      member.transport.send([message('append', 2, { from: 1, entries: [entryOf(maxChunkBytes)] })]);
    const client = await welcomeClient(
      member.transport.address().port,
      await authority.agent(agentOf(2)),
      helloOfNode(2, 1),
    );
    client.socket.pause();
    const mute = connect(member.transport.address().port, '127.0.0.1');
    mute.on('error', () => undefined);
    mute.resume();
    await once(mute, 'connect');
    await member.transport.close();
    await member.transport.close();
    client.socket.resume();
    server.greeted[0]!.socket.resume();
    await eventually(() => client.ended !== undefined && server.greeted[0]!.ended !== undefined);
    // Nothing of it is left to send or to dial.
    member.say(2, 1);
    member.transport.setPeers([server.peer]);
    expect(server.greeted).toHaveLength(1);
  });
});
