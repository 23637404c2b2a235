import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { maxChunkBytes } from '../codec/frame.ts';
import { RandomMessages } from '../codec/random-messages.fixture.ts';
import type { SnapshotMeta } from '../codec/snapshot-codec.ts';
import type { TransportLimits } from './limits.ts';
import { MemorySnapshots, metaOf, reading, SnapshotPair, type Sent } from './memory-snapshots.fixture.ts';
import type { ReadChunk } from './transport.ts';
import { Authority, eventually } from './wire.fixture.ts';

const bytes = Buffer.from(new RandomMessages(61).bytes(4 * maxChunkBytes + 1000));

let authority: Authority;
let pair: SnapshotPair;

beforeAll(async () => {
  authority = await Authority.create();
});

const start = async (limits: Partial<TransportLimits> = {}): Promise<void> => {
  pair = await SnapshotPair.start(authority, limits);
};

beforeEach(() => start());
afterEach(() => pair.cluster.close());

const send = (meta: SnapshotMeta = metaOf(1, 2, bytes), read: ReadChunk = reading(bytes)): Sent =>
  pair.send(meta, read);

describe('a snapshot', () => {
  test('arrives, and its message after it', async () => {
    const meta = metaOf(1, 2, bytes);
    expect(await send(meta).ended).toBeUndefined();
    expect(pair.store.finished.map((one) => one.equals(bytes))).toEqual([true]);
    expect(pair.store.calls).toEqual(['begin 0', 'finish']);
    expect(pair.b.received).toEqual([{ from: 1, message: meta.message }]);
    expect(pair.a.transport.counters.snapshotsSent).toBe(1);
    expect(pair.b.transport.counters.snapshotsReceived).toBe(1);
  });

  test.each([0, 1, maxChunkBytes, 2 * maxChunkBytes])('of %i bytes arrives', async (size) => {
    const part = bytes.subarray(0, size);
    expect(await send(metaOf(1, 2, part), reading(part)).ended).toBeUndefined();
    expect(pair.store.finished.map((one) => one.equals(part))).toEqual([true]);
  });

  test('keeps no message waiting', async () => {
    let writes = 0;
    pair.store.beforeWrite = async () => {
      writes++;
      await eventually(() => pair.b.heard(1000 + writes));
    };
    const { ended } = send();
    const talk = setInterval(() => pair.a.say(2, 1000 + writes), 2);
    expect(await ended.finally(() => clearInterval(talk))).toBeUndefined();
    expect(writes).toBe(5);
  });

  test('goes on where it was cut off, as often as it comes further', async () => {
    await pair.cluster.close();
    await start({ snapshotWindowBytes: maxChunkBytes, snapshotTries: 2 });
    let cuts = 0;
    pair.store.beforeWrite = (offset) => {
      // Twice, in the middle of it.
      if (offset > cuts * maxChunkBytes && cuts < 2) {
        cuts++;
        pair.b.transport.setPeers([]);
        pair.b.transport.setPeers([pair.a.peer]);
      }
      return Promise.resolve();
    };
    expect(await send().ended).toBeUndefined();
    expect(pair.store.finished.map((one) => one.equals(bytes))).toEqual([true]);
    const begins = pair.store.calls
      .filter((call) => call.startsWith('begin'))
      .map((call) => Number(call.slice(6)));
    expect(begins).toHaveLength(3);
    expect(begins[1]).toBeGreaterThanOrEqual(maxChunkBytes);
    expect(begins[2]).toBeGreaterThan(begins[1]!);
    expect(pair.store.calls.filter((call) => call === 'abort')).toHaveLength(2);
    expect(pair.b.received).toHaveLength(1);
  });

  test('of other bytes begins anew, though index and term are the same', async () => {
    const first = send(metaOf(1, 2, bytes), (offset, length) => {
      if (offset > 0) throw new Error('the disk is gone');
      return bytes.subarray(offset, offset + length);
    });
    expect((await first.ended)?.message).toBe('the disk is gone');
    await eventually(() => pair.store.calls.includes('abort'));
    expect(pair.store.kept).toBe(maxChunkBytes);
    const other = Buffer.from(bytes).reverse();
    expect(await send(metaOf(1, 2, other), reading(other)).ended).toBeUndefined();
    expect(pair.store.calls).toEqual(['begin 0', 'abort', 'begin 0', 'finish']);
    expect(pair.store.finished[0]!.equals(other)).toBe(true);
  });

  test('is tried again after the receiver came back', async () => {
    await pair.b.transport.close();
    const { ended } = send(metaOf(1, 2, bytes));
    await eventually(() => pair.a.transport.counters.disconnected > 2);
    pair.cluster.members.pop();
    const { port } = pair.a.transport.address();
    pair.receiveAt(await pair.cluster.member(2));
    pair.a.transport.setPeers([pair.b.peer]);
    pair.b.transport.setPeers([{ ...pair.a.peer, port }]);
    expect(await ended).toBeUndefined();
    expect(pair.store.finished).toHaveLength(1);
  });
});

describe('a snapshot does not arrive', () => {
  test.each<[string, () => Sent, string]>([
    [
      'when it is not wanted',
      () => {
        pair.b.sinkFor = () => ({ ...pair.store.sink(), begin: () => undefined });
        return send();
      },
      'unwanted',
    ],
    [
      'when it is not what was announced',
      () => send({ ...metaOf(1, 2, bytes), sha256: new Uint8Array(32) }),
      'failed',
    ],
    [
      'when it cannot be written',
      () => {
        pair.store.beforeWrite = () => Promise.reject(new Error('disk full'));
        return send();
      },
      'failed',
    ],
    [
      'when the sink asks for what is beyond its end',
      () => {
        pair.b.sinkFor = () => ({ ...pair.store.sink(), begin: () => bytes.length + 1 });
        return send();
      },
      'failed',
    ],
    ['when too little of it can be read', () => send(undefined, () => bytes.subarray(0, 10)), 'Only 10 of'],
    ['when there is no such member', () => send(metaOf(1, 9, bytes)), 'no member 9'],
  ])('%s', async (_what, sent, problem) => {
    expect((await sent().ended)?.message).toContain(problem);
    expect(pair.b.received).toEqual([]);
    expect(pair.store.finished).toEqual([]);
    expect(pair.a.transport.counters.snapshotsSent).toBe(0);
  });

  test('when it is given up, or the member is not there any more', async () => {
    await pair.cluster.close();
    await start({ snapshotWindowBytes: maxChunkBytes });
    pair.store.beforeWrite = () => new Promise((resolve) => setTimeout(resolve, 20));
    const first = send();
    await eventually(() => pair.store.kept > 0);
    first.cancel();
    expect((await first.ended)?.message).toContain('given up');
    first.cancel();
    const second = send();
    await eventually(() => pair.store.calls.length >= 3);
    pair.a.transport.setPeers([]);
    expect((await second.ended)?.message).toContain('no member any more');
    expect(pair.b.received).toEqual([]);
  });

  test('when another one to the same member is on its way', async () => {
    const first = send();
    let told = false;
    const second = send();
    void second.ended.then(() => {
      told = true;
    });
    expect(told).toBe(false);
    expect((await second.ended)?.message).toContain('on its way already');
    expect(await first.ended).toBeUndefined();
  });

  test('when the transport closes', async () => {
    pair.store.beforeWrite = () => new Promise((resolve) => setTimeout(resolve, 50));
    const { ended } = send();
    await eventually(() => pair.store.calls.length > 0);
    await pair.a.transport.close();
    expect((await ended)?.message).toContain('closing');
    expect((await send().ended)?.message).toContain('closed');
  });

  test('and does not keep the receiver from closing, even when its disk hangs', async () => {
    await pair.cluster.close();
    await start({ closeMs: 100 });
    pair.store.beforeWrite = () => new Promise(() => undefined);
    const { ended } = send();
    await eventually(() => pair.store.writes > 0);
    await pair.b.transport.close();
    pair.a.transport.setPeers([]);
    expect(await ended).toBeDefined();
  });

  test('when it takes too long', async () => {
    await pair.cluster.close();
    await start({ snapshotMs: 200 });
    pair.store.beforeWrite = () => new Promise((resolve) => setTimeout(resolve, 100));
    expect((await send().ended)?.message).toContain('within 200 ms');
  });
});

test('snapshots are sent two at a time, the others wait for their turn', async () => {
  const stores = new Map<number, MemorySnapshots>();
  let writing = 0;
  let most = 0;
  for (const node of [3, 4, 5]) {
    const member = await pair.cluster.member(node);
    const into = new MemorySnapshots();
    stores.set(node, into);
    member.sinkFor = () => into.sink();
    into.beforeWrite = async (offset) => {
      if (offset === 0) most = Math.max(most, ++writing);
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (offset === 4 * maxChunkBytes) writing--;
    };
  }
  pair.cluster.introduce();
  const sent = [3, 4, 5].map((node) => send(metaOf(1, node, bytes)));
  const waiting = sent[2]!;
  expect(await Promise.all(sent.slice(0, 2).map(({ ended }) => ended))).toEqual([undefined, undefined]);
  expect(await waiting.ended).toBeUndefined();
  expect(most).toBeLessThanOrEqual(2);
  expect([...stores.values()].map(({ finished }) => finished.length)).toEqual([1, 1, 1]);
});

test('snapshots take no more bytes per second than they may', async () => {
  await pair.cluster.close();
  await start({ snapshotBytesPerSecond: 4_000_000 });
  const begun = performance.now();
  expect(await send().ended).toBeUndefined();
  // The first piece needs no wait, and pieces are as large as they may be.
  const least = ((bytes.length - 2 * maxChunkBytes) / 4_000_000) * 1000;
  expect(performance.now() - begun).toBeGreaterThan(least - 5);
});
