import { describe, expect, test } from '@jest/globals';
import { answerConfigChange } from './answer.ts';

const verbs = { v: 'addVoter', l: 'addLearner', r: 'remove', u: 'update' } as const;

/** `v1 l2 r3 u4`, as in scenarios' notes. */
const ops = (text: string): object[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ op: verbs[word.charAt(0) as keyof typeof verbs], node: Number(word.slice(1)) }));

const simple = (text: string): object => ({ kind: 'simple', ops: ops(text) });
const enter = (text: string, autoLeave = false): object => ({
  kind: 'enterJoint',
  autoLeave,
  ops: ops(text),
});
const leave = { kind: 'leaveJoint' };

const ask = (question: object): ReturnType<typeof answerConfigChange> =>
  answerConfigChange(JSON.stringify(question));

/** Only the last answer. */
const after = (...calls: object[]): unknown => ask({ lastIndex: 9, calls }).at(-1);
const config = (
  voters: number[],
  outgoing: number[] = [],
  learners: number[] = [],
  learnersNext: number[] = [],
) => ({
  config: { voters, outgoing, learners, learnersNext, autoLeave: false },
});

describe('changes one by one', () => {
  test('begin with nothing', () => {
    expect(after(simple('v1'))).toEqual({
      ...config([1]),
      progress: { 1: { match: 0, next: 9, learner: false } },
    });
    expect(ask({ calls: [simple('v1')] })[0]).toMatchObject({ progress: { 1: { match: 0, next: 1 } } });
  });

  test('add, promote, demote and remove', () => {
    const calls = [simple('v1'), simple('v2 l3'), simple('v3'), simple('l2'), simple('r2')];
    expect(ask({ calls })).toMatchObject([
      config([1]),
      config([1, 2], [], [3]),
      config([1, 2, 3]),
      config([1, 3], [], [2]),
      config([1, 3]),
    ]);
  });

  test.each(['v1', 'r9', 'u1', 'u9', 'v0 r0 l0'])('%s changes nothing', (text) => {
    expect(after(simple('v1'), simple(text))).toMatchObject(config([1]));
  });

  test.each([
    ['two voters at once', [simple('v1'), simple('v2 v3')]],
    ['one for another', [simple('v1'), simple('v2'), simple('v3 r2')]],
    ['no voter left', [simple('v1'), simple('r1')]],
    ['the only voter demoted', [simple('v1'), simple('l1')]],
    ['learners only', [simple('l1')]],
    ['inside a joint configuration', [simple('v1'), enter('v2'), simple('v3')]],
  ])('%s: an error', (_what, calls) => {
    expect(after(...calls)).toEqual({ error: expect.any(String) });
  });
});

describe('joint changes', () => {
  test('keep the old voters beside the new until they are left', () => {
    const calls = [simple('v1'), enter('v2 v3 r1', true), leave];
    expect(ask({ calls })).toMatchObject([
      config([1]),
      { config: { ...config([2, 3], [1]).config, autoLeave: true } },
      config([2, 3]),
    ]);
  });

  test('let a demoted voter wait', () => {
    const answers = ask({ calls: [simple('v1'), enter('v2 l1'), leave] });
    expect(answers).toMatchObject([
      config([1]),
      { ...config([2], [1], [], [1]), progress: { 1: { learner: false } } },
      { ...config([2], [], [1]), progress: { 1: { learner: true } } },
    ]);
  });

  test('take back what waits', () => {
    expect(after(simple('v1'), enter('v2 l1 v1'))).toMatchObject(config([1, 2], [1]));
    expect(after(simple('v1'), enter('v2 l1 r1'))).toMatchObject(config([2], [1]));
  });

  test.each([
    ['entered twice', [simple('v1'), enter('v2'), enter('v3')]],
    ['entered without voters', [enter('v1')]],
    ['left when not joint', [simple('v1'), leave]],
    ['without voters in the end', [simple('v1'), enter('r1')]],
  ])('%s: an error', (_what, calls) => {
    expect(after(...calls)).toEqual({ error: expect.any(String) });
  });
});

describe('what is known of a member', () => {
  const given = {
    config: { voters: [1, 2, 3], learners: [4] },
    progress: { 2: { match: 5, next: 6 }, 4: { match: 7, next: 9, learner: true } },
    lastIndex: 20,
  };

  test('stays when it changes sides', () => {
    const [promoted, demoted] = ask({ ...given, calls: [simple('v4'), simple('l2')] });
    expect(promoted).toMatchObject({ progress: { 4: { match: 7, next: 9, learner: false } } });
    expect(demoted).toMatchObject({ progress: { 2: { match: 5, next: 6, learner: true } } });
  });

  test('stays while it is in one half, and goes with it', () => {
    const [joint, left] = ask({ ...given, calls: [enter('r2'), leave] });
    expect(joint).toMatchObject({ progress: { 2: { match: 5, next: 6 } } });
    expect(Object.keys((left as { progress: object }).progress)).toEqual(['1', '3', '4']);
  });
});

test('a call that fails changes nothing', () => {
  const answers = ask({ lastIndex: 3, calls: [simple('v1'), simple('v2 v3'), simple('v2')] });
  expect(answers).toMatchObject([config([1]), { error: expect.any(String) }, config([1, 2])]);
});

test('what is no question is refused', () => {
  expect(() => ask({ calls: [{ kind: 'other' }] })).toThrow();
  expect(() => ask({ calls: [{ kind: 'simple', ops: [{ op: 'addWitness', node: 1 }] }] })).toThrow();
});
