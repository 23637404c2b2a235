import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { addVoter, change, remove } from '../changes.ts';
import { appendOf, at, Cluster, grant, makeLeader, ofType, refuse } from '../cluster.ts';
import { Member } from '../member.ts';

const voter = (rest: object = {}): Member => new Member({ id: 1, members: [1, 2, 3], ...rest });

describe('who campaigns', () => {
  test('a learner does not, whatever it is told', () => {
    const learner = new Member({ id: 1, members: { voters: [2, 3], learners: [1] } });
    learner.tick(50);
    learner.node.campaign();
    learner.step(message('timeoutNow', 1, { from: 2, term: 1 }));
    expect(learner.settle()).toEqual([]);
    expect(learner.status).toMatchObject({ role: 'follower', term: 1 });
  });

  test('a learner that is asked votes: it may have been promoted and not know it (etcd PR 10998)', () => {
    const learner = new Member({ id: 1, members: { voters: [2, 3], learners: [1] } });
    learner.step(message('vote', 1, { from: 2, term: 2 }));
    expect(ofType(learner.settle(), 'voteResp', 2)).toMatchObject([{ reject: false }]);
  });

  test.each([
    ['knows no members', []],
    ['was removed', [2, 3]],
  ])('who %s does not', (_name, known) => {
    const stranger = new Member({ id: 1, members: known });
    stranger.tick(50);
    stranger.node.campaign();
    expect(stranger.settle()).toEqual([]);
    expect(stranger.status.term).toBe(0);
  });

  test('a voter of the outgoing half does, also one that will be a learner', () => {
    for (const learnersNext of [[], [1]]) {
      const member = new Member({ id: 1, members: { voters: [2, 3], outgoing: [1, 2], learnersNext } });
      makeLeader(member);
      expect(member.status.role).toBe('leader');
    }
  });

  test('who has a committed change that is not applied waits: it does not know who votes', () => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([remove(3)]));
    cluster.settle();
    cluster.deliver();
    cluster.settle(2, 3);
    cluster.deliver();
    cluster.settle(1);
    const member = cluster.get(2);
    for (const append of cluster.take(({ to }) => to === 2)) member.step(append);
    member.ready();
    member.store();
    expect(member.status.commit).toBe(2);
    member.node.campaign();
    member.step(message('timeoutNow', 2, { from: 1, term: 1 }));
    member.tick(50);
    expect(member.status).toMatchObject({ role: 'follower', term: 1 });
    member.settle();
    member.node.campaign();
    expect(member.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('a change that is not committed does not keep anybody from it', () => {
    const cluster = Cluster.of(3);
    cluster.elect(1).node.proposeConfigChange(change([addVoter(4)]));
    cluster.settle();
    cluster.deliver();
    cluster.settle();
    cluster.bag = [];
    cluster.isolate(1);
    expect(cluster.elect(2).status.role).toBe('leader');
  });

  test('a leader does not', () => {
    const leader = voter();
    makeLeader(leader);
    leader.node.campaign();
    leader.step(message('timeoutNow', 1, { from: 2, term: 1 }));
    expect(leader.status).toMatchObject({ role: 'leader', term: 1 });
  });

  test('one voter alone is leader without asking', () => {
    for (const preVote of [false, true]) {
      const alone = new Member({ id: 1, members: { voters: [1], learners: [2] }, settings: { preVote } });
      alone.tick(10);
      alone.settle();
      expect(alone.status).toMatchObject({ role: 'leader', term: 1, commit: 1 });
    }
  });
});

describe('votes', () => {
  test('answers to an earlier election do not count', () => {
    const candidate = voter({ members: [1, 2, 3, 4, 5] });
    candidate.node.campaign();
    const [first, second] = ofType(candidate.settle(), 'vote');
    candidate.tick(10);
    candidate.settle();
    candidate.step(grant(first!), grant(second!));
    expect(candidate.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('the first answer of a member counts, a later one changes nothing', () => {
    const candidate = voter({ members: [1, 2, 3, 4, 5] });
    candidate.node.campaign();
    const [two, three, four, five] = ofType(candidate.settle(), 'vote');
    candidate.step(refuse(two!), refuse(three!), grant(two!), grant(three!), grant(four!));
    expect(candidate.status.role).toBe('candidate');
    candidate.step(grant(five!));
    expect(candidate.status.role).toBe('leader');
  });

  test('of those that are no voters do not count', () => {
    const candidate = new Member({ id: 1, members: { voters: [1, 2, 3], learners: [4] } });
    candidate.node.campaign();
    const questions = ofType(candidate.settle(), 'vote');
    expect(questions.map(({ to }) => to)).toEqual([2, 3]);
    candidate.step({ ...grant(questions[0]!), from: 4 }, { ...grant(questions[0]!), from: 9 });
    expect(candidate.status.role).toBe('candidate');
  });

  test('that come when it leads or follows already change nothing', () => {
    const leader = voter();
    leader.node.campaign();
    const [two, three] = ofType(leader.settle(), 'vote');
    leader.step(grant(two!), grant(three!), refuse(three!));
    expect(leader.status.role).toBe('leader');
    const follower = voter();
    follower.step(message('heartbeat', 1, { from: 2, term: 1 }), grant(two!), grant(three!));
    expect(follower.status.role).toBe('follower');
  });

  test('nobody votes for another while it knows a leader of that term', () => {
    const follower = voter();
    follower.step(message('heartbeat', 1, { from: 2, term: 1 }));
    follower.step(message('vote', 1, { from: 3, term: 1, index: 9, logTerm: 9 }));
    expect(ofType(follower.settle(), 'voteResp', 3)).toMatchObject([{ reject: true }]);
  });

  test('a leader takes over a higher term of a candidate whose log is behind, and is elected again', () => {
    const cluster = new Cluster([
      { id: 1, members: [1, 2, 3], log: [1, 1] },
      { id: 2, members: [1, 2, 3], log: [1, 1] },
      { id: 3, members: [1, 2, 3], log: [1], hardState: { term: 5 } },
    ]);
    cluster.elect(1);
    cluster.get(3).node.campaign();
    cluster.stabilize();
    expect(cluster.leaders).toEqual([]);
    expect(cluster.get(1).status.term).toBe(6);
    cluster.elect(1);
    expect(cluster.get(3).terms()).toEqual([1, 1, 2, 7]);
  });
});

describe('election timeouts', () => {
  const withTimeouts = (drawn: number[]) => voter({ settings: { random: () => drawn.shift() ?? 0 } });

  test('are drawn anew when a term starts, a leader is found or an election is lost', () => {
    // The constructor draws the first.
    const member = withTimeouts([9, 8, 7, 6]);
    const timeout = (): number => {
      let ticks = 0;
      const { term } = member.status;
      while (member.status.term === term) {
        member.tick();
        ticks += 1;
      }
      return ticks;
    };
    expect(timeout()).toBe(19);
    expect(timeout()).toBe(18);
    expect(timeout()).toBe(17);
    member.step(message('heartbeat', 1, { from: 2, term: 3 }));
    expect(timeout()).toBe(10);
  });

  test('a member that comes back waits no longer than any other', () => {
    const member = voter({ hardState: { term: 7 } });
    member.crash();
    member.restart();
    member.tick(9);
    expect(member.status.role).toBe('follower');
    member.tick();
    expect(member.status.role).toBe('candidate');
  });

  test('two that campaign at the same time split the votes; the next to time out wins', () => {
    const cluster = Cluster.of(4);
    cluster.get(1).node.campaign();
    cluster.get(2).node.campaign();
    cluster.settle();
    // Each gets one of the other two.
    cluster.deliver(({ from, to }) => (from === 1 && to === 3) || (from === 2 && to === 4));
    cluster.stabilize();
    expect(cluster.leaders).toEqual([]);
    cluster.elect(3);
    expect(cluster.members.map(({ status }) => status.lead)).toEqual([3, 3, 3, 3]);
  });

  test('an append of a lower term does not stop the clock', () => {
    const member = voter({ hardState: { term: 3 }, settings: { preVote: true, checkQuorum: true } });
    member.tick(9);
    member.step(appendOf(1, 2, 2, at(0, 0)));
    member.tick();
    expect(member.status.role).toBe('preCandidate');
  });
});
