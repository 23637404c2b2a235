import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { encodeHello } from '../codec/hello-codec.ts';
import type { TlsMaterial } from '@ollamamax/common';
import { helloOfNode, rawClient, RawServer, type RawConnection } from './raw-peer.fixture.ts';
import { agentOf, Authority, Cluster, eventually } from './wire.fixture.ts';

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

const serialOf = ({ cert }: TlsMaterial): string => new X509Certificate(cert).serialNumber;
const serialOfPeer = ({ socket }: RawConnection): string | undefined =>
  socket.getPeerX509Certificate()?.serialNumber;

/** A member held by hand; it welcomes as soon as `open` says so. */
const listen = async (node: number, isOpen: () => boolean = () => true): Promise<RawServer> => {
  const tls = await authority.agent(agentOf(node));
  const answer = (_hello: unknown, connection: RawConnection) => {
    void eventually(isOpen).then(() => connection.send('welcome', encodeHello(helloOfNode(node, 1))));
    return undefined;
  };
  const server = await RawServer.listen({ node, of: 1, tls, answer });
  servers.push(server);
  return server;
};

describe('new certificates', () => {
  test('are shown to those who come, and by those who go', async () => {
    const server = await listen(2);
    const [old, next] = await Promise.all([authority.agent(agentOf(1)), authority.agent(agentOf(1), 2)]);
    const member = await cluster.member(1, {}, { tls: old });
    member.transport.setPeers([server.peer]);
    await eventually(() => member.transport.links()[0]!.connected);
    expect(serialOfPeer(server.connections[0]!)).toBe(serialOf(old));
    member.transport.renew(next);
    await eventually(() => server.greeted.length === 2);
    expect(serialOfPeer(server.connections[1]!)).toBe(serialOf(next));
    await eventually(() => server.connections[0]!.ended !== undefined);
    expect(server.connections[1]!.ended).toBeUndefined();
    const client = rawClient(
      member.transport.address().port,
      await authority.agent(agentOf(2)),
      helloOfNode(2, 1),
    );
    await eventually(() => client.frames.length === 1);
    expect(serialOfPeer(client)).toBe(serialOf(next));
    client.socket.destroy();
  });

  test('replace a connection only once the other is up, one connection after the other', async () => {
    let isOpen = true;
    const [first, second] = [await listen(2, () => isOpen), await listen(3, () => isOpen)];
    const member = await cluster.member(1, { connectMs: 30_000 });
    member.transport.setPeers([first.peer, second.peer]);
    await eventually(() => member.transport.links().every(({ connected }) => connected));
    isOpen = false;
    member.transport.renew(await authority.agent(agentOf(1), 2));
    await eventually(() => first.greeted.length + second.greeted.length === 3);
    // The old ones carry on meanwhile.
    member.say(2, 5);
    member.say(3, 6);
    await eventually(
      () => first.greeted[0]!.messages.length === 1 && second.greeted[0]!.messages.length === 1,
    );
    expect(first.greeted.length + second.greeted.length).toBe(3);
    isOpen = true;
    await eventually(() => first.greeted.length === 2 && second.greeted.length === 2);
    await eventually(() => first.greeted[0]!.ended !== undefined && second.greeted[0]!.ended !== undefined);
    member.say(2, 7);
    member.say(3, 8);
    await eventually(
      () => first.greeted[1]!.messages.length === 1 && second.greeted[1]!.messages.length === 1,
    );
    expect(member.transport.counters).toMatchObject({ connected: 4, disconnected: 0, messagesDropped: 0 });
  });

  test('that one member does not take are tried again, and hold up no other', async () => {
    let isOpen = true;
    const [first, second] = [await listen(2, () => isOpen), await listen(3)];
    const member = await cluster.member(1, { connectMs: 200, retryMaxMs: 50 });
    member.transport.setPeers([first.peer, second.peer]);
    await eventually(() => member.transport.links().every(({ connected }) => connected));
    isOpen = false;
    member.transport.renew(await authority.agent(agentOf(1), 2));
    await eventually(() => first.greeted.length >= 3);
    await eventually(() => second.greeted[0]!.ended !== undefined);
    // Meanwhile the old connection carries on.
    member.say(2, 5);
    await eventually(() => first.greeted[0]!.messages.length === 1);
    isOpen = true;
    await eventually(() => first.greeted[0]!.ended !== undefined);
    member.say(2, 6);
    await eventually(() => first.greeted.at(-1)!.messages.length === 1);
  });

  test('cut the old connection when the other end does not let it go', async () => {
    const tls = await authority.agent(agentOf(2));
    const server = await RawServer.listen({ node: 2, of: 1, tls, allowHalfOpen: true });
    servers.push(server);
    const member = await cluster.member(1, { closeMs: 100 });
    member.transport.setPeers([server.peer]);
    await eventually(() => member.transport.links()[0]!.connected);
    const [old] = server.connections;
    member.transport.renew(await authority.agent(agentOf(1), 2));
    // Only who writes learns that nobody is there any more.
    await eventually(() => {
      old!.send('alive');
      return old!.ended !== undefined;
    });
    expect(server.connections[1]!.ended).toBeUndefined();
  });

  test('interrupt no stream: nothing is lost while all members renew theirs, again and again', async () => {
    const members = [await cluster.member(1), await cluster.member(2), await cluster.member(3)];
    cluster.introduce();
    await cluster.connected();
    let said = 0;
    const talk = setInterval(() => {
      said++;
      for (const from of members) for (const to of members) if (from !== to) from.say(to.node, said);
    }, 2);
    for (const edition of [2, 3, 1]) {
      const before = members.map(({ transport }) => transport.counters.connected);
      for (const { node, transport } of members)
        transport.renew(await authority.agent(agentOf(node), edition));
      await eventually(() =>
        members.every(({ transport }, at) => transport.counters.connected === before[at]! + 2),
      ).catch((error: unknown) => {
        clearInterval(talk);
        throw error;
      });
    }
    clearInterval(talk);
    await eventually(() => members.every(({ received }) => received.length === 2 * said));
    for (const { received, node, unreachable, transport } of members) {
      for (const from of [1, 2, 3].filter((other) => other !== node)) {
        const commits = received.filter((one) => one.from === from).map((one) => one.message.commit);
        expect(commits.sort((a, b) => a - b)).toEqual(Array.from({ length: said }, (_, at) => at + 1));
      }
      expect(unreachable).toEqual([]);
      expect(transport.counters).toMatchObject({ disconnected: 0, violations: 0, messagesDropped: 0 });
    }
  });

  test('of another authority take over step by step, as operators do it', async () => {
    const other = await Authority.create();
    const both = authority.cert + other.cert;
    const members = [await cluster.member(1), await cluster.member(2)];
    cluster.introduce();
    await cluster.connected();
    const steps = [
      async (node: number) => ({ ...(await authority.agent(agentOf(node))), ca: both }),
      async (node: number) => ({ ...(await other.agent(agentOf(node))), ca: both }),
      (node: number) => other.agent(agentOf(node)),
    ];
    for (const step of steps) {
      for (const { node, transport } of members) {
        const before = transport.counters.connected;
        transport.renew(await step(node));
        await eventually(() => transport.counters.connected === before + 1);
      }
    }
    members[0]!.say(2, 1);
    members[1]!.say(1, 2);
    await eventually(() => members[1]!.heard(1) && members[0]!.heard(2));
    expect(members.map(({ transport }) => transport.counters.disconnected)).toEqual([0, 0]);
  });
});
