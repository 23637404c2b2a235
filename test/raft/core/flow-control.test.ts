import { describe, expect, test } from '@jest/globals';
import type { RaftConfig } from '../../../agent/src/raft/core/config.ts';
import { entrySize } from '../../../agent/src/raft/core/types.ts';
import {
  acknowledge,
  answerHeartbeat,
  appendOf,
  at,
  Cluster,
  makeLeader,
  ofType,
  only,
  reject,
  steadyLeader,
} from '../cluster.ts';
import { bytes, entry, Member, noBytes } from '../member.ts';

const ready = (settings: Partial<RaftConfig>): Member => steadyLeader({ members: [1, 2, 3], settings });

const propose = (leader: Member, count: number, size = 0): void => {
  for (let proposals = 0; proposals < count; proposals += 1) leader.node.propose([new Uint8Array(size)]);
};

const overhead = entrySize(entry(1, 1));

describe('the window of appends', () => {
  test('has room for so many messages', () => {
    const leader = ready({ maxInflightMessages: 3, maxAppendBytes: 0 });
    propose(leader, 10);
    expect(ofType(leader.settle(), 'append', 2)).toHaveLength(3);
    expect(leader.status.progress.get(2)).toMatchObject({ paused: true, next: 5 });
  });

  test('one acknowledgement makes room for as many as it covers', () => {
    const leader = ready({ maxInflightMessages: 3, maxAppendBytes: 0 });
    propose(leader, 10);
    const [first, second] = ofType(leader.settle(), 'append', 2);
    leader.step(acknowledge(first!));
    expect(ofType(leader.settle(), 'append', 2)).toMatchObject([{ entries: [{ index: 5 }] }]);
    leader.step(acknowledge(first!));
    expect(ofType(leader.settle(), 'append', 2)).toEqual([]);
    leader.step({ ...acknowledge(second!), index: 5 });
    expect(ofType(leader.settle(), 'append', 2).map(({ entries }) => entries[0]?.index)).toEqual([6, 7, 8]);
  });

  test('has room for so many bytes; the one that is one too many still fits', () => {
    const each = 100 + overhead;
    const leader = ready({ maxInflightBytes: 2 * each + 1, maxAppendBytes: 0 });
    propose(leader, 10, 100);
    const sent = ofType(leader.settle(), 'append', 2);
    expect(sent).toHaveLength(3);
    leader.step(acknowledge(sent[0]!));
    expect(ofType(leader.settle(), 'append', 2)).toHaveLength(1);
  });

  test('a single entry larger than the window is not stuck', () => {
    const leader = ready({ maxInflightBytes: 50 });
    propose(leader, 2, 1000);
    const first = only(ofType(leader.settle(), 'append', 2));
    expect(first.entries).toHaveLength(1);
    leader.step(acknowledge(first));
    expect(ofType(leader.settle(), 'append', 2).flatMap(({ entries }) => entries)).toHaveLength(1);
  });

  test('full and all lost: a heartbeat is answered, and an empty append asks (etcd PR 14633)', () => {
    const leader = ready({ maxInflightMessages: 2, maxAppendBytes: 0 });
    propose(leader, 5);
    const lost = ofType(leader.settle(), 'append', 2);
    expect(lost).toHaveLength(2);
    leader.tick();
    const heartbeat = only(ofType(leader.settle(), 'heartbeat', 2));
    leader.step(answerHeartbeat(heartbeat));
    const probe = only(ofType(leader.settle(), 'append', 2));
    expect(probe).toMatchObject({ index: 3, entries: [] });
    // Only one of them, until something is heard again.
    propose(leader, 1);
    expect(ofType(leader.settle(), 'append', 2)).toEqual([]);
    leader.step(reject(probe, 1, 1));
    expect(ofType(leader.settle(), 'append', 2)).toMatchObject([{ index: 1, entries: [{ index: 2 }] }]);
  });

  test('a cluster recovers from it', () => {
    const cluster = Cluster.of(3, { settings: { maxInflightMessages: 2, maxAppendBytes: 0 } });
    const leader = cluster.elect(1);
    cluster.isolate(3);
    for (const data of ['a', 'b', 'c', 'd', 'e']) leader.node.propose([bytes(data)]);
    cluster.stabilize();
    cluster.heal();
    cluster.beat();
    expect(cluster.get(3).payloads()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('in probe there is one append at a time', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3] });
    makeLeader(leader);
    propose(leader, 5);
    expect(ofType(leader.settle(), 'append')).toEqual([]);
    for (let beats = 0; beats < 3; beats += 1) {
      leader.tick();
      // Nobody answers: no further append.
      expect(ofType(leader.settle(), 'append')).toEqual([]);
    }
    leader.tick();
    leader.step(answerHeartbeat(only(ofType(leader.settle(), 'heartbeat', 2))));
    expect(ofType(leader.settle(), 'append', 2)).toMatchObject([{ index: 0 }]);
  });

  test('an answer that says nothing new ends the probing', () => {
    const leader = ready({});
    leader.node.reportUnreachable(2);
    expect(leader.status.progress.get(2)).toMatchObject({ state: 'probe', match: 1, next: 2 });
    leader.tick();
    leader.step(answerHeartbeat(only(ofType(leader.settle(), 'heartbeat', 2))));
    const probe = only(ofType(leader.settle(), 'append', 2));
    leader.step(acknowledge(probe));
    expect(leader.status.progress.get(2)?.state).toBe('replicate');
  });

  test('unreachable means anything only while it replicates', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3] });
    makeLeader(leader);
    leader.node.reportUnreachable(2);
    leader.node.reportUnreachable(9);
    expect(leader.status.progress.get(2)).toMatchObject({ state: 'probe', paused: true });
  });
});

describe('the size of an append', () => {
  test('is limited, but for one entry', () => {
    const leader = ready({ maxAppendBytes: 2 * (10 + overhead) });
    leader.node.propose(Array.from({ length: 5 }, () => new Uint8Array(10)));
    leader.node.propose([new Uint8Array(1000)]);
    const sizes = ofType(leader.settle(), 'append', 2).map(({ entries }) => entries.length);
    // The first proposal goes out in one, the rest when there is something to answer.
    expect(sizes[0]).toBe(2);
    const cluster = Cluster.of(3, { settings: { maxAppendBytes: 2 * (10 + overhead) } });
    cluster
      .elect(1)
      .node.propose([...Array.from({ length: 5 }, () => new Uint8Array(10)), new Uint8Array(1000)]);
    cluster.stabilize();
    cluster.beat();
    expect(cluster.members.map(({ status }) => status.commit)).toEqual([7, 7, 7]);
  });

  test('0 means one entry each', () => {
    const leader = ready({ maxAppendBytes: 0 });
    leader.node.propose([bytes('a'), bytes('b'), bytes('c')]);
    const first = only(ofType(leader.settle(), 'append', 2));
    expect(first.entries).toHaveLength(1);
    leader.step(acknowledge(first));
    expect(ofType(leader.settle(), 'append', 2).map(({ entries }) => entries.length)).toEqual([1, 1]);
  });
});

describe('proposals that are not applied yet', () => {
  const tooMuch = { accepted: false, reason: 'tooMuchUncommitted' };

  test('are refused beyond a number of bytes, and taken again when some are applied', () => {
    const leader = ready({ maxUncommittedBytes: 100 });
    propose(leader, 2, 40);
    expect(leader.node.propose([new Uint8Array(40)])).toEqual(tooMuch);
    expect(leader.node.propose([new Uint8Array(20)])).toMatchObject({ accepted: true });
    const appends = ofType(leader.settle(), 'append', 2);
    leader.step(acknowledge(appends[0]!));
    leader.settle();
    expect(leader.node.propose([new Uint8Array(40)])).toMatchObject({ accepted: true });
  });

  test('count until they are applied, not only until they are committed', () => {
    const leader = ready({ maxUncommittedBytes: 50 });
    propose(leader, 1, 50);
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    leader.ready();
    expect(leader.status.commit).toBe(2);
    expect(leader.node.propose([new Uint8Array(10)])).toEqual(tooMuch);
    leader.settle();
    expect(leader.node.propose([new Uint8Array(10)])).toMatchObject({ accepted: true });
  });

  test('one alone that is too large is taken, the next is not', () => {
    const leader = ready({ maxUncommittedBytes: 10 });
    expect(leader.node.propose([new Uint8Array(1000)])).toMatchObject({ accepted: true });
    expect(leader.node.propose([new Uint8Array(1)])).toEqual(tooMuch);
  });

  test('of several at once all are taken or none', () => {
    const leader = ready({ maxUncommittedBytes: 100 });
    propose(leader, 1, 50);
    expect(leader.node.propose([new Uint8Array(30), new Uint8Array(30)])).toEqual(tooMuch);
    expect(leader.status.lastIndex).toBe(2);
  });

  test('empty ones always go: a new leader must have its first entry', () => {
    const leader = ready({ maxUncommittedBytes: 10 });
    propose(leader, 1, 10);
    expect(leader.node.propose([noBytes])).toMatchObject({ accepted: true });
  });

  test('are forgotten with the term, and what others had proposed is not counted', () => {
    const leader = ready({ maxUncommittedBytes: 50 });
    propose(leader, 1, 50);
    leader.step(appendOf(1, 2, 2, at(2, 1), [2]));
    makeLeader(leader);
    expect(leader.node.propose([new Uint8Array(50)])).toMatchObject({ accepted: true });
  });
});

describe('what the application is given at a time', () => {
  const follower = (maxApplyBytes: number, sizes: readonly number[]): Member => {
    const member = new Member({ id: 1, members: [1, 2, 3], settings: { maxApplyBytes } });
    const entries = sizes.map((size, index) => ({ ...entry(index + 1, 1), data: new Uint8Array(size) }));
    member.step({ ...appendOf(1, 2, 1, at(0, 0), [], sizes.length), entries });
    member.ready();
    member.store();
    return member;
  };

  const given = (member: Member): number[][] =>
    member.applies.map(({ entries }) => entries.map(({ index }) => index));

  test('is limited in bytes, and the next part comes when a part is done', () => {
    const member = follower(2 * (10 + overhead), [10, 10, 10, 10, 10]);
    member.ready();
    expect(given(member)).toEqual([[1, 2]]);
    expect(member.node.hasReady()).toBe(false);
    member.apply();
    member.ready();
    expect(given(member)).toEqual([[3, 4]]);
    member.apply();
    member.ready();
    expect(given(member)).toEqual([[5]]);
  });

  test('room that is left is used by the next part', () => {
    const member = follower(2 * (10 + overhead), [10]);
    member.ready();
    member.step(appendOf(1, 2, 1, at(1, 1), [1, 1, 1], 4));
    member.ready();
    member.store();
    member.ready();
    expect(given(member)).toEqual([[1], [2]]);
  });

  test('an entry that is larger than that comes alone', () => {
    const member = follower(10, [100, 100]);
    member.ready();
    expect(given(member)).toEqual([[1]]);
    member.settle();
    expect(member.status.applied).toBe(2);
  });
});
