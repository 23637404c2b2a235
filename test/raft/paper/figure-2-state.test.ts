import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { acknowledge, Cluster, makeLeader, ofType, only, reject } from '../cluster.ts';
import { bytes, entry, Member } from '../member.ts';

/** Figure 2 of the paper, "State". */

const append = (fields: Parameters<typeof message>[2]) => message('append', 1, { from: 2, ...fields });

describe('persistent state on all servers', () => {
  test('currentTerm is 0 on first boot and increases monotonically', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    expect(member.status.term).toBe(0);
    member.step(append({ term: 3 }));
    member.step(append({ term: 2 }));
    expect(member.status.term).toBe(3);
    member.node.campaign();
    expect(member.status.term).toBe(4);
  });

  test('currentTerm survives a restart', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(message('heartbeat', 1, { from: 2, term: 7 }));
    member.settle();
    member.crash();
    member.restart();
    expect(member.status.term).toBe(7);
  });

  test('votedFor is empty in a new term and survives a restart', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(message('vote', 1, { from: 3, term: 2 }));
    member.settle();
    expect(member.status.vote).toBe(3);
    member.crash();
    member.restart();
    expect(member.status).toMatchObject({ term: 2, vote: 3 });
    member.step(message('heartbeat', 1, { from: 2, term: 3 }));
    expect(member.status.vote).toBe(0);
  });

  test('votedFor stays when a leader of the same term is heard', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(message('vote', 1, { from: 3, term: 2 }), append({ term: 2 }));
    expect(member.status).toMatchObject({ term: 2, vote: 3, lead: 2 });
  });

  test('the log survives a restart; its first index is 1', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(append({ term: 1, entries: [entry(1, 1, 'a'), entry(2, 1, 'b')] }));
    member.settle();
    member.crash();
    member.restart();
    expect(member.status).toMatchObject({ firstIndex: 1, lastIndex: 2 });
    expect(member.terms()).toEqual([1, 1]);
  });

  test('an entry holds the command and the term in which the leader received it', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], log: [1, 1] });
    makeLeader(member);
    member.node.propose([bytes('x')]);
    member.settle();
    expect(member.entries().at(-1)).toEqual(entry(4, 2, 'x'));
  });

  test('term, vote and log are on stable storage before an RPC is answered', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(message('vote', 1, { from: 2, term: 1 }));
    expect(member.ready()).toEqual([]);
    expect(only(member.appends).hardState).toMatchObject({ term: 1, vote: 2 });
    expect(ofType(member.store(), 'voteResp', 2)).toHaveLength(1);

    member.step(append({ term: 1, entries: [entry(1, 1)] }));
    expect(member.ready()).toEqual([]);
    expect(only(member.appends).entries).toEqual([entry(1, 1)]);
    expect(only(member.store())).toMatchObject({ type: 'appendResp', to: 2, index: 1 });
  });

  test('term and vote are one record: never is one on disk without the other', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    member.step(message('vote', 1, { from: 3, term: 5 }));
    member.ready();
    expect(member.appends.map(({ hardState }) => hardState)).toEqual([{ term: 5, vote: 3, commit: 0 }]);
  });
});

describe('volatile state on all servers', () => {
  test('commitIndex is 0 at first and increases monotonically', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    expect(member.status.commit).toBe(0);
    const entries = [entry(1, 1), entry(2, 1), entry(3, 1)];
    member.step(append({ term: 1, entries, commit: 3 }));
    member.step(append({ term: 1, commit: 1 }), message('heartbeat', 1, { from: 2, term: 1, commit: 2 }));
    expect(member.status.commit).toBe(3);
  });

  test('lastApplied is 0 at first, increases monotonically and never passes commitIndex', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    expect(member.status.applied).toBe(0);
    member.step(append({ term: 1, entries: [entry(1, 1), entry(2, 1)], commit: 1 }));
    member.settle();
    expect(member.status.applied).toBe(1);
    member.step(append({ term: 1, index: 2, logTerm: 1, commit: 9 }));
    member.settle();
    expect(member.status).toMatchObject({ commit: 2, applied: 2 });
  });
});

describe('volatile state on leaders', () => {
  test('nextIndex starts at the last log index + 1, matchIndex at 0', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1] });
    const [first] = ofType(makeLeader(member), 'append', 2);
    // The first one is the new leader's own: the one before is where nextIndex points.
    expect(first).toMatchObject({ index: 3, logTerm: 1, entries: [{ index: 4, term: 2 }] });
    expect(member.status.progress.get(2)).toMatchObject({ match: 0, next: 4 });
  });

  test('both are started anew after every election', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    cluster.get(1).node.propose([bytes('a')]);
    cluster.stabilize();
    expect(cluster.get(1).status.progress.get(2)).toMatchObject({ match: 2, next: 3 });
    cluster.elect(2);
    makeLeader(cluster.get(1));
    expect(cluster.get(1).status.progress.get(2)).toMatchObject({ match: 0, next: 4 });
  });

  test('matchIndex increases monotonically, whatever answers come late', () => {
    const member = new Member({ id: 1, members: [1, 2, 3] });
    const first = only(ofType(makeLeader(member), 'append', 2));
    member.step(acknowledge(first));
    member.settle();
    member.node.propose([bytes('a')]);
    const second = only(ofType(member.settle(), 'append', 2));
    member.step(acknowledge(second));
    expect(member.status.progress.get(2)?.match).toBe(2);
    member.step(acknowledge(first), reject(first, 0, 0));
    expect(member.status.progress.get(2)).toMatchObject({ match: 2, next: 3 });
  });
});
