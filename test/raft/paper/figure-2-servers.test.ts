import { describe, expect, test } from '@jest/globals';
import { message, wireTypes, type MessageType } from '../../../agent/src/raft/core/message.ts';
import {
  acknowledge,
  Cluster,
  grant,
  makeLeader,
  ofType,
  only,
  refuse,
  reject,
  steadyLeader,
} from '../cluster.ts';
import { bytes, entry, Member } from '../member.ts';

/** Figure 2 of the paper, "Rules for Servers". */

const member = (rest: object = {}): Member => new Member({ id: 1, members: [1, 2, 3], ...rest });

describe('all servers', () => {
  test('what is committed is applied, in order and once', () => {
    const follower = member();
    const entries = ['a', 'b', 'c'].map((data, at) => entry(at + 1, 1, data));
    follower.step(message('append', 1, { from: 2, term: 1, entries, commit: 2 }));
    follower.settle();
    expect(follower.payloads()).toEqual(['a', 'b']);
    follower.step(message('append', 1, { from: 2, term: 1, index: 3, logTerm: 1, commit: 3 }));
    follower.settle();
    expect(follower.payloads()).toEqual(['a', 'b', 'c']);
  });

  const withTerm = (Object.keys(wireTypes) as MessageType[]).filter(
    // A question of a term that is still to come, and messages of no term.
    (type) => !['preVote', 'preVoteResp', 'propose', 'readIndex'].includes(type),
  );

  describe.each(['leader', 'candidate', 'follower'])('a %s', (role) => {
    test.each(withTerm)('takes over a higher term and is a follower then: %s', (type) => {
      const server = member({ log: [1] });
      if (role === 'leader') makeLeader(server);
      if (role === 'candidate') server.node.campaign();
      // It would start an election by itself.
      if (type === 'timeoutNow') server.step(message('heartbeat', 1, { from: 2, term: 8 }));
      else server.step(message(type, 1, { from: 2, term: 8, reject: true }));
      expect(server.status).toMatchObject({ role: 'follower', term: 8 });
      server.settle();
      expect(server.log.hardState).toMatchObject({ term: 8 });
    });
  });

  test('of a message of a leader of a higher term it also learns who leads', () => {
    for (const type of ['append', 'heartbeat', 'snapshot'] as const) {
      const server = member();
      server.step(message(type, 1, { from: 3, term: 2 }));
      expect(server.status.lead).toBe(3);
    }
  });
});

describe('followers', () => {
  test('convert to candidate after an election timeout without a word', () => {
    const follower = member();
    follower.node.setElectionTimeout(7);
    follower.tick(6);
    expect(follower.status.role).toBe('follower');
    follower.tick();
    expect(follower.status.role).toBe('candidate');
  });

  test.each([
    ['an append of the leader', message('append', 1, { from: 2, term: 1 })],
    ['a heartbeat of the leader', message('heartbeat', 1, { from: 2, term: 1 })],
    ['granting a vote', message('vote', 1, { from: 2, term: 1 })],
  ])('wait anew after %s', (_name, received) => {
    const follower = member({ hardState: { term: 1 } });
    follower.node.setElectionTimeout(7);
    follower.tick(6);
    follower.step(received);
    follower.node.setElectionTimeout(7);
    follower.tick(6);
    expect(follower.status.role).toBe('follower');
  });

  test.each([
    ['a vote that is refused', message('vote', 1, { from: 2, term: 2, index: 0, logTerm: 0 })],
    ['an append of an earlier term', message('append', 1, { from: 2, term: 1 })],
  ])('do not wait anew after %s', (_name, received) => {
    const follower = member({ log: [2, 2] });
    follower.node.setElectionTimeout(7);
    follower.tick(6);
    follower.step(received);
    follower.tick();
    expect(follower.status.role).toBe('candidate');
  });
});

describe('candidates', () => {
  test('increment the term, vote for themselves, reset the timer and ask all others', () => {
    const candidate = member({ log: [1, 1] });
    candidate.tick(10);
    const sent = candidate.settle();
    expect(candidate.status).toMatchObject({ role: 'candidate', term: 2, vote: 1, lead: 0 });
    expect(sent.map(({ type, to, term }) => [type, to, term])).toEqual([
      ['vote', 2, 2],
      ['vote', 3, 2],
    ]);
    candidate.tick(9);
    expect(candidate.status.term).toBe(2);
  });

  test('become leader with votes of a majority', () => {
    const candidate = member({ members: [1, 2, 3, 4, 5] });
    candidate.node.campaign();
    const [first, second, ...rest] = ofType(candidate.settle(), 'vote');
    candidate.step(grant(first!));
    // The same vote again is no second one.
    candidate.step(grant(first!));
    expect(candidate.status.role).toBe('candidate');
    candidate.step(...rest.map((question) => refuse(question)));
    expect(candidate.status.role).toBe('candidate');
    candidate.step(grant(second!));
    expect(candidate.status).toMatchObject({ role: 'leader', lead: 1 });
  });

  test('give up when a majority refuses', () => {
    const candidate = member();
    candidate.node.campaign();
    candidate.step(...ofType(candidate.settle(), 'vote').map((question) => refuse(question)));
    expect(candidate.status).toMatchObject({ role: 'follower', term: 1, vote: 1 });
  });

  test.each(['append', 'heartbeat', 'snapshot'] as const)(
    'convert to follower on the %s of a leader of this term',
    (type) => {
      const candidate = member();
      candidate.node.campaign();
      candidate.step(message(type, 1, { from: 3, term: 1 }));
      expect(candidate.status).toMatchObject({ role: 'follower', term: 1, lead: 3, vote: 1 });
    },
  );

  test('start a new election when the timeout elapses', () => {
    const candidate = member();
    candidate.node.campaign();
    candidate.tick(10);
    expect(candidate.status).toMatchObject({ role: 'candidate', term: 2 });
  });

  test('wait for a time by chance between one and two election timeouts, drawn anew for every term', () => {
    const drawn: number[] = [];
    const candidate = member({
      settings: {
        electionTicks: 10,
        random: (below: number) => {
          expect(below).toBe(10);
          drawn.push(drawn.length % below);
          return drawn.at(-1)!;
        },
      },
    });
    for (let election = 1; election <= 20; election += 1) {
      const timeout = 10 + drawn.at(-1)!;
      candidate.tick(timeout - 1);
      expect(candidate.status.term).toBe(election - 1);
      candidate.tick();
      expect(candidate.status.term).toBe(election);
    }
    expect(drawn.length).toBeGreaterThanOrEqual(20);
  });
});

describe('leaders', () => {
  test('send to each server at once, and tell of themselves while they are idle', () => {
    const leader = member({ settings: { heartbeatTicks: 2 } });
    expect(ofType(makeLeader(leader), 'append').map(({ to }) => to)).toEqual([2, 3]);
    leader.tick();
    expect(leader.settle()).toEqual([]);
    leader.tick();
    expect(leader.settle().map(({ type, to }) => [type, to])).toEqual([
      ['heartbeat', 2],
      ['heartbeat', 3],
    ]);
  });

  test('append a command of a client to their log; it is applied once it is committed', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    expect(leader.node.propose([bytes('x')])).toEqual({
      accepted: true,
      forwarded: false,
      index: 2,
      term: 1,
    });
    const sent = ofType(leader.settle(), 'append');
    expect(leader.payloads()).toEqual([]);
    leader.step(acknowledge(sent[0]!));
    leader.settle();
    expect(leader.payloads()).toEqual(['x']);
  });

  test('send the entries from nextIndex on to whoever lacks them', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('x')]);
    leader.node.propose([bytes('y')]);
    const entries = ofType(leader.settle(), 'append', 2).flatMap((append) => append.entries);
    expect(entries).toEqual([entry(2, 1, 'x'), entry(3, 1, 'y')]);
  });

  test('on success update nextIndex and matchIndex', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('x')]);
    leader.step(acknowledge(only(ofType(leader.settle(), 'append', 2))));
    expect(leader.status.progress.get(2)).toMatchObject({ match: 2, next: 3 });
  });

  test('on failure because of a difference decrement nextIndex and try again', () => {
    const leader = member({ log: [1, 2, 2] });
    const first = only(ofType(makeLeader(leader), 'append', 2));
    expect(first.index).toBe(3);
    leader.step(reject(first, 1, 1));
    const second = only(ofType(leader.settle(), 'append', 2));
    expect(second).toMatchObject({ index: 1, logTerm: 1 });
    expect(second.entries.map(({ index }) => index)).toEqual([2, 3, 4]);
  });

  test('commit what a majority has, when it is of their own term', () => {
    const leader = member({ members: [1, 2, 3, 4, 5] });
    const appends = ofType(makeLeader(leader), 'append');
    leader.step(acknowledge(appends[0]!));
    expect(leader.status.commit).toBe(0);
    leader.step(acknowledge(appends[1]!));
    expect(leader.status.commit).toBe(1);
  });

  test('do not commit an entry of an earlier term by counting; it is committed with one of their own', () => {
    const leader = member({ log: [1, 1], hardState: { term: 2 } });
    const first = only(ofType(makeLeader(leader), 'append', 2));
    // The other has all of the old entries, but not the new one.
    leader.step({ ...acknowledge(first), index: 2 });
    expect(leader.status.progress.get(2)?.match).toBe(2);
    expect(leader.status.commit).toBe(0);
    leader.step(acknowledge(first));
    expect(leader.status.commit).toBe(3);
  });

  test('two elections, many proposals: all logs are the same in the end', () => {
    const cluster = Cluster.of(5);
    for (const id of [1, 2, 5]) {
      const leader = cluster.elect(id);
      for (const data of ['a', 'b', 'c']) leader.node.propose([bytes(`${data}${id}`)]);
      cluster.stabilize();
    }
    cluster.beat();
    for (const { id } of cluster.members) {
      expect(cluster.get(id).payloads()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a5', 'b5', 'c5']);
      expect(cluster.get(id).terms()).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    }
  });
});
