import { describe, expect, test } from '@jest/globals';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import type { ConfState, Index, Snapshot, Term } from '../../../agent/src/raft/core/types.ts';
import { addVoter, change, remove } from '../changes.ts';
import { appendOf, at, Cluster, ofType, only } from '../cluster.ts';
import { bytes, Member, members, noBytes } from '../member.ts';

const three = members([1, 2, 3]);

const snapshotAt = (index: Index, term: Term, config: ConfState = three): Snapshot => ({
  index,
  term,
  config,
  data: noBytes,
});

const sent = (snapshot: Snapshot, term: Term, from = 2): Message =>
  message('snapshot', 1, { from, term, snapshot });

const follower = (log: readonly Term[], rest: object = {}): Member =>
  new Member({ id: 1, members: [1, 2, 3], log, ...rest });

describe('a snapshot that arrives', () => {
  test('replaces the whole log when that ends before it', () => {
    const member = follower([1, 1]);
    member.step(sent(snapshotAt(5, 2), 3));
    expect(only(ofType(member.settle(), 'appendResp'))).toMatchObject({ index: 5, reject: false });
    expect(member.status).toMatchObject({ firstIndex: 6, lastIndex: 5, commit: 5, applied: 5 });
    expect(member.log.term(5)).toBe(2);
  });

  test('replaces a log that is longer but has another term there', () => {
    const member = follower([1, 1, 1, 1, 1, 1]);
    member.step(sent(snapshotAt(4, 2), 2));
    member.settle();
    expect(member.status).toMatchObject({ firstIndex: 5, lastIndex: 4, commit: 4 });
  });

  test.each([
    ['exactly its last entry', [1, 1, 1], 3],
    ['an entry in the middle', [1, 1, 1, 1, 1], 3],
  ])('of %s only says what is committed: the log stays', (_name, log, index) => {
    const member = follower(log);
    member.step(sent(snapshotAt(index, 1), 1));
    expect(only(member.settle())).toMatchObject({ type: 'appendResp', index });
    expect(member.status).toMatchObject({ firstIndex: 1, lastIndex: log.length, commit: 3, applied: 3 });
  });

  test.each([1, 2])('of what is committed already (%d of 2) changes nothing', (index) => {
    const member = follower([1, 1, 1], { hardState: { commit: 2 } });
    member.step(sent(snapshotAt(index, 1, members([1])), 1));
    expect(only(ofType(member.settle(), 'appendResp'))).toMatchObject({ index: 2 });
    expect(member.status).toMatchObject({ firstIndex: 1, lastIndex: 3, config: three });
  });

  test('of a leader of an earlier term is not looked at', () => {
    const member = follower([1], { hardState: { term: 5 } });
    member.step(sent(snapshotAt(9, 4), 4));
    expect(member.settle()).toEqual([]);
    expect(member.status).toMatchObject({ term: 5, lastIndex: 1 });
  });

  test('from before the member was added does for it as well: the entry that adds it follows', () => {
    // 1 alone has added 4 and needs its vote for everything from now on; its newest snapshot is older than that.
    const cluster = new Cluster([
      { id: 1, members: [1], start: { index: 1, term: 1 } },
      { id: 4, members: [] },
    ]);
    const leader = cluster.elect(1);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    leader.snapshot();
    leader.node.proposeConfigChange(change([addVoter(4)]));
    cluster.stabilize();
    expect(leader.log.snapshot()?.config).toEqual(members([1]));
    leader.node.reportSnapshot(4, true);
    cluster.beat();
    leader.node.propose([bytes('b')]);
    cluster.stabilize();
    cluster.beat();
    expect(leader.payloads()).toEqual(['a', 'b']);
    expect(cluster.get(4).status.config).toEqual(members([1, 4]));
  });

  test('in which a member is not, makes it one that does not campaign', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(9, 1, members([2, 3])), 1));
    expect(only(ofType(member.settle(), 'appendResp'))).toMatchObject({ index: 9 });
    member.tick(50);
    expect(member.status).toMatchObject({ role: 'follower', term: 1, config: members([2, 3]) });
  });

  test('without a snapshot in it is nothing', () => {
    const member = follower([1]);
    member.step(message('snapshot', 1, { from: 2, term: 1 }));
    expect(ofType(member.settle(), 'appendResp')).toEqual([]);
    expect(member.status.lead).toBe(2);
  });

  test('brings the members along, also joint ones', () => {
    const joint = members({
      voters: [1, 4],
      outgoing: [1, 2, 3],
      learnersNext: [3],
      learners: [5],
      autoLeave: true,
    });
    const member = follower([1]);
    member.step(sent(snapshotAt(9, 1, joint), 1));
    member.settle();
    expect(member.status.config).toEqual(joint);
    member.crash();
    member.restart();
    expect(member.status.config).toEqual(joint);
  });

  test('may turn a voter into a learner, which does not campaign any more (etcd PR 10864)', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(9, 1, members({ voters: [2, 3], learners: [1] })), 1));
    member.settle();
    member.tick(50);
    expect(member.status).toMatchObject({ role: 'follower', term: 1 });
  });

  test('may turn a learner into a voter', () => {
    const member = new Member({ id: 1, members: { voters: [2, 3], learners: [1] } });
    member.step(sent(snapshotAt(9, 1), 1));
    member.settle();
    member.tick(50);
    expect(member.status.role).toBe('candidate');
  });

  test('ends the candidacy of a member', () => {
    const member = follower([1]);
    member.node.campaign();
    member.step(sent(snapshotAt(9, 1), 2));
    expect(member.status).toMatchObject({ role: 'follower', lead: 2, commit: 9 });
  });
});

describe('until a snapshot is on disk', () => {
  test('it is not acknowledged, and neither is what comes after it', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(5, 2), 2), appendOf(1, 2, 2, at(5, 2), [2, 2], 7));
    expect(ofType(member.ready(), 'appendResp')).toEqual([]);
    // In one piece the snapshot comes first.
    expect(only(member.appends)).toMatchObject({
      snapshot: { index: 5 },
      entries: [{ index: 6 }, { index: 7 }],
      mustSync: true,
    });
    expect(member.applies).toEqual([]);
    expect(member.store().map(({ index }) => index)).toEqual([5, 7]);
    member.settle();
    expect(member.status).toMatchObject({ applied: 7, firstIndex: 6 });
  });

  test('the member does not campaign: the snapshot may say that it has no vote', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(5, 2), 2));
    member.ready();
    member.node.campaign();
    member.tick(50);
    expect(member.status.role).toBe('follower');
    member.store();
    member.node.campaign();
    expect(member.status.role).toBe('candidate');
  });

  test('it votes by what the snapshot holds', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(5, 2), 2));
    member.step(message('vote', 1, { from: 3, term: 3, index: 4, logTerm: 2 }));
    expect(ofType(member.settle(), 'voteResp')).toMatchObject([{ reject: true }]);
  });

  test('a crash leaves the old log, and no acknowledgement has left', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(5, 2), 2));
    expect(member.ready()).toEqual([]);
    member.crash();
    member.restart();
    expect(member.status).toMatchObject({ term: 1, lastIndex: 1, commit: 0 });
  });

  test('a newer one may follow: the older one is done first and is not the last word (etcd#18055)', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(5, 1), 1));
    member.ready();
    member.step(sent(snapshotAt(8, 1, members([1, 2])), 1));
    member.ready();
    expect(member.appends.map(({ snapshot }) => snapshot?.index)).toEqual([5, 8]);
    member.store();
    expect(member.status).toMatchObject({ commit: 8, applied: 5, lastIndex: 8 });
    member.store();
    expect(member.status).toMatchObject({ commit: 8, applied: 8, config: members([1, 2]) });
    member.step(appendOf(1, 2, 1, at(8, 1), [1], 9));
    member.settle();
    expect(member.status.applied).toBe(9);
  });

  test('an older one that comes late changes nothing', () => {
    const member = follower([1]);
    member.step(sent(snapshotAt(8, 1), 1), sent(snapshotAt(5, 1, members([1])), 1));
    member.settle();
    expect(member.status).toMatchObject({ lastIndex: 8, config: three });
  });
});

describe('a snapshot overtakes what is being applied', () => {
  const overtaken = (): Member => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addVoter(4)]));
    leader.node.propose([bytes('a')]);
    cluster.settle(1);
    const appends = ofType(cluster.bag, 'append', 2);
    const member = cluster.get(2);
    member.step(...appends, message('heartbeat', 2, { from: 1, term: 1, commit: 3 }));
    member.ready();
    member.store();
    member.ready();
    // Handed to the application, which is slow.
    expect(member.applies).toHaveLength(1);
    // A snapshot of a later leader, in which 4 has come and 3 has gone.
    const snapshot = snapshotAt(9, 2, members([1, 2, 4]));
    member.step(message('snapshot', 2, { from: 3, term: 2, snapshot }));
    member.ready();
    return member;
  };

  test('the work that is out is finished without harm: applied does not fall', () => {
    const member = overtaken();
    member.store();
    expect(member.status.applied).toBe(9);
    member.apply();
    expect(member.status.applied).toBe(9);
    expect(member.status.config).toEqual(members([1, 2, 4]));
  });

  test('a change that the snapshot holds changes nothing any more', () => {
    const member = overtaken();
    // Before the snapshot is durable, too: the members are those of the snapshot from the moment it came.
    expect(member.node.applyConfigChange(change([addVoter(4)]), 2)).toBeUndefined();
    expect(member.node.applyConfigChange(change([remove(1)]), 9)).toBeUndefined();
    expect(member.status.config).toEqual(members([1, 2, 4]));
    expect(member.node.applyConfigChange(change([remove(1)]), 10)).toEqual(members([2, 4]));
  });

  test('the room that the overtaken work took is free again', () => {
    const member = follower([1, 1, 1], { hardState: { commit: 3 }, settings: { maxApplyBytes: 1 } });
    member.ready();
    expect(member.applies).toHaveLength(1);
    member.step(sent(snapshotAt(9, 2), 2), appendOf(1, 2, 2, at(9, 2), [2], 10));
    member.ready();
    member.store();
    member.apply();
    member.settle();
    expect(member.status.applied).toBe(10);
  });
});
