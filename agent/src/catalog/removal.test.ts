import { expect, test } from '@jest/globals';
import type { ConsensusMember } from '@ollamamax/api';
import { removalProblem } from './removal.ts';

/** `V` and `L`: voters and learners that are alive; `v` and `l`: that are silent. Numbered from 1. */
const members = (text: string): ConsensusMember[] =>
  Array.from(text, (kind, at) => ({
    agent: `agent-${at}`,
    memberId: at + 1,
    address: 'h:1',
    voting: kind.toLowerCase() === 'v',
    alive: kind === kind.toUpperCase(),
    matchIndex: 1,
  }));

test.each<[string, number[], RegExp | undefined]>([
  ['VVV', [1], undefined],
  ['VVv', [3], undefined],
  ['VVv', [1], /1 of the 2 voters.*silent: agent-2/],
  ['Vvv', [1], /silent: agent-1, agent-2/],
  ['Vvv', [2], /1 of the 2 voters/],
  // The learner gets a vote in the same step.
  ['VVvL', [1], undefined],
  ['VVvl', [1], /1 of the 2/],
  ['VVVvv', [1], /2 of the 4/],
  ['VVVvv', [4], undefined],
  ['VL', [1], undefined],
  ['Vl', [1], /0 of the 0/],
  ['V', [1], /only member/],
  ['VVL', [3], undefined],
  ['Vvl', [3], undefined],
])('of %s those that leave are %j: %s', (text, leaving, expected) => {
  const problem = removalProblem(members(text), leaving);
  if (expected === undefined) expect(problem).toBe(undefined);
  else expect(problem).toMatch(expected);
});

test('nothing is said where the leader is not known', () => {
  expect(removalProblem(undefined, [1])).toBe(undefined);
});
