import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { message } from '../core/message.ts';
import { RandomMessages } from '../codec/random-messages.fixture.ts';
import { Authority, Cluster, entryOf, eventually, Lines } from './wire.fixture.ts';

let authority: Authority;
let cluster: Cluster;

beforeAll(async () => {
  authority = await Authority.create();
});
beforeEach(() => {
  cluster = new Cluster(authority);
});
afterEach(() => cluster.close());

const pair = async (limits = {}) => {
  const a = await cluster.member(1, limits);
  const b = await cluster.member(2, limits);
  cluster.introduce();
  await cluster.connected();
  return { a, b };
};

describe('between members', () => {
  test('messages arrive whole and in order, both ways', async () => {
    const { a, b } = await pair();
    const random = new RandomMessages(41);
    const of = (from: number, to: number) =>
      Array.from({ length: 500 }, () => ({ ...random.message(), from, to }));
    const [toB, toA] = [of(1, 2), of(2, 1)];
    for (let at = 0; at < 500; at += 50) {
      a.transport.send(toB.slice(at, at + 50));
      b.transport.send(toA.slice(at, at + 50));
      if (at % 100 === 0) await eventually(() => b.received.length >= at);
    }
    await eventually(() => a.received.length === 500 && b.received.length === 500);
    expect(b.received.map((one) => one.message)).toEqual(toB);
    expect(a.received.map((one) => one.message)).toEqual(toA);
    expect([a.unreachable, b.unreachable]).toEqual([[], []]);
  });

  test('nothing leaves before the turn is over', async () => {
    const { a, b } = await pair();
    const before = a.transport.counters.bytesSent;
    for (let commit = 1; commit <= 20; commit++) a.say(2, commit);
    expect(a.transport.counters.bytesSent).toBe(before);
    await eventually(() => b.heard(20));
    expect(b.received).toHaveLength(20);
  });

  test('a large message arrives', async () => {
    const { a, b } = await pair();
    const large = message('append', 2, { from: 1, entries: [entryOf(12 * 1024 * 1024, 7)] });
    a.transport.send([large]);
    await eventually(() => b.received.length === 1);
    expect(Buffer.compare(b.received[0]!.message.entries[0]!.data, large.entries[0]!.data)).toBe(0);
  });

  test('one that is too large for any frame is dropped, told and logged', async () => {
    const lines = new Lines();
    const a = await cluster.member(1, {}, { log: lines.logger() });
    const b = await cluster.member(2);
    cluster.introduce();
    await cluster.connected();
    a.transport.send([message('append', 2, { from: 1, entries: [entryOf(16 * 1024 * 1024)] })]);
    await eventually(() => a.unreachable.length === 1);
    expect(lines.all).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ peer: 2, type: 'append' }),
      }),
    );
    a.say(2, 9);
    await eventually(() => b.heard(9));
  });

  test('to a member that nobody knows is told, not from within the call', async () => {
    const { a } = await pair();
    a.say(99, 1);
    expect(a.unreachable).toEqual([]);
    await eventually(() => a.unreachable.length > 0);
    expect(a.unreachable).toEqual([99]);
  });

  test.each([
    ['', 7000],
    ['localhost', 0],
    ['localhost', 65_536],
    ['localhost', Number.NaN],
  ])('a place like %j, %d is refused before anything changes', async (host, port) => {
    const { a, b } = await pair();
    const nowhere = { ...b.peer, node: 3, host, port };
    expect(() => a.transport.setPeers([nowhere])).toThrow(RangeError);
    a.say(2, 1);
    await eventually(() => b.heard(1));
  });

  test('a silent connection stays up', async () => {
    const { a, b } = await pair({ aliveMs: 30, idleMs: 600 });
    const until = Date.now() + 1500;
    await eventually(() => Date.now() > until);
    a.say(2, 1);
    b.say(1, 2);
    await eventually(() => b.heard(1) && a.heard(2));
    expect(a.transport.counters.disconnected + b.transport.counters.disconnected).toBe(0);
  });
});
