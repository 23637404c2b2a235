import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { addLearner, addVoter, change, leave, remove } from '../changes.ts';
import { acknowledge, Cluster, grant, makeLeader, ofType, refuse, steadyLeader } from '../cluster.ts';
import { bytes, Member, members } from '../member.ts';

/** Chapter 4 of the dissertation. A change takes effect when it is applied, not when it is appended. */

const first = { index: 1, term: 1 };
const settings = { stepDownOnRemoval: true };

/** Three members that begin with a snapshot, and a fourth that knows nothing. */
const threeAndOne = (rest: object = {}): Cluster => {
  const cluster = Cluster.of(3, { start: first, settings: { ...settings, ...rest } });
  cluster.add({ id: 4, members: [], settings: { ...settings, ...rest } });
  return cluster;
};

describe('4.1: one server at a time', () => {
  test('a new server takes part once the change is committed and applied', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    expect(leader.node.proposeConfigChange(change([addVoter(4)]))).toMatchObject({ accepted: true });
    expect(leader.status.config).toEqual(members([1, 2, 3]));
    cluster.stabilize();
    cluster.beat();
    expect(cluster.configs()).toEqual(Array(4).fill(members([1, 2, 3, 4])));
    // Three of four have to agree now.
    leader.node.propose([bytes('a')]);
    cluster.isolate(3);
    cluster.isolate(2);
    cluster.stabilize();
    expect(leader.status.commit).toBe(leader.status.lastIndex - 1);
  });

  test('an old and a new majority share a server: nobody else can decide meanwhile', () => {
    // 4 is added by 1, 2 and 4; 3 knows nothing of it and asks the old members.
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    cluster.isolate(3);
    leader.node.proposeConfigChange(change([addVoter(4)]));
    cluster.stabilize();
    cluster.beat();
    cluster.heal();
    cluster.cut(3, 1);
    cluster.get(3).node.campaign();
    cluster.stabilize();
    expect(cluster.get(3).status.role).not.toBe('leader');
  });

  test('the next change waits until the one before it is applied', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.proposeConfigChange(change([addVoter(4)]));
    const appends = ofType(leader.settle(), 'append');
    const second = change([addVoter(5)]);
    expect(leader.node.proposeConfigChange(second)).toEqual({ accepted: false, reason: 'configPending' });
    leader.step(acknowledge(appends[0]!));
    // Committed, and on its way to the application.
    leader.ready();
    expect(leader.node.proposeConfigChange(second)).toEqual({ accepted: false, reason: 'configPending' });
    leader.settle();
    expect(leader.node.proposeConfigChange(second)).toMatchObject({ accepted: true });
  });

  test('who has a change in its log knows that the one before it is committed', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addLearner(4)]));
    // So that the others do not learn from later messages what is committed.
    cluster.settle();
    cluster.deliver(({ type }) => type === 'append');
    cluster.settle();
    cluster.deliver(({ type }) => type === 'appendResp');
    cluster.bag = [];
    cluster.settle(1);
    cluster.bag = [];
    expect(cluster.get(2).status.commit).toBeLessThan(leader.status.commit);
    leader.node.proposeConfigChange(change([addVoter(4)]));
    cluster.settle(1);
    cluster.deliver(({ type, to }) => type === 'append' && to === 2);
    cluster.settle(2);
    expect(cluster.get(2).status.config).toEqual(members({ voters: [1, 2, 3], learners: [4] }));
  });

  test('a new leader takes no change before it has applied all of its log', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3], log: [1, 1] });
    const appends = ofType(makeLeader(leader), 'append');
    const adding = change([addVoter(4)]);
    expect(leader.node.proposeConfigChange(adding)).toEqual({ accepted: false, reason: 'configPending' });
    // It cannot commit these before one of its own term: changes wait for that as well.
    leader.step(acknowledge(appends[0]!));
    leader.settle();
    expect(leader.node.proposeConfigChange(adding)).toMatchObject({ accepted: true });
  });

  test('a change that never was committed is no change', () => {
    const cluster = threeAndOne();
    cluster.elect(1).node.proposeConfigChange(change([remove(3)]));
    cluster.isolate(1);
    cluster.settle();
    cluster.elect(2);
    cluster.heal();
    cluster.beat();
    expect(cluster.get(1).status.config).toEqual(members([1, 2, 3]));
    expect(cluster.get(1).terms()).toEqual(cluster.get(2).terms());
  });
});

describe('4.2.1: catching up new servers', () => {
  test('one without a vote gets the log and is not counted', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addLearner(4)]));
    cluster.stabilize();
    leader.node.propose([bytes('a')]);
    cluster.isolate(2);
    cluster.isolate(3);
    cluster.stabilize();
    expect(cluster.get(4).status.lastIndex).toBe(leader.status.lastIndex);
    expect(leader.status.commit).toBe(leader.status.lastIndex - 1);
  });

  test('it does not campaign, and becomes a voter when it has caught up', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addLearner(4)]));
    cluster.stabilize();
    cluster.beat();
    cluster.get(4).tick(50);
    expect(cluster.get(4).status).toMatchObject({ role: 'follower', term: 2 });
    expect(leader.status.progress.get(4)).toMatchObject({ match: leader.status.lastIndex, learner: true });
    leader.node.proposeConfigChange(change([addVoter(4)]));
    cluster.stabilize();
    cluster.beat();
    cluster.elect(4);
    expect(cluster.leaders).toEqual([4]);
  });
});

describe('4.2.2: removing the current leader', () => {
  test('it leads until its removal is committed, and steps down then', () => {
    const cluster = Cluster.of(3, { settings });
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([remove(1)]));
    cluster.settle(1);
    expect(leader.status.role).toBe('leader');
    cluster.stabilize();
    expect(leader.status).toMatchObject({ role: 'follower', lead: 0, config: members([2, 3]) });
    leader.tick(50);
    expect(leader.status.role).toBe('follower');
    cluster.elect(2);
  });

  test('while it leads without a vote it does not count itself', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.proposeConfigChange(change([remove(1)]));
    // Proposed before the removal is applied, to be committed after it.
    leader.node.propose([bytes('a')]);
    const appends = ofType(leader.settle(), 'append');
    const [toTwo] = ofType(appends, 'append', 2);
    const [toThree] = ofType(appends, 'append', 3);
    leader.step(acknowledge(toTwo!));
    leader.settle();
    expect(leader.status).toMatchObject({ role: 'leader', commit: 2, config: members([2, 3]) });
    leader.step({ ...acknowledge(toTwo!), index: 3 });
    expect(leader.status.commit).toBe(2);
    leader.step({ ...acknowledge(toThree!), index: 3 });
    expect(leader.status.commit).toBe(3);
  });

  test('it hands over first when it is asked to', () => {
    const cluster = Cluster.of(3, { settings });
    cluster.elect(1).node.transferLeader(2);
    cluster.stabilize();
    cluster.get(2).node.proposeConfigChange(change([remove(1)]));
    cluster.stabilize();
    expect(cluster.leaders).toEqual([2]);
    expect(cluster.get(2).status.config).toEqual(members([2, 3]));
  });
});

describe('4.2.3: disruptive servers', () => {
  const removedButUnaware = (rest: object): Cluster => {
    const cluster = Cluster.of(4, { settings: rest });
    const leader = cluster.elect(1);
    cluster.isolate(4);
    leader.node.proposeConfigChange(change([remove(4)]));
    cluster.stabilize();
    cluster.beat();
    cluster.heal();
    return cluster;
  };

  test.each(['preVote', 'checkQuorum'])('who was removed and does not know deposes nobody: %s', (setting) => {
    const cluster = removedButUnaware({ [setting]: true });
    // Its own removal comes last; who does not know it goes on asking.
    cluster.cut(4, 1);
    for (let elections = 0; elections < 5; elections += 1) {
      cluster.get(4).tick(10);
      cluster.stabilize();
      cluster.get(1).tick();
      cluster.stabilize();
    }
    expect(cluster.leaders).toEqual([1]);
    expect(cluster.get(1).status.term).toBe(1);
  });

  test('who has heard a leader within an election timeout does not vote', () => {
    const follower = new Member({ id: 1, members: [1, 2, 3], settings: { checkQuorum: true } });
    follower.step(message('heartbeat', 1, { from: 2, term: 1 }));
    follower.tick(9);
    follower.step(message('vote', 1, { from: 3, term: 2, index: 9, logTerm: 1 }));
    expect(ofType(follower.settle(), 'voteResp')).toEqual([]);
    expect(follower.status.term).toBe(1);
    follower.node.setElectionTimeout(20);
    follower.tick();
    follower.step(message('vote', 1, { from: 3, term: 2, index: 9, logTerm: 1 }));
    expect(ofType(follower.settle(), 'voteResp')).toMatchObject([{ reject: false, term: 2 }]);
  });
});

describe('4.3: arbitrary changes by joint consensus', () => {
  const joint = { voters: [1, 2, 3], outgoing: [1, 4, 5] };

  test('a joint configuration comes first, then the new one, by itself', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)]));
    // Everybody who will have a say applies one after the other.
    const seen: object[] = [];
    for (let rounds = 0; rounds < 20; rounds += 1) {
      cluster.settle();
      cluster.deliver();
      if (seen.at(-1) !== leader.status.config) seen.push(leader.status.config);
    }
    expect(seen).toEqual([
      members([1, 2, 3]),
      members({ voters: [1, 2, 4], outgoing: [1, 2, 3], autoLeave: true }),
      members([1, 2, 4]),
    ]);
  });

  test('an entry is committed by a majority of each half', () => {
    const leader = new Member({ id: 1, members: joint });
    const appends = makeLeader(leader);
    const ack = (id: number): number => {
      leader.step(...ofType(appends, 'append', id).map(acknowledge));
      return leader.status.commit;
    };
    expect([ack(2), ack(3), ack(4)]).toEqual([0, 0, 1]);
  });

  test('entries go to the members of both halves', () => {
    const leader = new Member({ id: 1, members: { ...joint, learners: [6] } });
    expect(ofType(makeLeader(leader), 'append').map(({ to }) => to)).toEqual([2, 3, 4, 5, 6]);
  });

  test('an election takes a majority of each half', () => {
    const candidate = new Member({ id: 1, members: joint });
    candidate.node.campaign();
    const asked = new Map(ofType(candidate.settle(), 'vote').map((question) => [question.to, question]));
    expect([...asked.keys()]).toEqual([2, 3, 4, 5]);
    candidate.step(grant(asked.get(2)!), grant(asked.get(3)!));
    expect(candidate.status.role).toBe('candidate');
    candidate.step(refuse(asked.get(4)!));
    expect(candidate.status.role).toBe('candidate');
    candidate.step(grant(asked.get(5)!));
    expect(candidate.status.role).toBe('leader');
  });

  test('a majority against it in one half is the end of it', () => {
    const candidate = new Member({ id: 1, members: joint });
    candidate.node.campaign();
    const asked = ofType(candidate.settle(), 'vote');
    candidate.step(...asked.filter(({ to }) => to > 3).map((question) => refuse(question)));
    expect(candidate.status.role).toBe('follower');
  });

  test.each([2, 4])('a server of either half may lead: %d', (id) => {
    const both = [1, 2, 3, 4, 5];
    const cluster = new Cluster(both.map((each) => ({ id: each, members: joint })));
    cluster.elect(id);
    expect(cluster.leaders).toEqual([id]);
  });

  test('it is left by a further change when that is asked for', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)], 'explicit'));
    cluster.stabilize();
    expect(leader.status.config).toEqual(members({ voters: [1, 2, 4], outgoing: [1, 2, 3] }));
    leader.node.proposeConfigChange(leave);
    cluster.stabilize();
    expect(leader.status.config).toEqual(members([1, 2, 4]));
  });

  test('a leader that is not in the new configuration steps down when it is left', () => {
    const cluster = threeAndOne();
    const leader = cluster.elect(1);
    leader.node.proposeConfigChange(change([addVoter(4), remove(1)], 'explicit'));
    cluster.stabilize();
    expect(leader.status.role).toBe('leader');
    leader.node.proposeConfigChange(leave);
    cluster.stabilize();
    expect(leader.status.role).toBe('follower');
    expect(cluster.get(2).status.config).toEqual(members([2, 3, 4]));
  });
});

describe('4.4: system integration', () => {
  test('a server is replaced while the cluster stays as large as it was', () => {
    const cluster = threeAndOne({ preVote: true, checkQuorum: true });
    const leader = cluster.elect(1);
    cluster.get(3).crash();
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    leader.node.proposeConfigChange(change([addVoter(4), remove(3)]));
    cluster.stabilize();
    cluster.beat();
    expect(cluster.configs()).toEqual(Array(3).fill(members([1, 2, 4])));
    // The new one counts: another may fail.
    cluster.get(2).crash();
    leader.node.propose([bytes('b')]);
    cluster.stabilize();
    expect(leader.payloads()).toEqual(['a', 'b']);
  });

  test('a cluster grows from one, and shrinks to one again', () => {
    const cluster = new Cluster([
      { id: 1, members: [1], start: first },
      { id: 2, members: [] },
      { id: 3, members: [] },
    ]);
    const only = cluster.elect(1);
    for (const step of [addVoter(2), addVoter(3), remove(2), remove(3)]) {
      expect(only.node.proposeConfigChange(change([step]))).toMatchObject({ accepted: true });
      cluster.stabilize();
      cluster.beat();
      only.node.propose([bytes(String(only.status.config.voters.length))]);
      cluster.stabilize();
    }
    expect(only.payloads()).toEqual(['2', '3', '2', '1']);
    expect(only.status.config).toEqual(members([1]));
  });
});
