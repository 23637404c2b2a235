import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { acknowledge, answerHeartbeat, Cluster, makeLeader, ofType, only, steadyLeader } from '../cluster.ts';
import { bytes, Member } from '../member.ts';

/** Chapter 6 of the dissertation. Sessions (6.3) are above the core. */

describe('6.2: routing requests to the leader', () => {
  test('a server says who leads', () => {
    const cluster = Cluster.of(3);
    cluster.elect(2);
    expect(cluster.members.map(({ status }) => status.lead)).toEqual([2, 2, 2]);
  });

  test('a follower passes a proposal on, and says that it did no more than that', () => {
    const cluster = Cluster.of(3);
    cluster.elect(2);
    expect(cluster.get(1).node.propose([bytes('a')])).toEqual({ accepted: true, forwarded: true });
    cluster.stabilize();
    cluster.beat();
    for (const { id } of cluster.members) expect(cluster.get(id).payloads()).toEqual(['a']);
  });

  test('one that knows no leader refuses, and so does a candidate', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    expect(member.node.propose([bytes('a')])).toEqual({ accepted: false, reason: 'noLeader' });
    member.node.campaign();
    expect(member.node.propose([bytes('a')])).toEqual({ accepted: false, reason: 'noLeader' });
  });

  test('a leader that cannot reach a majority steps down, and clients look elsewhere', () => {
    const leader = steadyLeader({ members: [1, 2, 3], settings: { checkQuorum: true } });
    leader.tick(20);
    expect(leader.status).toMatchObject({ role: 'follower', lead: 0 });
    expect(leader.node.propose([bytes('a')])).toEqual({ accepted: false, reason: 'noLeader' });
  });

  test('a proposal names index and term: an entry of another term there means that it was lost', () => {
    const cluster = Cluster.of(3);
    const old = cluster.elect(1);
    cluster.isolate(1);
    const result = old.node.propose([bytes('lost')]);
    expect(result).toMatchObject({ index: 2, term: 1 });
    cluster.settle();
    cluster.elect(2);
    cluster.heal();
    cluster.beat();
    expect(old.applied[1]).toMatchObject({ index: 2, term: 2 });
    expect(old.payloads()).toEqual([]);
  });
});

describe('6.4: read-only queries', () => {
  const ready = (): Member => steadyLeader({ members: [1, 2, 3, 4, 5] });

  test('1. a leader that has not committed an entry of its term waits for that', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3], log: [1, 1], hardState: { commit: 1 } });
    const appends = ofType(makeLeader(leader), 'append');
    leader.node.readIndex(7);
    expect(leader.settle()).toEqual([]);
    leader.step(acknowledge(appends[0]!));
    const heartbeats = ofType(leader.settle(), 'heartbeat');
    leader.step(answerHeartbeat(heartbeats[0]!));
    leader.settle();
    // Not what it knew to be committed when it was asked.
    expect(leader.reads).toEqual([{ token: 7, index: 3 }]);
  });

  test('2. the commit index of the moment of the question is the read index', () => {
    const leader = ready();
    leader.node.readIndex(7);
    const heartbeats = ofType(leader.settle(), 'heartbeat');
    leader.node.propose([bytes('a')]);
    leader.step(...ofType(leader.settle(), 'append').map(acknowledge));
    leader.step(...heartbeats.map(answerHeartbeat));
    leader.settle();
    expect(leader.status.commit).toBe(2);
    expect(leader.reads).toEqual([{ token: 7, index: 1 }]);
  });

  test('3. a majority confirms by heartbeats that it still leads', () => {
    const leader = ready();
    leader.node.readIndex(7);
    const [first, second] = ofType(leader.settle(), 'heartbeat').map(answerHeartbeat);
    leader.step(first!);
    // Again is no more than once.
    leader.step(first!);
    leader.settle();
    expect(leader.reads).toEqual([]);
    leader.step(second!);
    leader.settle();
    expect(leader.reads).toEqual([{ token: 7, index: 1 }]);
  });

  test('3. one that was deposed answers nothing, whatever comes late', () => {
    const leader = ready();
    leader.node.readIndex(7);
    const answers = ofType(leader.settle(), 'heartbeat').map(answerHeartbeat);
    leader.step(message('heartbeat', 1, { from: 2, term: 2 }));
    leader.step(...answers);
    leader.settle();
    expect(leader.reads).toEqual([]);
  });

  test('4. whoever serves the read waits until its own state has reached the read index', () => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    leader.node.propose([bytes('a')]);
    cluster.settle();
    cluster.deliver();
    cluster.settle();
    cluster.deliver();
    // Committed by the leader; the follower has not heard of it.
    cluster.settle(1);
    cluster.bag = [];
    const follower = cluster.get(2);
    follower.node.readIndex(9);
    cluster.settle(2);
    cluster.deliver();
    cluster.settle(1);
    const heartbeats = cluster.take(({ type }) => type === 'heartbeat');
    leader.step(...heartbeats.map(answerHeartbeat));
    cluster.settle(1);
    cluster.deliver();
    follower.settle();
    expect(follower.reads).toEqual([{ token: 9, index: 2 }]);
    // The index is beyond what is applied here: the driver holds the read back until it is.
    expect(follower.node.applied).toBeLessThan(2);
  });

  test('a follower asks its leader for the read index', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    cluster.get(3).node.readIndex(4);
    cluster.settle(3);
    expect(only(cluster.bag)).toMatchObject({ type: 'readIndex', to: 1, from: 3, context: 4 });
    cluster.stabilize();
    expect(cluster.get(3).reads).toEqual([{ token: 4, index: 1 }]);
    expect(cluster.get(1).reads).toEqual([]);
  });

  test('a follower that knows no leader asks nobody', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.node.readIndex(4);
    expect(member.settle()).toEqual([]);
    expect(member.reads).toEqual([]);
  });

  test('many reads share a round of heartbeats', () => {
    const leader = ready();
    for (let token = 1; token <= 10; token += 1) leader.node.readIndex(token);
    const last = ofType(leader.settle(), 'heartbeat').slice(-4);
    leader.step(...last.slice(0, 2).map(answerHeartbeat));
    leader.settle();
    expect(leader.reads.map(({ token }) => token)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('a single server confirms itself, and also only after an entry of its term', () => {
    const alone = new Member({ id: 1, members: [1], log: [1], hardState: { commit: 1 } });
    alone.node.campaign();
    alone.ready();
    alone.store();
    expect(alone.status).toMatchObject({ role: 'leader', commit: 1 });
    alone.node.readIndex(3);
    alone.ready();
    expect(alone.reads).toEqual([]);
    alone.settle();
    expect(alone.reads).toEqual([{ token: 3, index: 2 }]);
    alone.node.readIndex(4);
    alone.settle();
    expect(alone.reads).toEqual([
      { token: 3, index: 2 },
      { token: 4, index: 2 },
    ]);
  });

  test('6.4.1: with a lease the leader answers at once, when it has an entry of its term', () => {
    const settings = { checkQuorum: true, readOnly: 'lease' } as const;
    const leader = new Member({ id: 1, members: [1, 2, 3], settings });
    const appends = ofType(makeLeader(leader), 'append');
    leader.node.readIndex(1);
    leader.settle();
    expect(leader.reads).toEqual([]);
    leader.step(acknowledge(appends[0]!));
    leader.node.readIndex(2);
    expect(ofType(leader.settle(), 'heartbeat')).toEqual([]);
    expect(leader.reads).toEqual([
      { token: 1, index: 1 },
      { token: 2, index: 1 },
    ]);
  });
});
