import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { answerHeartbeat, Cluster, makeLeader, ofType, steadyLeader } from '../cluster.ts';
import { bytes, Member } from '../member.ts';
import { seededRandom } from '../scenario/random.ts';

const settings = { checkQuorum: true };

/** Ticks of a leader, at each of which the given members answer its heartbeat. */
const beat = (leader: Member, ticks: number, answering: readonly number[]): void => {
  for (let tick = 0; tick < ticks; tick += 1) {
    leader.tick();
    const heartbeats = ofType(leader.settle(), 'heartbeat').filter(({ to }) => answering.includes(to));
    leader.step(...heartbeats.map(answerHeartbeat));
    leader.settle();
  }
};

describe('a leader', () => {
  test('goes on while a majority answers, itself included', () => {
    const leader = steadyLeader({ members: [1, 2, 3, 4, 5], settings });
    beat(leader, 50, [2, 3]);
    expect(leader.status.role).toBe('leader');
  });

  test('steps down after one to two election timeouts without a majority', () => {
    const leader = steadyLeader({ members: [1, 2, 3, 4, 5], settings });
    beat(leader, 9, [2]);
    expect(leader.status.role).toBe('leader');
    beat(leader, 11, [2]);
    expect(leader.status).toMatchObject({ role: 'follower', lead: 0, term: 1 });
  });

  test('counts any answer as a sign of life, not only those to heartbeats', () => {
    const leader = steadyLeader({ members: [1, 2, 3], settings });
    leader.tick(10);
    leader.step(message('appendResp', 1, { from: 2, term: 1, index: 0 }));
    leader.tick(10);
    expect(leader.status.role).toBe('leader');
  });

  test.each([
    ['learners', { voters: [1, 2, 3], learners: [4, 5] }],
    ['strangers', { voters: [1, 2, 3] }],
  ])('does not count %s', (_name, members) => {
    const leader = steadyLeader({ members, settings });
    const alive = (id: number) => message('heartbeatResp', 1, { from: id, term: 1 });
    for (let ticks = 0; ticks < 20; ticks += 1) {
      leader.tick();
      if (leader.status.role === 'leader') leader.step(alive(4), alive(5));
    }
    expect(leader.status.role).toBe('follower');
  });

  test('needs a majority of both halves of a joint configuration', () => {
    const members = { voters: [1, 2, 3], outgoing: [1, 4, 5] };
    const both = steadyLeader({ members, settings });
    beat(both, 30, [2, 4]);
    expect(both.status.role).toBe('leader');
    for (const half of [
      [2, 3],
      [4, 5],
    ]) {
      const leader = steadyLeader({ members, settings });
      beat(leader, 20, half);
      expect(leader.status.role).toBe('follower');
    }
  });

  test('without a vote of its own is not counted either', () => {
    const leader = steadyLeader({ members: { voters: [2, 3], outgoing: [1, 2, 3] }, settings });
    beat(leader, 20, [2]);
    expect(leader.status.role).toBe('follower');
  });

  test('alone is its own majority', () => {
    const alone = new Member({ id: 1, members: { voters: [1], learners: [2] }, settings });
    alone.node.campaign();
    alone.settle();
    alone.tick(50);
    expect(alone.status.role).toBe('leader');
  });

  test('goes on for ever without the check', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.tick(100);
    expect(leader.status.role).toBe('leader');
  });

  test('just elected has time to hear from the others', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3], settings });
    makeLeader(leader);
    beat(leader, 5, []);
    beat(leader, 10, [2]);
    expect(leader.status.role).toBe('leader');
  });

  test('ignores votes of higher terms, and does not take the terms over', () => {
    const leader = steadyLeader({ members: [1, 2, 3], settings });
    leader.step(message('vote', 1, { from: 3, term: 5, index: 9, logTerm: 4 }));
    expect(leader.settle()).toEqual([]);
    expect(leader.status).toMatchObject({ role: 'leader', term: 1 });
  });
});

describe('a member that comes back with a higher term (etcd: FreeStuckCandidateWithCheckQuorum)', () => {
  /** 3 was cut off, has campaigned for a while, and is back. */
  const stuck = (): Cluster => {
    const cluster = Cluster.of(3, { settings });
    const leader = cluster.elect(1);
    cluster.isolate(3);
    cluster.get(3).tick(30);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    cluster.beat();
    cluster.heal();
    return cluster;
  };

  test('is not voted for while the others hear their leader', () => {
    const cluster = stuck();
    cluster.get(3).node.campaign();
    cluster.settle(3);
    cluster.deliver(({ type }) => type === 'vote');
    cluster.settle();
    expect(ofType(cluster.bag, 'voteResp')).toEqual([]);
    expect(cluster.leaders).toEqual([1]);
  });

  test.each(['heartbeat', 'append'] as const)('answers the %s of the leader by its term', (type) => {
    const { term } = stuck().get(3).status;
    const member = stuck().get(3);
    member.settle();
    member.step(message(type, 3, { from: 1, term: 1 }));
    expect(member.settle()).toMatchObject([{ type: 'appendResp', to: 1, term }]);
    expect(member.status.role).toBe('candidate');
  });

  test('so that the leader steps down, and one is elected that all follow', () => {
    const cluster = stuck();
    const { term } = cluster.get(3).status;
    cluster.get(1).tick();
    cluster.stabilize();
    expect(cluster.get(1).status).toMatchObject({ role: 'follower', term });
    cluster.elect(1);
    cluster.beat();
    expect(cluster.members.map(({ status }) => [status.lead, status.term])).toEqual(
      Array(3).fill([1, term + 1]),
    );
    expect(cluster.get(3).payloads()).toEqual(['a']);
  });
});

describe('partitions that are not symmetric', () => {
  const three = (): Cluster =>
    new Cluster(
      [1, 2, 3].map((id) => ({
        id,
        members: [1, 2, 3],
        settings: { preVote: true, checkQuorum: true, random: seededRandom(id) },
      })),
    );

  const run = (cluster: Cluster, ticks: number): void => {
    for (let tick = 0; tick < ticks; tick += 1) {
      for (const member of cluster.up) member.tick();
      cluster.stabilize();
    }
  };

  test('a bridge between two that do not see each other keeps one leader, and one term', () => {
    const cluster = three();
    cluster.elect(1);
    cluster.cut(1, 3);
    run(cluster, 200);
    expect(cluster.leaders).toEqual([1]);
    expect(cluster.get(1).status.term).toBe(1);
  });

  test('a leader that hears nobody makes room for one that is heard', () => {
    const cluster = three();
    cluster.elect(1);
    // What it sends arrives, and would keep the others from electing for ever.
    cluster.cutOneWay(2, 1);
    cluster.cutOneWay(3, 1);
    run(cluster, 100);
    const [leader] = cluster.leaders;
    expect([2, 3]).toContain(leader);
  });

  test('a member that hears nobody disturbs nobody', () => {
    const cluster = three();
    cluster.elect(1);
    cluster.cutOneWay(1, 3);
    cluster.cutOneWay(2, 3);
    run(cluster, 200);
    expect(cluster.leaders).toEqual([1]);
    expect(cluster.get(1).status.term).toBe(1);
  });
});

describe('forgetting the leader', () => {
  const heard = (rest: object): Member => {
    const member = new Member({ id: 1, members: [1, 2, 3], settings: { ...settings, ...rest } });
    member.step(message('heartbeat', 1, { from: 2, term: 1 }));
    member.settle();
    return member;
  };

  test('a follower votes then although it has just heard it; term, vote and clock stay', () => {
    const member = heard({});
    member.tick(9);
    member.node.forgetLeader();
    expect(member.status).toMatchObject({ role: 'follower', term: 1, lead: 0 });
    member.tick();
    expect(member.status.role).toBe('candidate');
    const other = heard({});
    other.node.forgetLeader();
    other.step(message('vote', 1, { from: 3, term: 2 }));
    expect(ofType(other.settle(), 'voteResp', 3)).toMatchObject([{ reject: false }]);
  });

  test('it is found again when it speaks', () => {
    const member = heard({});
    member.node.forgetLeader();
    member.step(message('heartbeat', 1, { from: 2, term: 1 }));
    expect(member.status.lead).toBe(2);
  });

  test('with lease reads it does nothing: the lease rests on it', () => {
    const member = heard({ readOnly: 'lease' });
    member.node.forgetLeader();
    expect(member.status.lead).toBe(2);
    member.step(message('vote', 1, { from: 3, term: 2 }));
    expect(member.settle()).toEqual([]);
  });

  test('a leader does not forget itself', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.forgetLeader();
    expect(leader.status).toMatchObject({ role: 'leader', lead: 1 });
  });
});
