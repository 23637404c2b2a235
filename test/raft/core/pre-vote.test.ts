import { describe, expect, test } from '@jest/globals';
import { message } from '../../../agent/src/raft/core/message.ts';
import { Cluster, grant, ofType, refuse } from '../cluster.ts';
import { bytes, Member } from '../member.ts';

const settings = { preVote: true };
const voter = (rest: object = {}): Member => new Member({ id: 1, members: [1, 2, 3], settings, ...rest });

describe('who asks', () => {
  test('changes neither its term nor its vote, and knows no leader meanwhile', () => {
    const member = voter({ log: [1], hardState: { term: 4, vote: 3 } });
    member.step(message('heartbeat', 1, { from: 3, term: 4 }));
    member.settle();
    member.tick(10);
    expect(member.status).toMatchObject({ role: 'preCandidate', term: 4, vote: 3, lead: 0 });
    const asked = ofType(member.settle(), 'preVote');
    // Of the term that it would campaign in.
    expect(asked).toMatchObject([
      { to: 2, term: 5, index: 1, logTerm: 1 },
      { to: 3, term: 5, index: 1, logTerm: 1 },
    ]);
    expect(member.log.hardState).toMatchObject({ term: 4, vote: 3 });
  });

  test('campaigns when a majority would vote for it', () => {
    const member = voter();
    member.node.campaign();
    member.step(grant(ofType(member.settle(), 'preVote')[0]!));
    expect(member.status).toMatchObject({ role: 'candidate', term: 1, vote: 1 });
    expect(ofType(member.settle(), 'vote')).toHaveLength(2);
  });

  test('stays in its term when a majority would not', () => {
    const member = voter();
    member.node.campaign();
    member.step(...ofType(member.settle(), 'preVote').map((question) => refuse(question, 0)));
    expect(member.status).toMatchObject({ role: 'follower', term: 0, vote: 0 });
  });

  test('takes over the term of who refuses because it is ahead', () => {
    const member = voter();
    member.node.campaign();
    member.step(refuse(ofType(member.settle(), 'preVote')[0]!, 6));
    expect(member.status).toMatchObject({ role: 'follower', term: 6, vote: 0 });
  });

  test('counts no answers to a vote, and as candidate none to a pre-vote', () => {
    const member = voter({ members: [1, 2, 3, 4, 5] });
    member.node.campaign();
    const asked = ofType(member.settle(), 'preVote');
    const answers = asked.map(grant);
    // Granting answers carry the term that it asked for; a vote of its own term would end the pre-vote.
    member.step({ ...answers[0]!, type: 'voteResp', term: 0 }, { ...answers[1]!, type: 'voteResp', term: 0 });
    expect(member.status.role).toBe('preCandidate');
    member.step(answers[0]!, answers[1]!);
    expect(member.status.role).toBe('candidate');
    member.step(answers[2]!, answers[3]!);
    expect(member.status.role).toBe('candidate');
  });

  test('asks again after an election timeout without answers', () => {
    const member = voter();
    member.tick(10);
    member.settle();
    member.tick(10);
    expect(ofType(member.settle(), 'preVote')).toHaveLength(2);
    expect(member.status).toMatchObject({ role: 'preCandidate', term: 0 });
  });

  test('follows a leader that it hears of meanwhile', () => {
    const member = voter({ hardState: { term: 2 } });
    member.node.campaign();
    member.step(message('heartbeat', 1, { from: 3, term: 2 }));
    expect(member.status).toMatchObject({ role: 'follower', term: 2, lead: 3 });
  });
});

describe('who is asked', () => {
  test('answers with the term that was asked about and changes nothing', () => {
    const member = voter({ hardState: { term: 2, vote: 3 } });
    member.step(message('preVote', 1, { from: 2, term: 9 }));
    expect(ofType(member.settle(), 'preVoteResp')).toMatchObject([{ to: 2, term: 9, reject: false }]);
    expect(member.status).toMatchObject({ term: 2, vote: 3 });
  });

  test('answers any number that ask', () => {
    const member = voter({ hardState: { term: 2 } });
    member.step(message('preVote', 1, { from: 2, term: 3 }), message('preVote', 1, { from: 3, term: 3 }));
    expect(ofType(member.settle(), 'preVoteResp').map((answer) => answer.reject)).toEqual([false, false]);
  });

  test('refuses a log that is behind, with its own term', () => {
    const member = voter({ log: [1, 2] });
    member.step(message('preVote', 1, { from: 2, term: 9, index: 9, logTerm: 1 }));
    expect(ofType(member.settle(), 'preVoteResp')).toMatchObject([{ term: 2, reject: true }]);
  });

  test('refuses one of its own term when it has voted or knows a leader', () => {
    const member = voter({ hardState: { term: 2, vote: 3 } });
    member.step(message('preVote', 1, { from: 2, term: 2 }));
    expect(ofType(member.settle(), 'preVoteResp')).toMatchObject([{ reject: true }]);
  });

  test('without checkQuorum a live leader is no reason to refuse', () => {
    const member = voter();
    member.step(message('heartbeat', 1, { from: 2, term: 1 }));
    member.step(message('preVote', 1, { from: 3, term: 2 }));
    expect(ofType(member.settle(), 'preVoteResp')).toMatchObject([{ reject: false, term: 2 }]);
  });

  test('with checkQuorum it is: no answer', () => {
    const member = voter({ settings: { preVote: true, checkQuorum: true } });
    member.step(message('heartbeat', 1, { from: 2, term: 1 }));
    member.settle();
    member.step(message('preVote', 1, { from: 3, term: 2 }));
    expect(member.settle()).toEqual([]);
  });

  test('refuses one of a lower term, so that it learns the term', () => {
    const member = voter({ hardState: { term: 5 } });
    member.step(message('preVote', 1, { from: 2, term: 3 }));
    expect(ofType(member.settle(), 'preVoteResp')).toMatchObject([{ to: 2, term: 5, reject: true }]);
  });
});

describe('a cluster', () => {
  test('is not disturbed by a member that was cut off', () => {
    const cluster = Cluster.of(3, { settings });
    const leader = cluster.elect(1);
    cluster.isolate(3);
    for (let elections = 0; elections < 5; elections += 1) cluster.get(3).tick(20);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    expect(cluster.get(3).status).toMatchObject({ role: 'preCandidate', term: 1 });
    cluster.heal();
    cluster.get(3).tick(20);
    cluster.stabilize();
    cluster.beat();
    // Its log is behind: nobody would vote for it.
    expect(cluster.leaders).toEqual([1]);
    expect(cluster.get(3).status).toMatchObject({ role: 'follower', term: 1, lead: 1 });
  });

  /** Two without pre-votes, and one that has just been given them, with a higher term and a shorter log. */
  const migrating = (): Cluster => {
    const ids = [1, 2, 3];
    const cluster = new Cluster([
      { id: 1, members: ids, log: [1, 1], hardState: { term: 2 }, settings },
      { id: 2, members: ids, log: [1, 1], hardState: { term: 2 }, settings },
      { id: 3, members: ids, log: [1], hardState: { term: 5 }, settings },
    ]);
    return cluster;
  };

  test('elects although one is ahead in term and behind in its log (etcd: PreVoteMigrationCanCompleteElection)', () => {
    const cluster = migrating();
    cluster.isolate(1);
    // Neither can win at first: 2 is behind in term, 3 in its log.
    for (let tries = 0; tries < 4 && cluster.leaders.length === 0; tries += 1) {
      cluster.get(3).node.campaign();
      cluster.stabilize();
      cluster.get(2).node.campaign();
      cluster.stabilize();
    }
    expect(cluster.leaders).toEqual([2]);
  });

  test('a pre-candidate with a higher term is freed by its leader (etcd: FreeStuckPreCandidate)', () => {
    const cluster = migrating();
    cluster.isolate(3);
    cluster.elect(1);
    cluster.heal();
    expect(cluster.get(3).status.term).toBeGreaterThan(cluster.get(1).status.term);
    cluster.get(3).node.campaign();
    cluster.stabilize();
    // Its answers to the leader carry the higher term, so that the leader steps down and leads in a new one.
    cluster.get(1).tick();
    cluster.stabilize();
    expect(cluster.leaders).toEqual([]);
    cluster.elect(1);
    cluster.beat();
    expect(cluster.get(3).status).toMatchObject({ role: 'follower', lead: 1 });
    expect(cluster.get(3).terms()).toEqual(cluster.get(1).terms());
  });

  test('works with members that do not pre-vote', () => {
    const ids = [1, 2, 3];
    const cluster = new Cluster(
      ids.map((id) => ({ id, members: ids, settings: { preVote: id === 1, checkQuorum: true } })),
    );
    for (const id of [1, 2, 1, 3]) {
      // Nobody votes while it hears a leader.
      for (const member of cluster.members) member.node.setElectionTimeout(100);
      for (const member of cluster.members) if (member.status.role !== 'leader') member.tick(10);
      cluster.elect(id);
      expect(cluster.leaders).toEqual([id]);
    }
  });
});
