import { describe, expect, test } from '@jest/globals';
import type { ConfState, NodeId } from '../core/types.ts';
import { votersFor } from '@ollamamax/api';
import { nextStep, type MemberHealth, type Situation } from './autopilot.ts';

const limits = { aliveTicks: 20, replaceTicks: 600, closeEntries: 10 };

const configOf = (voters: readonly NodeId[], learners: readonly NodeId[] = []): ConfState => ({
  voters,
  outgoing: [],
  learners,
  learnersNext: [],
  autoLeave: false,
});

const fine: MemberHealth = { match: 100, silentTicks: 0, replicating: true };

const situation = (
  voters: readonly NodeId[],
  learners: readonly NodeId[],
  wanted: readonly NodeId[],
  health: Readonly<Record<NodeId, Partial<MemberHealth>>> = {},
  self = 1,
): Situation => ({
  self,
  lastIndex: 105,
  config: configOf(voters, learners),
  wanted,
  health: new Map([...voters, ...learners].map((id) => [id, { ...fine, ...health[id] }])),
});

const changesOf = (...given: Parameters<typeof situation>) => {
  const step = nextStep(situation(...given), limits);
  if (step?.kind !== 'change') return step;
  return step.change.changes.map(({ op, node }) => `${op} ${node}`).join(', ');
};

test.each([
  [1, 1],
  [2, 1],
  [3, 3],
  [4, 3],
  [5, 5],
  [100, 5],
])('%i members have %i voters', (members, voters) => {
  expect(votersFor(members)).toBe(voters);
});

describe('joining', () => {
  test('as learners, one after the other', () => {
    expect(changesOf([1], [], [1, 2, 3])).toBe('addLearner 2');
    expect(changesOf([1], [2], [1, 2, 3])).toBe('addLearner 3');
  });

  test('a learner that has caught up becomes a voter; one that has not, or is silent, does not', () => {
    expect(changesOf([1], [2, 3], [1, 2, 3])).toBe('addVoter 2');
    expect(changesOf([1], [2, 3], [1, 2, 3], { 2: { match: 5 } })).toBe('addVoter 3');
    expect(changesOf([1], [2, 3], [1, 2, 3], { 2: { replicating: false }, 3: { silentTicks: 20 } })).toBe(
      undefined,
    );
  });

  test('two members have one voter: with two, either one lost would stop both', () => {
    expect(changesOf([1], [2], [1, 2])).toBe(undefined);
  });

  test('nothing is done while the configuration is joint', () => {
    const joint = { ...configOf([1, 2], [3]), outgoing: [1] };
    expect(nextStep({ ...situation([1], [], [1, 2, 3]), config: joint }, limits)).toBe(undefined);
  });
});

describe('leaving', () => {
  test('a learner goes at once', () => {
    expect(changesOf([1, 2, 3], [4], [1, 2, 3])).toBe('remove 4');
  });

  test('a voter gives its vote to a learner in the same step', () => {
    expect(changesOf([1, 2, 3], [4], [1, 2, 4])).toBe('addVoter 4, remove 3');
    expect(changesOf([1, 2, 3], [], [1, 2])).toBe('remove 3');
  });

  test('the dead before the living, the leader last and only after it handed over', () => {
    expect(changesOf([1, 2, 3, 4, 5], [], [4, 5], { 3: { silentTicks: 100 } })).toBe('remove 3');
    expect(changesOf([1, 4, 5], [], [4, 5])).toEqual({ kind: 'transfer', to: 4, why: 'leader 1 leaves' });
    expect(changesOf([1], [2], [2])).toBe('addVoter 2');
    expect(changesOf([1], [], [])).toMatchObject({ kind: 'blocked' });
  });

  test('is blocked when the others could not decide without it', () => {
    expect(changesOf([1, 2, 3], [], [1, 2], { 2: { silentTicks: 50 } })).toEqual({
      kind: 'blocked',
      why: 'voter 3 leaves, but too few of the other voters are alive: 1, 2',
    });
    // The one that leaves is the dead one: the others can.
    expect(changesOf([1, 2, 3], [], [1, 2], { 3: { silentTicks: 50 } })).toBe('remove 3');
  });

  test('with fewer members there are fewer voters', () => {
    expect(changesOf([1, 2], [], [1, 2])).toBe('addLearner 2');
    expect(changesOf([1, 2, 3, 4, 5], [], [1, 2, 3, 4], {})).toBe('remove 5');
    expect(changesOf([1, 2, 3, 4], [], [1, 2, 3, 4], { 2: { silentTicks: 30 } })).toBe('addLearner 2');
  });
});

describe('a voter that is silent', () => {
  test('for long gives its vote to a learner that is there, and comes back as a learner', () => {
    const away = { 3: { silentTicks: 600 } };
    expect(changesOf([1, 2, 3], [4], [1, 2, 3, 4], away)).toBe('addVoter 4, addLearner 3');
    expect(changesOf([1, 2, 3], [4], [1, 2, 3, 4], { 3: { silentTicks: 599 } })).toBe(undefined);
    expect(changesOf([1, 2, 3], [], [1, 2, 3], away)).toBe(undefined);
  });

  test('stays when the change would leave no majority that is alive', () => {
    const away = { 2: { silentTicks: 700 }, 3: { silentTicks: 700 } };
    expect(changesOf([1, 2, 3, 4, 5], [6], [1, 2, 3, 4, 5, 6], away)).toBe('addVoter 6, addLearner 2');
    const both = { 2: { silentTicks: 700 }, 3: { silentTicks: 700 } };
    expect(changesOf([1, 2, 3], [4], [1, 2, 3, 4], both)).toMatchObject({ kind: 'blocked' });
  });
});

test('from any start and whatever comes in between, it ends where it is to be', () => {
  // Deterministic stand-in for chance.
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let round = 0; round < 300; round += 1) {
    const wanted = Array.from({ length: 1 + random(9) }, (_, at) => at + 1 + random(3)).filter(
      (id, at, all) => all.indexOf(id) === at,
    );
    let config = configOf(
      Array.from({ length: 1 + random(5) }, (_, at) => at + 1),
      random(2) === 0 ? [] : [8],
    );
    let self = 1;
    let steps = 0;
    for (; steps < 60; steps += 1) {
      const members = [...config.voters, ...config.learners];
      const step = nextStep(
        { self, lastIndex: 100, config, wanted, health: new Map(members.map((id) => [id, fine])) },
        limits,
      );
      if (step === undefined) break;
      if (step.kind === 'blocked') throw new Error(step.why);
      if (step.kind === 'transfer') self = step.to;
      else
        for (const { op, node } of step.change.changes) {
          const voters = config.voters.filter((id) => id !== node);
          const learners = config.learners.filter((id) => id !== node);
          config = configOf(
            op === 'addVoter' ? [...voters, node] : voters,
            op === 'addLearner' ? [...learners, node] : learners,
          );
        }
    }
    expect(steps).toBeLessThan(60);
    expect([...config.voters, ...config.learners].sort()).toEqual([...wanted].sort());
    expect(config.voters).toHaveLength(votersFor(wanted.length));
    expect(config.voters).toContain(self);
  }
});
