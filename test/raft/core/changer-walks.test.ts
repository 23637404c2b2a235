import { describe, expect, test } from '@jest/globals';
import {
  ConfigChangeError,
  enterJoint,
  leaveJoint,
  membersOf,
  simpleChange,
} from '../../../agent/src/raft/core/config-change/changer.ts';
import type { ConfigOp, SingleChange } from '../../../agent/src/raft/core/config-change/change.ts';
import type { ConfState, NodeId } from '../../../agent/src/raft/core/types.ts';
import { addLearner, addVoter, remove } from '../changes.ts';
import { members } from '../member.ts';
import { seededRandom, type Random } from '../scenario/random.ts';

const ops: readonly ConfigOp[] = ['addVoter', 'addLearner', 'remove', 'update'];

const drawChanges = (random: Random, most: number): SingleChange[] =>
  Array.from({ length: 1 + random(most) }, () => ({
    op: ops[random(ops.length)] ?? 'update',
    node: random(7),
  }));

const frozen = (config: ConfState): ConfState => {
  for (const list of [config.voters, config.outgoing, config.learners, config.learnersNext])
    Object.freeze(list);
  return Object.freeze(config);
};

const isAscending = (list: readonly NodeId[]): boolean =>
  list.every((id, at) => id > 0 && (at === 0 || id > (list[at - 1] ?? 0)));

const overlap = (one: readonly NodeId[], other: readonly NodeId[]): boolean =>
  one.some((id) => other.includes(id));

/** What is wrong with it; nothing if all is well. */
const faults = (config: ConfState): string[] => {
  const { voters, outgoing, learners, learnersNext, autoLeave } = config;
  const rules: readonly (readonly [broken: boolean, what: string])[] = [
    [voters.length === 0, 'no voters'],
    [![voters, outgoing, learners, learnersNext].every(isAscending), 'a list is not ascending'],
    [overlap(learners, voters), 'a learner votes'],
    [overlap(learners, outgoing), 'a learner votes in the outgoing half'],
    [!learnersNext.every((id) => outgoing.includes(id)), 'a learner to be is not in the outgoing half'],
    [overlap(learnersNext, voters), 'a learner to be votes in the incoming half'],
    [overlap(learnersNext, learners), 'a learner to be is one'],
    [outgoing.length === 0 && (autoLeave || learnersNext.length > 0), 'left, but not all of it'],
  ];
  return rules.flatMap(([broken, what]) => (broken ? [what] : []));
};

/** All sets of more than half of them. */
const majorities = (voters: readonly NodeId[]): NodeId[][] =>
  Array.from({ length: 2 ** voters.length }, (_, bits) =>
    voters.filter((_id, at) => (bits >> at) % 2 === 1),
  ).filter((some) => 2 * some.length > voters.length);

const alwaysShare = (one: readonly NodeId[], other: readonly NodeId[]): boolean =>
  majorities(one).every((some) => majorities(other).every((others) => overlap(some, others)));

type Made = {
  readonly kind: 'simple' | 'enter' | 'leave';
  readonly before: ConfState;
  readonly after: ConfState;
};

/** Random changes one after the other; those that are impossible change nothing. */
const walk = (seed: number, steps: number): Made[] => {
  const random = seededRandom(seed);
  let config = frozen(members([1, 2, 3].slice(0, 1 + random(3))));
  const made: Made[] = [];
  for (let step = 0; step < steps; step += 1) {
    const kind = (['simple', 'enter', 'leave'] as const)[random(3)] ?? 'leave';
    try {
      const before = config;
      if (kind === 'simple') config = simpleChange(config, drawChanges(random, 2));
      else if (kind === 'enter') config = enterJoint(config, drawChanges(random, 5), random(2) === 0);
      else config = leaveJoint(config);
      made.push({ kind, before, after: frozen(config) });
    } catch (error) {
      if (!(error instanceof ConfigChangeError)) throw error;
    }
  }
  return made;
};

const walks = Array.from({ length: 300 }, (_, seed) => walk(seed + 1, 60)).flat();

describe('random changes of the members', () => {
  test('were made', () => {
    for (const kind of ['simple', 'enter', 'leave'])
      expect(walks.filter((made) => made.kind === kind).length).toBeGreaterThan(1000);
  });

  test('never leave a configuration that makes no sense', () => {
    expect(walks.flatMap(({ after }) => faults(after).map((fault) => ({ fault, after })))).toEqual([]);
  });

  test('by the simple protocol: any majority of before shares a member with any majority of after', () => {
    const simple = walks.filter(({ kind }) => kind === 'simple');
    expect(simple.filter(({ before, after }) => !alwaysShare(before.voters, after.voters))).toEqual([]);
  });

  test('entering keeps the voters as the outgoing half, leaving keeps the incoming one', () => {
    for (const { kind, before, after } of walks) {
      if (kind === 'enter') expect(after.outgoing).toEqual(before.voters);
      if (kind === 'leave')
        expect(after).toEqual(
          members({
            voters: before.voters,
            learners: [...before.learners, ...before.learnersNext].sort((a, b) => a - b),
          }),
        );
    }
  });

  test('lose nobody but who is removed: in a joint configuration everybody is a member still', () => {
    const entered = walks.filter(({ kind }) => kind === 'enter');
    const lost = entered.filter(
      ({ before, after }) => !before.voters.every((id) => membersOf(after).includes(id)),
    );
    expect(lost).toEqual([]);
  });
});

describe('all changes of one voter, from one to five', () => {
  const sizes = [1, 2, 3, 4, 5].map((size) => Array.from({ length: size }, (_, at) => at + 1));

  test.each(sizes.map((voters) => [voters]))('%j', (voters) => {
    const config = members(voters);
    const possible = [addVoter(9), ...(voters.length > 1 ? [remove(1), addLearner(1)] : [])];
    for (const one of possible) expect(alwaysShare(voters, simpleChange(config, [one]).voters)).toBe(true);
  });

  test('two at once need not share one: that is what the joint configuration is for', () => {
    const three = members([1, 2, 3]);
    expect(alwaysShare([1, 2, 3], [1, 4, 5])).toBe(false);
    expect(() => simpleChange(three, [addVoter(4), remove(3)])).toThrow(ConfigChangeError);
    expect(enterJoint(three, [addVoter(4), remove(3)], true).voters).toEqual([1, 2, 4]);
  });
});

describe('what is no mistake', () => {
  const config = members({ voters: [1, 2], learners: [3] });

  test.each([
    ['adding a voter that is one', [addVoter(1)]],
    ['adding a learner that is one', [addLearner(3)]],
    ['removing what is not there', [remove(9)]],
    ['updating anybody', [{ op: 'update', node: 1 } as const]],
    ['anything about node 0', [addVoter(0), addLearner(0), remove(0)]],
    ['nothing at all', []],
  ])('%s changes nothing', (_name, changes) => {
    expect(simpleChange(config, changes)).toEqual(config);
  });

  test('promoting and demoting is one voter more or less', () => {
    expect(simpleChange(config, [addVoter(3)])).toEqual(members([1, 2, 3]));
    expect(simpleChange(config, [addLearner(2)])).toEqual(members({ voters: [1], learners: [2, 3] }));
  });

  test('of changes to the same node the last one counts', () => {
    expect(enterJoint(config, [addLearner(1), addVoter(1)], false).voters).toEqual([1, 2]);
    expect(enterJoint(config, [addVoter(1), addLearner(1)], false)).toEqual(
      members({ voters: [2], outgoing: [1, 2], learners: [3], learnersNext: [1] }),
    );
    expect(enterJoint(config, [addLearner(1), remove(1)], false).learnersNext).toEqual([]);
  });
});

describe('what is one', () => {
  const joint = members({ voters: [1, 2], outgoing: [1, 3] });

  test.each([
    ['a simple change in a joint configuration', () => simpleChange(joint, [addVoter(4)])],
    ['entering one that is joint', () => enterJoint(joint, [addVoter(4)], false)],
    ['entering without voters', () => enterJoint(members([]), [addVoter(1)], false)],
    ['leaving when not joint', () => leaveJoint(members([1]))],
    ['removing the last voter', () => simpleChange(members([1]), [remove(1)])],
    ['demoting the last voter', () => simpleChange(members([1]), [addLearner(1)])],
    [
      'a joint configuration without incoming voters',
      () => enterJoint(members([1, 2]), [remove(1), remove(2)], false),
    ],
  ])('%s', (_name, impossible) => {
    expect(impossible).toThrow(ConfigChangeError);
  });
});
