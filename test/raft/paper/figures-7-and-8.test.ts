import { describe, expect, test } from '@jest/globals';
import type { Message } from '../../../agent/src/raft/core/message.ts';
import type { Term } from '../../../agent/src/raft/core/types.ts';
import { Cluster } from '../cluster.ts';

const leaderLog: readonly Term[] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

const figure7: readonly (readonly [name: string, log: readonly Term[]])[] = [
  ['a: misses an entry', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
  ['b: misses many', [1, 1, 1, 4]],
  ['c: has one too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
  ['d: has two of a later term', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
  ['e: misses some and has others', [1, 1, 1, 4, 4, 4, 4]],
  ['f: differs for several terms', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
];

describe('figure 7: a new leader makes the logs of followers the same as its own', () => {
  test.each(figure7)('%s', (_name, log) => {
    // The third only votes.
    const cluster = new Cluster([
      { id: 1, members: [1, 2, 3], log: leaderLog, hardState: { term: 7 } },
      { id: 2, members: [1, 2, 3], log, hardState: { term: 7 } },
      { id: 3, members: [1, 2, 3] },
    ]);
    cluster.elect(1);
    expect(cluster.get(2).terms()).toEqual([...leaderLog, 8]);
    expect(cluster.get(2).entries()).toEqual(cluster.get(1).entries());
    expect(cluster.get(2).log.lastIndex()).toBe(11);
  });

  test('all of them at once', () => {
    const ids = [1, 2, 3, 4, 5, 6, 7];
    const cluster = new Cluster([
      { id: 1, members: ids, log: leaderLog, hardState: { term: 7 } },
      ...figure7.map(([, log], at) => ({ id: at + 2, members: ids, log, hardState: { term: 7 } })),
    ]);
    cluster.elect(1);
    for (const member of cluster.members) expect(member.terms()).toEqual([...leaderLog, 8]);
  });

  test('which of them can win an election: a and c of one, d with any of them; not b, e and f', () => {
    const wins = figure7.map(([, log]) => {
      // Against four that have the leader's log: who is behind it gets their votes.
      const ids = [1, 2, 3, 4, 5];
      const cluster = new Cluster(
        ids.map((id) => ({ id, members: ids, log: id === 1 ? log : leaderLog, hardState: { term: 7 } })),
      );
      cluster.get(1).node.campaign();
      cluster.stabilize();
      return cluster.leaders.length === 1;
    });
    expect(wins).toEqual([false, false, true, true, false, false]);
  });
});

describe('figure 8: an entry of an earlier term on a majority may still be replaced', () => {
  const appendTo =
    (...ids: readonly number[]) =>
    ({ type, to }: Message): boolean =>
      type === 'append' && ids.includes(to);

  /** Elects, without anything else being delivered; where a term is lost to votes that are cast, in the next one. */
  const vote = (cluster: Cluster, id: number): void => {
    for (let tries = 0; cluster.get(id).status.role !== 'leader'; tries += 1) {
      if (tries > 1) throw new Error(`S${id} does not win`);
      cluster.get(id).node.campaign();
      cluster.settle();
      cluster.deliver(({ type }) => type === 'vote');
      cluster.settle();
      cluster.deliver(({ type }) => type === 'voteResp');
    }
    cluster.settle(id);
  };

  /** Up to (c): the entry of term 2 is on all but S5, which has one of term 3 there, and S1 leads in term 4. */
  const untilC = (): Cluster => {
    // One entry in each append, so that the old one travels without the new one.
    const cluster = Cluster.of(5, { log: [1], settings: { maxAppendBytes: 0 } });
    // (a) S1 leads in term 2; its entry reaches S2 only.
    vote(cluster, 1);
    cluster.deliver(appendTo(2));
    cluster.settle();
    expect(cluster.get(2).terms()).toEqual([1, 2]);
    // (b) S1 crashes. S5 is elected by S3 and S4 in term 3 and has another entry in that place.
    cluster.get(1).crash();
    cluster.bag = [];
    vote(cluster, 5);
    expect(cluster.get(5).terms()).toEqual([1, 3]);
    // (c) S5 crashes. S1 is back, is elected in term 4, and goes on with the old entry.
    cluster.get(5).crash();
    cluster.bag = [];
    cluster.get(1).restart();
    vote(cluster, 1);
    expect(cluster.get(1).status.term).toBe(4);
    for (let rounds = 0; rounds < 2; rounds += 1) {
      cluster.deliver(appendTo(3, 4));
      cluster.settle();
      cluster.deliver(({ type }) => type === 'appendResp');
      cluster.settle();
    }
    expect([2, 3, 4].map((id) => cluster.get(id).terms())).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    return cluster;
  };

  test('(c) the leader knows it to be on a majority, and has not committed it', () => {
    const { status } = untilC().get(1);
    expect([3, 4].map((id) => status.progress.get(id)?.match)).toEqual([2, 2]);
    expect(status.commit).toBe(0);
  });

  test('(d) S5 may be elected and replace it everywhere', () => {
    const cluster = untilC();
    cluster.get(1).crash();
    cluster.bag = [];
    cluster.get(5).restart();
    vote(cluster, 5);
    cluster.stabilize();
    expect([2, 3, 4, 5].map((id) => cluster.get(id).terms())).toEqual(Array(4).fill([1, 3, 5]));
  });

  test('(e) once an entry of term 4 is on a majority both are committed, and S5 cannot be elected', () => {
    const cluster = untilC();
    cluster.deliver(appendTo(3, 4));
    cluster.settle();
    cluster.deliver(({ type }) => type === 'appendResp');
    expect(cluster.get(1).status.commit).toBe(3);
    cluster.get(1).crash();
    cluster.bag = [];
    cluster.get(5).restart();
    for (let tries = 0; tries < 3; tries += 1) {
      cluster.get(5).node.campaign();
      cluster.stabilize();
      expect(cluster.leaders).toEqual([]);
    }
    // Somebody who has it can.
    cluster.elect(3);
    expect([2, 3, 4, 5].map((id) => cluster.get(id).terms().slice(0, 3))).toEqual(Array(4).fill([1, 2, 4]));
  });
});
