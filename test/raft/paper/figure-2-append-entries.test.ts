import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import type { Term } from '../../../agent/src/raft/core/types.ts';
import { ofType, only, steadyLeader } from '../cluster.ts';
import { bytes, entry, Member } from '../member.ts';

/** Figure 2 of the paper, "AppendEntries RPC". Heartbeats are messages of their own: they carry no position. */

const follower = (log: readonly Term[], hardState = {}): Member =>
  new Member({ id: 1, members: [1, 2, 3], log, hardState });

const receive = (member: Member, fields: Partial<Message>): Message => {
  member.step(message('append', 1, { from: 2, ...fields }));
  return only(ofType(member.settle(), 'appendResp', 2));
};

describe('arguments', () => {
  test('the leader names its term, the entry before, the entries and its commit index', () => {
    const leader = steadyLeader({ members: [1, 2, 3], log: [1] });
    leader.node.propose([bytes('a'), bytes('b')]);
    expect(only(ofType(leader.settle(), 'append', 3))).toMatchObject({
      from: 1,
      term: 2,
      index: 2,
      logTerm: 2,
      entries: [entry(3, 2, 'a'), entry(4, 2, 'b')],
      commit: 2,
    });
  });
});

describe('receiver', () => {
  test.each(['preVote', 'checkQuorum'])('1. replies false when term < currentTerm, with %s', (setting) => {
    const settings = { [setting]: true };
    const member = new Member({ id: 1, members: [1, 2, 3], hardState: { term: 5 }, settings });
    const answer = receive(member, { term: 4, entries: [entry(1, 4)], commit: 1 });
    // The higher term says no.
    expect(answer).toMatchObject({ term: 5, index: 0 });
    expect(member.status).toMatchObject({ term: 5, lastIndex: 0, commit: 0, lead: 0 });
  });

  test('1. takes nothing of a leader of an earlier term', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], hardState: { term: 5 } });
    member.step(message('append', 1, { from: 2, term: 4, entries: [entry(1, 4)], commit: 1 }));
    expect(member.settle()).toEqual([]);
    expect(member.status).toMatchObject({ term: 5, lastIndex: 0, commit: 0, lead: 0 });
  });

  test('2. replies false when the log has no entry at prevLogIndex', () => {
    const member = follower([1]);
    const answer = receive(member, { term: 2, index: 3, logTerm: 2, entries: [entry(4, 2)], commit: 3 });
    expect(answer).toMatchObject({ reject: true, index: 3 });
    expect(member.status).toMatchObject({ lastIndex: 1, commit: 0 });
  });

  test('2. replies false when the entry at prevLogIndex has another term', () => {
    const member = follower([1, 1]);
    const answer = receive(member, { term: 3, index: 2, logTerm: 2, entries: [entry(3, 3)], commit: 2 });
    expect(answer).toMatchObject({ reject: true, index: 2 });
    // Nothing goes before it is known what belongs there.
    expect(member.terms()).toEqual([1, 1]);
    expect(member.status.commit).toBe(0);
  });

  test('2. the beginning of the log always matches', () => {
    const member = follower([1, 1]);
    expect(receive(member, { term: 2, index: 0, logTerm: 0 })).toMatchObject({ reject: false, index: 0 });
  });

  test('3. deletes an entry of another term and all that follow it', () => {
    const member = follower([1, 1, 1, 1]);
    receive(member, { term: 2, index: 1, logTerm: 1, entries: [entry(2, 2)] });
    expect(member.terms()).toEqual([1, 2]);
    expect(member.log.lastIndex()).toBe(2);
  });

  test('3. deletes from the first conflict on, not from prevLogIndex', () => {
    const member = follower([1, 1, 1]);
    receive(member, { term: 2, index: 0, logTerm: 0, entries: [entry(1, 1), entry(2, 1), entry(3, 2)] });
    expect(member.terms()).toEqual([1, 1, 2]);
  });

  test('3. deletes nothing without a conflict: a late, shorter append leaves the longer log', () => {
    const member = follower([1, 1, 1]);
    expect(receive(member, { term: 1, index: 0, logTerm: 0, entries: [entry(1, 1)] })).toMatchObject({
      index: 1,
    });
    expect(receive(member, { term: 1, index: 1, logTerm: 1 })).toMatchObject({ index: 1 });
    expect(member.terms()).toEqual([1, 1, 1]);
  });

  test('4. appends entries that are not in the log yet, and only these', () => {
    const member = follower([1, 1]);
    member.step(
      message('append', 1, { from: 2, term: 2, index: 1, logTerm: 1, entries: [entry(2, 1), entry(3, 2)] }),
    );
    member.ready();
    expect(member.appends.flatMap(({ entries }) => entries)).toEqual([entry(3, 2)]);
    expect(only(member.store())).toMatchObject({ type: 'appendResp', index: 3, reject: false });
  });

  test('5. sets commitIndex to leaderCommit when it has all of that', () => {
    const member = follower([1, 1, 1]);
    receive(member, { term: 1, index: 3, logTerm: 1, commit: 2 });
    expect(member.status.commit).toBe(2);
  });

  test('5. sets commitIndex to the last new entry when leaderCommit is beyond it', () => {
    const member = follower([1, 1, 1]);
    // What follows index 1 may be of another leader: nothing says yet that it is the same there.
    receive(member, { term: 2, index: 1, logTerm: 1, commit: 3 });
    expect(member.status.commit).toBe(1);
    receive(member, { term: 2, index: 1, logTerm: 1, entries: [entry(2, 1)], commit: 3 });
    expect(member.status.commit).toBe(2);
  });

  test('does not let a leader replace what is committed', () => {
    const member = follower([1, 1], { commit: 2 });
    const conflicting = { from: 2, term: 3, index: 2, logTerm: 1, entries: [entry(3, 3)] };
    member.step(message('append', 1, conflicting));
    member.settle();
    expect(member.terms()).toEqual([1, 1, 3]);
    member.step(message('append', 1, { ...conflicting, index: 1, entries: [entry(2, 3)] }));
    // An append from before the commit index is old news and is answered by what is known.
    expect(only(member.settle())).toMatchObject({ type: 'appendResp', index: 2, reject: false });
    expect(member.terms()).toEqual([1, 1, 3]);
  });

  test('stops rather than apply a commit index that its log does not reach', () => {
    const member = follower([1]);
    expect(() => {
      member.step(message('heartbeat', 1, { from: 2, term: 1, commit: 2 }));
    }).toThrow(RaftInvariantError);
  });
});
