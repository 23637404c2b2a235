import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { message, type Message } from '../../../agent/src/raft/core/message.ts';
import {
  acknowledge,
  appendOf,
  at,
  Cluster,
  grant,
  makeLeader,
  ofType,
  only,
  steadyLeader,
} from '../cluster.ts';
import { bytes, entry, Member } from '../member.ts';

const voter = (rest: object = {}): Member => new Member({ id: 1, members: [1, 2, 3], ...rest });

/** Campaigns; its own vote is on its way to the disk. @returns what it asks the others */
const askForVotes = (member: Member): Message[] => {
  member.node.campaign();
  return ofType(member.ready(), 'vote');
};

describe("a candidate's own vote", () => {
  test('counts once it is durable', () => {
    const candidate = voter();
    const [question] = askForVotes(candidate);
    candidate.step(grant(question!));
    expect(candidate.status.role).toBe('candidate');
    candidate.store();
    expect(candidate.status.role).toBe('leader');
  });

  test('is needed: votes of all others do not make a leader whose term a crash would undo', () => {
    const candidate = voter();
    candidate.step(...askForVotes(candidate).map(grant));
    expect(candidate.status.role).toBe('candidate');
    candidate.store();
    expect(candidate.status.role).toBe('leader');
  });

  test('does not count when the election is lost meanwhile (etcd: SelfVoteAfterLostElection)', () => {
    const candidate = voter();
    const [question] = askForVotes(candidate);
    candidate.step(message('heartbeat', 1, { from: 2, term: 1 }));
    candidate.store();
    candidate.step(grant(question!));
    candidate.settle();
    expect(candidate.status).toMatchObject({ role: 'follower', lead: 2, term: 1 });
  });

  test('of an earlier candidacy does not count in a later one', () => {
    const candidate = voter();
    askForVotes(candidate);
    candidate.tick(10);
    candidate.step(...ofType(candidate.ready(), 'vote').map(grant));
    candidate.store();
    expect(candidate.status).toMatchObject({ role: 'candidate', term: 2 });
    candidate.store();
    expect(candidate.status).toMatchObject({ role: 'leader', term: 2 });
  });

  test('of a pre-vote does not count in the election that follows', () => {
    const candidate = voter({ members: [1, 2, 3, 4, 5], settings: { preVote: true } });
    candidate.node.campaign();
    const [first, second, third] = ofType(candidate.ready(), 'preVote');
    candidate.step(grant(first!), grant(second!), grant(third!));
    const questions = ofType(candidate.ready(), 'vote');
    candidate.step(grant(questions[0]!), grant(questions[1]!));
    // The pre-vote comes back now, and is no third vote.
    candidate.store();
    expect(candidate.status.role).toBe('candidate');
    candidate.store();
    expect(candidate.status.role).toBe('leader');
  });
});

describe('votes name the log that they were given for', () => {
  test('a candidate that lost part of its log in a crash does not win by votes for the longer one', () => {
    const ids = [1, 2, 3];
    const cluster = new Cluster(ids.map((id) => ({ id, members: ids, log: [1] })));
    const [one, two, three] = ids.map((id) => cluster.get(id));
    // 3 leads in term 2; 2 has its entries on disk, which commits them, 1 only in memory.
    cluster.elect(3);
    three!.node.propose([bytes('a')]);
    cluster.settle(3);
    cluster.deliver();
    cluster.settle(2);
    one!.ready();
    cluster.deliver(({ from, type }) => from === 2 && type === 'appendResp');
    expect(three!.status.commit).toBe(3);
    cluster.isolate(3);
    cluster.bag = [];
    // 1 asks 2 for its vote in term 3, with the log as it is in memory.
    one!.node.campaign();
    const question = only(ofType(one!.ready(), 'vote', 2));
    expect(question).toMatchObject({ term: 3, index: 3 });
    two!.step(question);
    const vote = only(ofType(two!.settle(), 'voteResp'));
    expect(vote.reject).toBe(false);
    // The machine of 1 fails before any of that is on its disk: it is back in term 2, and asks for term 3 again.
    one!.crash();
    one!.restart();
    expect(one!.status).toMatchObject({ term: 2, lastIndex: 2 });
    one!.node.campaign();
    one!.settle();
    one!.step(vote);
    one!.settle();
    expect(one!.status).toMatchObject({ role: 'candidate', term: 3 });
  });

  test('a term that a crash undid is not led a second time', () => {
    // All of the others vote before the disk of 1 is done; 1 sends nothing as leader before that.
    const first = voter({ log: [1] });
    const votes = askForVotes(first).map(grant);
    first.step(...votes);
    expect(ofType(first.ready(), 'append')).toEqual([]);
    first.crash();
    first.restart();
    expect(first.status.term).toBe(1);
  });

  test('a grant for another log is ignored, a refusal always counts', () => {
    const candidate = voter({ log: [1, 1] });
    const [two, three] = askForVotes(candidate);
    candidate.store();
    candidate.step({ ...grant(two!), index: 3 }, { ...grant(three!), logTerm: 0 });
    expect(candidate.status.role).toBe('candidate');
    candidate.step({ ...grant(two!), reject: true, index: 0 }, { ...grant(three!), reject: true, index: 0 });
    expect(candidate.status.role).toBe('follower');
  });
});

describe("a leader's own acknowledgement", () => {
  test('counts once the entries are durable', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('a')]);
    const [append] = ofType(leader.ready(), 'append');
    leader.step(acknowledge(append!));
    expect(leader.status.commit).toBe(1);
    leader.store();
    expect(leader.status.commit).toBe(2);
  });

  test('is not needed: others may commit what its own disk does not have', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('a')]);
    leader.step(...ofType(leader.ready(), 'append').map(acknowledge));
    expect(leader.status.commit).toBe(2);
    // But it is not applied here before it is on this disk.
    leader.ready();
    expect(leader.applies).toEqual([]);
    leader.settle();
    expect(leader.payloads()).toEqual(['a']);
  });

  test('does not count after the term has changed (etcd: MsgAppSelfAckAfterTermChange)', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('a')]);
    leader.ready();
    leader.step(message('heartbeat', 1, { from: 2, term: 2 }));
    leader.store();
    expect(leader.status).toMatchObject({ role: 'follower', term: 2, commit: 1 });
  });

  test('of an earlier term does not count when it leads again', () => {
    const leader = steadyLeader({ members: [1, 2, 3], log: [1] });
    leader.node.propose([bytes('a')]);
    leader.ready();
    leader.step(message('heartbeat', 1, { from: 2, term: 3 }));
    leader.node.campaign();
    leader.step(...ofType(leader.ready(), 'vote').map(grant));
    while (leader.appends.length > 0) leader.store();
    expect(leader.status).toMatchObject({ role: 'leader', term: 4, commit: 2 });
  });

  test('in a cluster of one nothing is committed or applied before it is durable (etcd#14370)', () => {
    const alone = new Member({ id: 1, members: [1] });
    alone.node.campaign();
    alone.settle();
    alone.node.propose([bytes('a')]);
    alone.ready();
    expect(alone.status.commit).toBe(1);
    expect(alone.applies).toEqual([]);
    alone.store();
    expect(alone.status.commit).toBe(2);
    alone.ready();
    expect(alone.applies).toMatchObject([{ entries: [{ index: 2 }] }]);
  });
});

describe('answers that promise something', () => {
  test.each([
    ['a granted vote', message('vote', 1, { from: 2, term: 1 }), 'voteResp'],
    ['a refused vote', message('vote', 1, { from: 2, term: 1, index: 0 }), 'voteResp'],
    ['an answer to a pre-vote', message('preVote', 1, { from: 2, term: 1 }), 'preVoteResp'],
    ['an acknowledgement', appendOf(1, 2, 1, at(0, 0), [1]), 'appendResp'],
    ['a refused append', appendOf(1, 2, 1, at(5, 1), [1]), 'appendResp'],
  ] as const)('%s leaves with the piece of work that it rests on', (_name, received, type) => {
    const member = voter();
    member.step(received);
    expect(ofType(member.ready(), type)).toEqual([]);
    expect(ofType(member.store(), type)).toHaveLength(1);
  });

  test('an append that came before is not acknowledged before the disk has it either', () => {
    const member = voter();
    const append = appendOf(1, 2, 1, at(0, 0), [1]);
    member.step(append);
    member.ready();
    member.step(append);
    expect(member.ready()).toEqual([]);
    expect(member.appends).toHaveLength(2);
    // The second piece has nothing to write, but comes after the first.
    expect(member.appends[1]).toMatchObject({ entries: [], hardState: undefined, mustSync: false });
    expect(ofType(member.store(), 'appendResp')).toHaveLength(1);
    expect(ofType(member.store(), 'appendResp')).toHaveLength(1);
  });

  test('answers to heartbeats promise nothing and leave at once', () => {
    const member = voter();
    member.step(message('heartbeat', 1, { from: 2, term: 1 }));
    expect(ofType(member.ready(), 'heartbeatResp')).toHaveLength(1);
  });

  test('a leader sends entries while its own disk is still writing them', () => {
    const leader = steadyLeader({ members: [1, 2, 3] });
    leader.node.propose([bytes('a')]);
    expect(ofType(leader.ready(), 'append')).toHaveLength(2);
    expect(leader.appends).toHaveLength(1);
  });
});

describe('work for the disk', () => {
  test('must be synced for entries, term, vote and snapshots, not for the commit index alone', () => {
    const member = voter({ log: [1] });
    const synced = (received: Message): boolean | undefined => {
      member.step(received);
      member.ready();
      const must = member.appends.at(-1)?.mustSync;
      member.settle();
      return must;
    };
    expect(synced(message('heartbeat', 1, { from: 2, term: 2 }))).toBe(true);
    expect(synced(appendOf(1, 2, 2, at(1, 1), [2]))).toBe(true);
    expect(synced(message('heartbeat', 1, { from: 2, term: 2, commit: 2 }))).toBe(false);
    expect(synced(message('vote', 1, { from: 3, term: 3, index: 9, logTerm: 2 }))).toBe(true);
    expect(synced(message('vote', 1, { from: 2, term: 3, index: 9, logTerm: 2 }))).toBe(false);
  });

  test('holds the commit index that came with entries: both are durable or neither is', () => {
    const member = voter();
    member.step(appendOf(1, 2, 1, at(0, 0), [1, 1], 1));
    member.ready();
    expect(only(member.appends)).toMatchObject({
      entries: [{ index: 1 }, { index: 2 }],
      hardState: { commit: 1 },
    });
  });

  test('an acknowledgement of an older piece releases nothing of what replaced it (ABA)', () => {
    const member = voter({ log: [1], hardState: { commit: 1 } });
    member.settle();
    // 2 of term 1 is handed out, replaced by one of term 2, and then put back by a leader that has the first one.
    member.step(appendOf(1, 2, 1, at(1, 1), [1]));
    member.ready();
    member.step(appendOf(1, 3, 2, at(1, 1), [2]));
    member.ready();
    member.step(appendOf(1, 2, 3, at(1, 1), [1, 3], 2));
    member.ready();
    expect(member.appends.map(({ entries }) => entries.map(({ term }) => term))).toEqual([[1], [2], [1, 3]]);
    // On disk is the right one for a moment, and then another one: the core may rely on neither.
    for (const stored of [1, 2]) {
      member.store();
      member.ready();
      expect(member.log.term(2)).toBe(stored);
      expect(member.applies).toEqual([]);
    }
    member.store();
    member.ready();
    expect(member.applies).toMatchObject([{ entries: [{ index: 2, term: 1 }] }]);
  });

  test('one of entries that were replaced in the same term releases nothing either', () => {
    const member = voter({ log: [1], hardState: { commit: 1 } });
    member.settle();
    // Handed out in term 2, in which a leader then has another entry for that place.
    member.step(
      appendOf(1, 2, 1, at(1, 1), [1]),
      message('vote', 1, { from: 3, term: 2, index: 9, logTerm: 1 }),
    );
    member.ready();
    member.step(appendOf(1, 3, 2, at(1, 1), [2], 2));
    member.ready();
    member.store();
    member.ready();
    expect(member.applies).toEqual([]);
    member.settle();
    expect(member.applied.at(-1)).toMatchObject({ index: 2, term: 2 });
  });

  test('a later piece speaks for what was acknowledged in an earlier term', () => {
    const member = voter({ log: [1] });
    member.step(appendOf(1, 2, 1, at(1, 1), [1, 1]));
    member.ready();
    member.step(message('heartbeat', 1, { from: 3, term: 2 }));
    member.ready();
    member.store();
    member.store();
    member.step(message('heartbeat', 1, { from: 3, term: 2, commit: 3 }));
    member.ready();
    expect(member.applies).toMatchObject([{ entries: [{ index: 1 }, { index: 2 }, { index: 3 }] }]);
  });

  test('is handed out once', () => {
    const member = voter();
    member.step(appendOf(1, 2, 1, at(0, 0), [1]));
    member.ready();
    expect(member.node.hasReady()).toBe(false);
    member.step(appendOf(1, 2, 1, at(1, 1), [1]));
    member.ready();
    expect(member.appends.map(({ entries }) => entries)).toEqual([[entry(1, 1)], [entry(2, 1)]]);
  });

  test('reported twice is a broken driver', () => {
    const member = voter();
    member.step(appendOf(1, 2, 1, at(0, 0), [1]));
    const { append } = member.node.ready();
    member.log.append(append!);
    member.node.appendDone(append!);
    expect(() => {
      member.node.appendDone(append!);
    }).toThrow(RaftInvariantError);
  });

  test('that is out does not change when the log does: arrays are not shared', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3] });
    const sent = only(ofType(makeLeader(leader), 'append', 2));
    leader.node.propose([bytes('a')]);
    leader.ready();
    const work = only(leader.appends);
    const before = JSON.stringify([sent.entries, work.entries]);
    leader.node.propose([bytes('b')]);
    leader.step(appendOf(1, 2, 9, at(0, 0), [9, 9, 9, 9]));
    leader.settle();
    expect(JSON.stringify([sent.entries, work.entries])).toBe(before);
  });
});
