import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { message } from '../core/message.ts';
import { RawServer } from './raw-peer.fixture.ts';
import { agentOf, Authority, Cluster, entryOf, eventually, type Member } from './wire.fixture.ts';

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

/** A member that is held by hand. */
const listen = async (node: number): Promise<RawServer> => {
  const server = await RawServer.listen({ node, of: 1, tls: await authority.agent(agentOf(node)) });
  servers.push(server);
  return server;
};

const up = (member: Member): Promise<void> =>
  eventually(() => member.transport.links().every(({ connected }) => connected), 'a connection');

describe('a member that takes nothing', () => {
  const bound = 2 * 1024 * 1024;

  test('is owed no more than the bound; votes and heartbeats are kept and come first', async () => {
    const server = await listen(2);
    const member = await cluster.member(1, { queueBytes: bound });
    member.transport.setPeers([server.peer]);
    await up(member);
    const { socket } = server.greeted[0]!;
    socket.pause();
    const waiting = (): number => member.transport.links()[0]!.waitingBytes;
    let appends = 0;
    // What the kernel takes, nobody knows: until the first is dropped.
    while (member.transport.counters.messagesDropped === 0) {
      for (let count = 0; count < 8; count++)
        member.transport.send([
          message('append', 2, { from: 1, commit: ++appends, entries: [entryOf(100_000)] }),
        ]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(waiting()).toBeLessThanOrEqual(bound);
    }
    for (let round = 0; round < 100; round++)
      member.transport.send([
        message('append', 2, { from: 1, commit: ++appends, entries: [entryOf(100_000)] }),
      ]);
    await eventually(() => member.unreachable.includes(2));
    member.say(2, 1_000_000);
    member.say(2, 1_000_001, { type: 'vote' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting()).toBeLessThanOrEqual(bound + 1000);
    const dropped = member.transport.counters.messagesDropped;
    expect(dropped).toBeGreaterThanOrEqual(100);
    socket.resume();
    await eventually(() => server.greeted[0]!.messages.length === appends - dropped + 2);
    const order = server.greeted[0]!.messages.map(({ commit }) => commit);
    const [heartbeat, vote] = [order.indexOf(1_000_000), order.indexOf(1_000_001)];
    expect(vote).toBe(heartbeat + 1);
    // They did not wait for all that was there before.
    expect(order.length - vote).toBeGreaterThan(5);
    // A sign of life may just be on its way.
    await eventually(() => waiting() === 0);
  });

  test('does not hold up others', async () => {
    const [server, other] = [await listen(2), await listen(3)];
    const member = await cluster.member(1, { queueBytes: bound });
    member.transport.setPeers([server.peer, other.peer]);
    await up(member);
    server.greeted[0]!.socket.pause();
    while (member.transport.counters.messagesDropped === 0) {
      member.transport.send([message('append', 2, { from: 1, entries: [entryOf(500_000)] })]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    member.say(3, 5);
    await eventually(() => other.greeted[0]!.messages.length === 1);
  });

  test('because it is behind itself reads no more, and goes on where it stopped', async () => {
    const a = await cluster.member(1, { queueBytes: 64 * 1024 * 1024, aliveMs: 50, idleMs: 1000 });
    const b = await cluster.member(2, { aliveMs: 50, idleMs: 1000 });
    cluster.introduce();
    await cluster.connected();
    b.keepsUp = false;
    const total = 300;
    for (let commit = 1; commit <= total; commit++)
      a.transport.send([message('append', 2, { from: 1, commit, entries: [entryOf(100_000)] })]);
    await eventually(() => b.received.length > 0);
    // Longer than the time for silence: it is no silence, and the other end hears so.
    const until = Date.now() + 1500;
    await eventually(() => Date.now() > until);
    const first = b.received.length;
    expect(first).toBeLessThan(3);
    expect(a.transport.links()[0]!.waitingBytes).toBeGreaterThan(1_000_000);
    expect(a.transport.counters.disconnected).toBe(0);
    b.keepsUp = true;
    b.transport.resume(1);
    await eventually(() => b.received.length === total);
    expect(b.received.map((one) => one.message.commit)).toEqual(
      Array.from({ length: total }, (_, at) => at + 1),
    );
  });
});
