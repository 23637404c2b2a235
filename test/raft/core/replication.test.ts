import { describe, expect, test } from '@jest/globals';
import { RaftInvariantError } from '../../../agent/src/raft/core/assert.ts';
import { message } from '../../../agent/src/raft/core/message.ts';
import type { Term } from '../../../agent/src/raft/core/types.ts';
import {
  acknowledge,
  appendOf,
  at,
  Cluster,
  makeLeader,
  ofType,
  only,
  reject,
  steadyLeader,
} from '../cluster.ts';
import { bytes, Member } from '../member.ts';
import { seededRandom, shuffled } from '../scenario/random.ts';

const ready = (rest: object = {}): Member => steadyLeader({ members: [1, 2, 3], ...rest });

describe('truncation', () => {
  const follower = (): Member => new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1, 1] });

  test('an older, shorter append that comes late removes nothing (openraft 9540c904)', () => {
    const member = follower();
    member.step(appendOf(1, 2, 1, at(0, 0), [1, 1]), appendOf(1, 2, 1, at(2, 1)));
    member.settle();
    expect(member.terms()).toEqual([1, 1, 1, 1]);
  });

  test('at or below the commit index is never done: the member stops (zeebe#14509)', () => {
    const member = follower();
    member.step(message('heartbeat', 1, { from: 2, term: 2, commit: 3 }));
    expect(() => {
      member.step(appendOf(1, 2, 2, at(3, 1), [2]), appendOf(1, 3, 3, at(3, 1), [3]));
    }).not.toThrow();
    // From before the commit index nothing is even looked at.
    member.step(appendOf(1, 3, 3, at(1, 1), [3]));
    member.settle();
    expect(member.terms()).toEqual([1, 1, 1, 3]);
    const broken = new Member({ id: 1, members: [1, 2, 3], log: [1, 1], hardState: { commit: 2 } });
    const conflicting = {
      ...appendOf(1, 2, 3, at(2, 1), [3]),
      entries: [{ ...appendOf(1, 2, 3, at(1, 1), [3]).entries[0]! }],
    };
    expect(() => {
      broken.step(conflicting);
    }).toThrow(RaftInvariantError);
  });

  test('reaches the disk: what was there from the first new entry on is replaced', () => {
    const member = follower();
    member.step(appendOf(1, 2, 2, at(1, 1), [2]));
    member.settle();
    member.crash();
    member.restart();
    expect(member.terms()).toEqual([1, 2]);
  });
});

describe('commit', () => {
  test('of a heartbeat is capped by what the follower is known to have', () => {
    const leader = ready({ log: [1, 1] });
    leader.node.propose([bytes('a')]);
    leader.step(acknowledge(only(ofType(leader.settle(), 'append', 2))));
    leader.settle();
    leader.tick();
    const heartbeats = ofType(leader.settle(), 'heartbeat');
    expect(leader.status.commit).toBe(4);
    expect(heartbeats.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 4],
      [3, 3],
    ]);
  });

  test('is told at once to those that have it, and with the next heartbeat again', () => {
    const cluster = Cluster.of(3);
    const leader = cluster.elect(1);
    leader.node.propose([bytes('a')]);
    cluster.stabilize();
    expect(cluster.members.map(({ status }) => status.commit)).toEqual([2, 2, 2]);
  });

  test('is told to one that acknowledges late', () => {
    const leader = ready();
    leader.node.propose([bytes('a')]);
    const appends = ofType(leader.settle(), 'append');
    leader.step(acknowledge(appends[0]!));
    const told = ofType(leader.settle(), 'append', 3);
    // It was told before it had acknowledged: there is no need to tell it again.
    expect(told).toMatchObject([{ commit: 2 }]);
    leader.step(acknowledge(appends[1]!));
    expect(leader.settle()).toEqual([]);
  });

  test('is told to one that could not be told before, with its first answer', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3] });
    const appends = ofType(makeLeader(leader), 'append');
    leader.step(acknowledge(appends[0]!));
    // The other is still asked where its log agrees.
    expect(leader.settle().filter(({ to }) => to === 3)).toEqual([]);
    leader.step(acknowledge(appends[1]!));
    expect(leader.settle()).toMatchObject([{ type: 'append', to: 3, commit: 1, entries: [] }]);
  });

  test('never goes back on a follower', () => {
    const member = new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1] });
    member.step(appendOf(1, 2, 1, at(3, 1), [], 3), appendOf(1, 2, 1, at(3, 1), [], 1));
    member.step(message('heartbeat', 1, { from: 2, term: 1, commit: 0 }));
    expect(member.status.commit).toBe(3);
  });
});

describe('answers that come late', () => {
  test('a refusal does not move next below match + 1 (etcd PR 149)', () => {
    const leader = ready();
    leader.node.propose([bytes('a')]);
    const append = only(ofType(leader.settle(), 'append', 2));
    leader.step(acknowledge(append));
    leader.step(reject(append, 0, 0), reject({ ...append, index: 0 }, 0, 0));
    expect(leader.status.progress.get(2)).toMatchObject({ match: 2, next: 3, state: 'replicate' });
  });

  test('in probe neither', () => {
    const leader = ready();
    leader.node.reportUnreachable(2);
    leader.step(reject(appendOf(2, 1, 1, at(1, 1)), 0, 0));
    expect(leader.status.progress.get(2)).toMatchObject({ match: 1, next: 2, state: 'probe' });
  });

  test('in probe a refusal of another append is ignored', () => {
    const leader = new Member({ id: 1, members: [1, 2, 3], log: [1, 1, 1] });
    const append = only(ofType(makeLeader(leader), 'append', 2));
    leader.step(reject({ ...append, index: 1 }, 0, 0));
    expect(leader.status.progress.get(2)).toMatchObject({ match: 0, next: 4, state: 'probe', paused: true });
    expect(leader.settle()).toEqual([]);
  });

  test('in replicate one that is news goes back to probing', () => {
    const leader = ready();
    leader.node.propose([bytes('a')]);
    leader.node.propose([bytes('b')]);
    const [, second] = ofType(leader.settle(), 'append', 2);
    leader.step(reject(second!, 1, 1));
    expect(leader.status.progress.get(2)).toMatchObject({ match: 1, next: 2, state: 'probe' });
    expect(ofType(leader.settle(), 'append', 2)).toMatchObject([
      { index: 1, entries: [{ index: 2 }, { index: 3 }] },
    ]);
  });

  test('acknowledgements in any order and twice leave the same', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const leader = ready();
      for (const data of ['a', 'b', 'c', 'd']) leader.node.propose([bytes(data)]);
      const answers = ofType(leader.settle(), 'append').map(acknowledge);
      leader.step(...shuffled([...answers, ...answers], seededRandom(seed)));
      leader.settle();
      expect(leader.status).toMatchObject({ commit: 5, applied: 5 });
      expect(leader.status.progress.get(2)).toMatchObject({ match: 5, next: 6 });
    }
  });

  test('appends in any order and twice leave the same log (etcd: LogReplicationWithReorderedMessage)', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seededRandom(seed);
      const cluster = Cluster.of(3);
      const leader = cluster.elect(1);
      for (const data of ['a', 'b', 'c', 'd', 'e']) {
        leader.node.propose([bytes(data)]);
        cluster.settle();
      }
      for (let rounds = 0; rounds < 20; rounds += 1) {
        cluster.bag = shuffled([...cluster.bag, ...cluster.bag.slice(0, 3)], random);
        cluster.deliver();
        cluster.settle();
        if (random(3) === 0) leader.tick();
      }
      cluster.bag = [];
      cluster.beat();
      for (const member of cluster.members) expect(member.payloads()).toEqual(['a', 'b', 'c', 'd', 'e']);
    }
  });
});

describe('finding where logs agree', () => {
  /** How many appends the follower refuses before its log is the leader's. */
  const refusals = (leaderLog: readonly Term[], followerLog: readonly Term[]): number => {
    const term = Math.max(...leaderLog, ...followerLog);
    const cluster = new Cluster([
      { id: 1, members: [1, 2, 3], log: leaderLog, hardState: { term } },
      { id: 2, members: [1, 2, 3], log: followerLog, hardState: { term } },
      { id: 3, members: [1, 2, 3], log: leaderLog, hardState: { term } },
    ]);
    let count = 0;
    cluster.get(1).node.campaign();
    for (let rounds = 0; rounds < 1000; rounds += 1) {
      cluster.settle();
      if (cluster.bag.length === 0) break;
      count += ofType(cluster.bag, 'appendResp', 1).filter((answer) => answer.reject).length;
      cluster.deliver();
    }
    expect(cluster.get(2).terms()).toEqual([...leaderLog, term + 1]);
    return count;
  };

  const terms = (...runs: readonly (readonly [term: Term, count: number])[]): Term[] =>
    runs.flatMap(([term, count]) => Array<Term>(count).fill(term));

  test('a follower with a long tail of an earlier term is one step', () => {
    expect(refusals(terms([1, 2], [5, 10]), terms([1, 2], [2, 50]))).toBe(1);
  });

  test('a follower that is far behind is one step', () => {
    expect(refusals(terms([1, 500]), terms([1, 1]))).toBe(1);
  });

  test('a follower with a long tail of a term that the leader has some of is one or two steps', () => {
    expect(refusals(terms([1, 2], [4, 3], [6, 40]), terms([1, 2], [4, 60]))).toBeLessThanOrEqual(2);
  });

  test('many terms that differ one by one take as many steps as there are terms at most', () => {
    // Odd terms here, even ones there: each step skips one term on both sides.
    const leader = terms([1, 1], ...Array.from({ length: 60 }, (_, at) => [2 * at + 3, 3] as const));
    const follower = terms([1, 1], ...Array.from({ length: 60 }, (_, at) => [2 * at + 2, 5] as const));
    const steps = refusals(leader, follower);
    expect(steps).toBeLessThanOrEqual(61);
    expect(steps).toBeGreaterThan(1);
  });

  test('more than fifty entries that differ are found (openraft 6d53aa12)', () => {
    expect(refusals(terms([1, 1], [3, 200]), terms([1, 1], [2, 180]))).toBeLessThanOrEqual(2);
  });

  test('random logs end up the same', () => {
    const random = seededRandom(5);
    /** Of odd terms or of even ones, so that two of them have no entry in common that is not the same. */
    const grow = (first: Term): Term[] => {
      let term = first;
      return Array.from({ length: random(20) }, () => (term += 2 * random(2)));
    };
    for (let round = 0; round < 200; round += 1) {
      const common = Array<Term>(random(10)).fill(1);
      const leader = [...common, ...grow(3), 43];
      const follower = [...common, ...grow(2)];
      expect(refusals(leader, follower)).toBeLessThanOrEqual(new Set(leader).size);
    }
  });
});

describe('proposals', () => {
  test('are sent at once to those that replicate, without waiting for earlier answers', () => {
    const leader = ready();
    for (const data of ['a', 'b', 'c']) {
      leader.node.propose([bytes(data)]);
      expect(ofType(leader.settle(), 'append', 2)).toHaveLength(1);
    }
  });

  test('many at once are one append, and their index is that of the last', () => {
    const leader = ready();
    expect(leader.node.propose([bytes('a'), bytes('b'), bytes('c')])).toMatchObject({ index: 4 });
    expect(only(ofType(leader.settle(), 'append', 2)).entries).toHaveLength(3);
  });

  test('that are refused leave nothing behind', () => {
    const leader = ready();
    leader.node.transferLeader(2);
    leader.settle();
    leader.node.propose([bytes('a')]);
    expect(leader.settle()).toEqual([]);
    expect(leader.status.lastIndex).toBe(1);
  });

  test('nothing at all is no proposal', () => {
    expect(() => ready().node.propose([])).toThrow(RaftInvariantError);
  });

  test('forwarded through a chain reach the leader, and its id of the asker stays', () => {
    const member = new Member({ id: 2, members: [1, 2, 3] });
    member.step(message('heartbeat', 2, { from: 1, term: 1 }));
    member.settle();
    member.step(
      message('propose', 2, { from: 3, entries: [{ index: 0, term: 0, type: 'normal', data: bytes('a') }] }),
    );
    expect(member.settle()).toMatchObject([{ type: 'propose', from: 3, to: 1, term: 0 }]);
  });

  test('that reach a member without leader are lost, not answered', () => {
    const member = new Member({ id: 2, members: [1, 2, 3] });
    member.step(
      message('propose', 2, { from: 3, entries: [{ index: 0, term: 0, type: 'normal', data: bytes('a') }] }),
    );
    expect(member.settle()).toEqual([]);
  });
});
