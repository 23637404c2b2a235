import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { addLearner, change, remove } from '../changes.ts';
import { acknowledge, answerHeartbeat, Cluster, ofType, only, steadyLeader } from '../cluster.ts';
import { bytes, members, type Member } from '../member.ts';

const ready = (rest: object = {}): Member => steadyLeader({ members: [1, 2, 3], ...rest });

describe('a leadership transfer', () => {
  test('to a member that is up to date: it campaigns at once and wins', () => {
    const cluster = Cluster.of(3, { settings: { preVote: true, checkQuorum: true } });
    cluster.elect(1).node.transferLeader(3);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([3]);
    expect(cluster.get(3).status.term).toBe(2);
  });

  test('asks for no pre-vote, and a live leader is no reason to refuse', () => {
    const cluster = Cluster.of(3, { settings: { preVote: true, checkQuorum: true } });
    cluster.elect(1);
    cluster.beat();
    const target = cluster.get(2);
    target.step(message('timeoutNow', 2, { from: 1, term: 1 }));
    const sent = target.settle();
    expect(sent.map(({ type, context }) => [type, context])).toEqual([
      ['vote', 1],
      ['vote', 1],
    ]);
    cluster.get(3).step(...sent);
    expect(ofType(cluster.get(3).settle(), 'voteResp')).toMatchObject([{ reject: false }]);
  });

  test('brings a member up to date first', () => {
    const leader = ready();
    leader.node.propose([bytes('a')]);
    const appends = ofType(leader.settle(), 'append', 2);
    leader.node.transferLeader(2);
    expect(ofType(leader.settle(), 'timeoutNow')).toEqual([]);
    leader.step(acknowledge(only(appends)));
    expect(ofType(leader.settle(), 'timeoutNow')).toMatchObject([{ to: 2 }]);
  });

  test('also by a snapshot', () => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    cluster.isolate(3);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    leader.snapshot();
    cluster.heal();
    leader.tick();
    leader.node.transferLeader(3);
    cluster.stabilize();
    // Delivered: the driver says so.
    leader.node.reportSnapshot(3, true);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([3]);
  });

  test('can be asked for at a follower', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1);
    cluster.get(2).node.transferLeader(2);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([2]);
    cluster.get(1).node.transferLeader(3);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([3]);
  });

  test('is asked for in vain where no leader is known', () => {
    const cluster = Cluster.of(3);
    cluster.get(2).node.transferLeader(2);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([]);
  });

  test('stops proposals and changes, also those that are forwarded; reads go on', () => {
    const leader = ready();
    leader.node.transferLeader(2);
    leader.settle();
    const refused = { accepted: false, reason: 'transferring' };
    expect(leader.node.propose([bytes('a')])).toEqual(refused);
    expect(leader.node.proposeConfigChange(change([remove(3)]))).toEqual(refused);
    leader.step(
      message('propose', 1, { from: 3, entries: [{ index: 0, term: 0, type: 'normal', data: bytes('b') }] }),
    );
    expect(leader.status.lastIndex).toBe(1);
    leader.node.readIndex(1);
    leader.step(...ofType(leader.settle(), 'heartbeat').map(answerHeartbeat));
    leader.settle();
    expect(leader.reads).toEqual([{ token: 1, index: 1 }]);
  });

  test('is given up after one election timeout', () => {
    const leader = ready();
    leader.tick(7);
    leader.node.transferLeader(2);
    // The time begins with the transfer.
    leader.tick(9);
    expect(leader.status.transferee).toBe(2);
    leader.tick();
    expect(leader.status).toMatchObject({ role: 'leader', transferee: 0 });
    expect(leader.node.propose([bytes('a')])).toMatchObject({ accepted: true });
  });

  test('asked for again it goes on, without more time', () => {
    const leader = ready();
    leader.node.transferLeader(2);
    leader.settle();
    leader.tick(9);
    leader.node.transferLeader(2);
    expect(ofType(leader.settle(), 'timeoutNow')).toEqual([]);
    leader.tick();
    expect(leader.status.transferee).toBe(0);
  });

  test('is replaced by one to another member', () => {
    const leader = ready();
    leader.node.transferLeader(2);
    leader.settle();
    leader.node.transferLeader(3);
    expect(leader.status.transferee).toBe(3);
    expect(ofType(leader.settle(), 'timeoutNow')).toMatchObject([{ to: 3 }]);
  });

  test.each([
    ['itself', 1],
    ['a learner', 4],
    ['a stranger', 9],
  ])('to %s is ignored, and leaves one alone that is under way', (_name, to) => {
    const leader = ready({ members: { voters: [1, 2, 3], learners: [4] } });
    leader.node.transferLeader(to);
    expect(leader.status.transferee).toBe(0);
    leader.node.transferLeader(2);
    leader.node.transferLeader(to);
    expect(leader.status.transferee).toBe(2);
  });

  test.each([
    ['removed', remove(2)],
    ['made a learner', addLearner(2)],
  ])('ends when its target is %s', (_name, what) => {
    const leader = ready({ members: [1, 2, 3, 4] });
    leader.node.proposeConfigChange(change([what]));
    const appends = ofType(leader.settle(), 'append');
    leader.node.transferLeader(2);
    leader.step(...appends.filter(({ to }) => to > 2).map(acknowledge));
    leader.settle();
    expect(leader.status.config.voters).toEqual([1, 3, 4]);
    expect(leader.status.transferee).toBe(0);
  });

  test('goes on when another member is removed', () => {
    const leader = ready({ members: [1, 2, 3, 4] });
    leader.node.proposeConfigChange(change([remove(3)]));
    const appends = ofType(leader.settle(), 'append');
    leader.node.transferLeader(2);
    leader.step(...appends.filter(({ to }) => to > 2).map(acknowledge));
    leader.settle();
    expect(leader.status.transferee).toBe(2);
  });

  test('ends with the term', () => {
    const leader = ready();
    leader.node.transferLeader(2);
    leader.step(message('heartbeat', 1, { from: 3, term: 2 }));
    expect(leader.status.transferee).toBe(0);
  });

  test('whose target dies leaves a leader that goes on', () => {
    const cluster = Cluster.of(3, { settings: { checkQuorum: true, preVote: true } });
    const leader = cluster.elect(1);
    cluster.get(2).crash();
    leader.node.transferLeader(2);
    for (let ticks = 0; ticks < 30; ticks += 1) {
      leader.tick();
      cluster.stabilize();
    }
    expect(cluster.leaders).toEqual([1]);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    expect(cluster.get(3).terms()).toEqual([1, 1]);
  });

  test('a target that was removed and does not know it wins nothing', () => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    leader.node.transferLeader(3);
    cluster.settle(1);
    const asked = only(cluster.take(({ type }) => type === 'timeoutNow'));
    leader.tick(10);
    leader.node.proposeConfigChange(change([remove(3)]));
    cluster.stabilize();
    cluster.beat();
    cluster.get(3).step(asked);
    cluster.stabilize();
    expect(cluster.leaders).toEqual([1]);
    expect(leader.status.config).toEqual(members([1, 2]));
  });
});
