import { describe, expect, test } from '@jest/globals';
import { jointCommitted, jointVote } from '../../../agent/src/raft/core/quorum/joint.ts';
import {
  majorityCommitted,
  majorityVote,
  type VoteResult,
} from '../../../agent/src/raft/core/quorum/majority.ts';
import type { Index, NodeId } from '../../../agent/src/raft/core/types.ts';

const ids: readonly NodeId[] = [1, 2, 3, 4, 5];

const subsets: readonly (readonly NodeId[])[] = Array.from({ length: 2 ** ids.length }, (_, bits) =>
  ids.filter((_id, at) => (bits >> at) % 2 === 1),
);

/** Everything that the five may have said, each out of these. */
const answersOutOf = <Answer>(choices: readonly Answer[]): (readonly Answer[])[] =>
  ids.reduce<Answer[][]>(
    (all, _id) => all.flatMap((some) => choices.map((choice) => [...some, choice])),
    [[]],
  );

const acked: readonly (readonly Index[])[] = answersOutOf([0, 1, 2]);
const votes: readonly (readonly (boolean | undefined)[])[] = answersOutOf([undefined, true, false]);

const isMajority = (count: number, of: readonly NodeId[]): boolean => 2 * count > of.length;

/** What is said by definition: the highest index that more than half of them have. */
const committedByHand = (voters: readonly NodeId[], indexes: readonly Index[]): Index => {
  if (voters.length === 0) return Infinity;
  const having = (index: Index): number => voters.filter((id) => (indexes[id - 1] ?? 0) >= index).length;
  return [2, 1].find((index) => isMajority(having(index), voters)) ?? 0;
};

/** Whether all of the halves would be won if those that have not answered answered so. */
const wonByHand = (
  halves: readonly (readonly NodeId[])[],
  said: readonly (boolean | undefined)[],
  missing: boolean,
): boolean =>
  halves.every(
    (half) => half.length === 0 || isMajority(half.filter((id) => said[id - 1] ?? missing).length, half),
  );

const voteByHand = (
  halves: readonly (readonly NodeId[])[],
  said: readonly (boolean | undefined)[],
): VoteResult => {
  if (wonByHand(halves, said, false)) return 'won';
  return wonByHand(halves, said, true) ? 'pending' : 'lost';
};

/** Cases in which both differ; all would be too many to expect one by one. */
const differing = <Case, Result>(
  cases: Iterable<Case>,
  one: (of: Case) => Result,
  other: (of: Case) => Result,
): Case[] => [...cases].filter((each) => one(each) !== other(each));

describe('up to five voters, all there is', () => {
  test('majorityCommitted is what more than half have', () => {
    const cases = subsets.flatMap((voters) => acked.map((indexes) => ({ voters, indexes })));
    expect(
      differing(
        cases,
        ({ voters, indexes }) => majorityCommitted(voters, (id) => indexes[id - 1] ?? 0),
        ({ voters, indexes }) => committedByHand(voters, indexes),
      ),
    ).toEqual([]);
  });

  test('majorityVote is won or lost when no missing answer can change it', () => {
    const cases = subsets.flatMap((voters) => votes.map((said) => ({ voters, said })));
    expect(
      differing(
        cases,
        ({ voters, said }) => majorityVote(voters, (id) => said[id - 1]),
        ({ voters, said }) => voteByHand([voters], said),
      ),
    ).toEqual([]);
  });

  test('jointCommitted is what more than half of each half have', () => {
    function* cases() {
      for (const voters of subsets)
        for (const outgoing of subsets) for (const indexes of acked) yield { voters, outgoing, indexes };
    }
    expect(
      differing(
        cases(),
        ({ voters, outgoing, indexes }) => jointCommitted({ voters, outgoing }, (id) => indexes[id - 1] ?? 0),
        ({ voters, outgoing, indexes }) =>
          Math.min(committedByHand(voters, indexes), committedByHand(outgoing, indexes)),
      ),
    ).toEqual([]);
  });

  test('jointVote is won when both halves are, and lost when one cannot be won any more', () => {
    function* cases() {
      for (const voters of subsets)
        for (const outgoing of subsets) for (const said of votes) yield { voters, outgoing, said };
    }
    expect(
      differing(
        cases(),
        ({ voters, outgoing, said }) => jointVote({ voters, outgoing }, (id) => said[id - 1]),
        ({ voters, outgoing, said }) => voteByHand([voters, outgoing], said),
      ),
    ).toEqual([]);
  });

  test('nobody at all wins every vote and limits nothing', () => {
    expect(majorityVote([], () => undefined)).toBe('won');
    expect(jointCommitted({ voters: [], outgoing: [] }, () => 0)).toBe(Infinity);
  });

  test('the order of the voters says nothing', () => {
    for (const indexes of acked) {
      const one = majorityCommitted(ids, (id) => indexes[id - 1] ?? 0);
      const other = majorityCommitted([...ids].reverse(), (id) => indexes[id - 1] ?? 0);
      if (one !== other) throw new Error(`${one} and ${other} for ${indexes.join()}`);
    }
  });
});
