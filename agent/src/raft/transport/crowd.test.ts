import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { Authority, Cluster, eventually, type Member } from './wire.fixture.ts';

let authority: Authority;
let cluster: Cluster;

beforeAll(async () => {
  authority = await Authority.create();
});
afterEach(() => cluster.close());

test('a hundred members meet one, talk, and part', async () => {
  cluster = new Cluster(authority);
  const crowd = 100;
  const hub = await cluster.member(1);
  const others: Member[] = [];
  for (let node = 2; node < 2 + crowd; node++) others.push(await cluster.member(node));
  hub.transport.setPeers(others.map(({ peer }) => peer));
  for (const { transport } of others) transport.setPeers([hub.peer]);
  await eventually(
    () => hub.transport.counters.accepted === crowd && hub.transport.counters.connected === crowd,
  );
  for (const { node } of others) hub.say(node, 1);
  for (const other of others) other.say(1, other.node);
  await eventually(() => others.every((other) => other.heard(1)) && hub.received.length === crowd);
  expect(new Set(hub.received.map(({ from }) => from)).size).toBe(crowd);
  const { counters } = hub.transport;
  await cluster.close();
  expect(counters).toMatchObject({ disconnected: 0, messagesDropped: 0, violations: 0, strangers: 0 });
  expect(hub.transport.links()).toEqual([]);
});
