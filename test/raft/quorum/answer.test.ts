import { describe, expect, test } from '@jest/globals';
import { answerQuorum } from './answer.ts';

const committed = (voters: number[], outgoing: number[], acked: Record<string, number>): unknown =>
  answerQuorum(JSON.stringify({ kind: 'committed', voters, outgoing, acked }));
const vote = (voters: number[], outgoing: number[], votes: Record<string, boolean>): unknown =>
  answerQuorum(JSON.stringify({ kind: 'vote', voters, outgoing, votes }));

/** All ways to choose one of these for each of so many voters. */
const choices = <Choice>(count: number, of: readonly Choice[]): Choice[][] =>
  count === 0 ? [[]] : choices(count - 1, of).flatMap((rest) => of.map((choice) => [...rest, choice]));

describe('what is committed', () => {
  test('is what a majority has', () => {
    expect(committed([1, 2, 3], [], { 1: 5, 2: 3 })).toEqual({ committed: 3 });
    expect(committed([1, 2, 3, 4], [], { 1: 5, 2: 3 })).toEqual({ committed: 0 });
    expect(committed([7], [], { 7: 9 })).toEqual({ committed: 9 });
  });

  test('is limited by both halves, and by no empty one', () => {
    expect(committed([1, 2, 3], [3, 4], { 1: 5, 2: 5, 3: 4, 4: 2 })).toEqual({ committed: 2 });
    expect(committed([], [3, 4], { 3: 4, 4: 2 })).toEqual({ committed: 2 });
    expect(committed([1], [], { 1: 4, 2: 9 })).toEqual({ committed: 4 });
    expect(committed([], [], {})).toEqual({ committed: 'infinity' });
  });

  test.each([1, 2, 3, 4, 5])('by %d voters is the highest index that more than half have', (count) => {
    const voters = Array.from({ length: count }, (_, at) => at + 1);
    for (const acked of choices(count, [0, 1, 2, 5])) {
      const best = Math.max(
        0,
        ...acked.filter((index) => 2 * acked.filter((other) => other >= index).length > count),
      );
      const byVoter = Object.fromEntries(voters.map((id, at) => [id, acked[at] ?? 0]));
      expect(committed(voters, [], byVoter)).toEqual({ committed: best });
    }
  });
});

describe('an election', () => {
  test('is decided by a majority of each half', () => {
    expect(vote([1, 2, 3], [3, 4], { 1: true, 2: false })).toEqual({ result: 'pending' });
    expect(vote([1, 2, 3], [3, 4], { 1: true, 3: true, 4: true })).toEqual({ result: 'won' });
    expect(vote([1, 2, 3], [3, 4], { 1: true, 2: true, 4: false })).toEqual({ result: 'lost' });
    expect(vote([1, 2], [], { 1: true, 2: false })).toEqual({ result: 'lost' });
  });

  test('without voters is won', () => {
    expect(vote([], [], {})).toEqual({ result: 'won' });
    expect(vote([], [5], { 5: false })).toEqual({ result: 'lost' });
  });

  test('does not count strangers', () => {
    expect(vote([1, 2, 3], [], { 1: true, 8: true, 9: true })).toEqual({ result: 'pending' });
  });

  test.each([1, 2, 3, 4, 5])(
    'of %d voters is won by more than half, lost when that is out of reach',
    (count) => {
      const voters = Array.from({ length: count }, (_, at) => at + 1);
      for (const votes of choices(count, [true, false, undefined])) {
        const yes = votes.filter((each) => each === true).length;
        const open = votes.filter((each) => each === undefined).length;
        const undecided = 2 * (yes + open) > count ? 'pending' : 'lost';
        const given = Object.fromEntries(
          voters.flatMap((id, at) => (votes[at] === undefined ? [] : [[id, votes[at]]])),
        );
        expect(vote(voters, [], given)).toEqual({ result: 2 * yes > count ? 'won' : undecided });
      }
    },
  );
});

test('what is no question is refused', () => {
  expect(() => answerQuorum('{"kind":"maybe","voters":[1]}')).toThrow();
  expect(() => answerQuorum('{"kind":"vote","voters":[1],"acked":{"1":2}}')).toThrow();
});
