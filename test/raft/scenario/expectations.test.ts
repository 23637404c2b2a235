import { describe, expect, test } from '@jest/globals';
import { makeRawNode } from './core.ts';
import { runScenario } from './run-scenario.ts';

const three = { do: 'addNodes', count: 3, voters: [1, 2, 3], snapshot: { index: 2, term: 1, data: 's' } };

/** Node 1 leads, "a" is committed, node 2 has read, and node 4 is a stranger. */
const story = [
  three,
  { do: 'addNodes', count: 1 },
  { do: 'campaign', node: 1 },
  { do: 'stabilize' },
  { do: 'propose', node: 1, data: 'a' },
  { do: 'changeConfig', node: 1, ops: [{ op: 'update', node: 2 }] },
  { do: 'readIndex', node: 2, token: 4 },
  { do: 'stabilize' },
];

const outcome = (steps: object[]): ReturnType<typeof runScenario> =>
  runScenario(JSON.stringify({ format: 'raft-scenario/1', name: 'planted', steps }), makeRawNode);
const afterStory = (expected: object, ...more: object[]): ReturnType<typeof runScenario> =>
  outcome([...story, ...more, { expect: expected }]);

const good = [
  { 1: { role: 'leader', term: 2, vote: 1, lead: 1, inConfig: true } },
  { 2: { role: 'follower', term: { min: 2, max: 2 }, vote: { oneOf: [1, 3] }, lead: { max: 1 } } },
  { 1: { commit: 5, applied: 5, firstIndex: 3, lastIndex: 5, appState: 'sa' } },
  { 1: { config: { voters: [3, 1, 2], outgoing: [], learners: [], learnersNext: [], autoLeave: false } } },
  { 1: { config: { oneOf: [{ voters: [1] }, { voters: [1, 2, 3] }] } } },
  {
    1: {
      progress: { 2: { match: 5, next: 6, state: 'replicate', paused: false }, 3: { match: { min: 4 } } },
    },
  },
  { 2: { readStates: [{ token: 4, index: 3 }] }, 1: { readStates: [] } },
  { 2: { readStates: { oneOf: [[], [{ index: { min: 3 } }]] } } },
  { 4: { role: 'follower', term: 0, inConfig: false, config: { voters: [] }, lastIndex: 0 } },
  { '*': { term: { oneOf: [0, 2] } }, oneLeader: true },
  { logs: { equal: [1, 2, 3] } },
  {
    logs: {
      equal: [1, 2, 3],
      tail: [
        [3, 2, null],
        [4, 2, 'a'],
        [5, 2, 'config'],
      ],
    },
  },
  { logs: { equal: [3], tail: [[{ min: 4 }, { oneOf: [2] }, { oneOf: ['b', 'config'] }]] } },
  {
    logs: {
      equal: [1, 2],
      tail: [
        [99, 2, 'a'],
        [99, 2, 'config'],
      ],
      ignoreEmpty: true,
    },
  },
  { never: [{ node: 2, role: 'leader' }, { 3: { role: 'leader' } }, { node: '*', term: { min: 3 } }] },
  {
    never: [
      { 1: { role: 'leader' }, 2: { role: 'leader' } },
      { node: 9, term: 0 },
    ],
  },
];

const bad = [
  { 1: { role: 'follower' } },
  { 1: { role: { oneOf: ['follower', 'candidate'] } } },
  { 2: { term: 3 } },
  { 2: { term: { min: 3 } } },
  { 2: { term: { max: 1 } } },
  { 2: { term: { min: 1, max: 1 } } },
  { 2: { vote: 0 } },
  { 2: { lead: 2 } },
  { 3: { commit: 4 } },
  { 3: { applied: 4 } },
  { 3: { firstIndex: 1 } },
  { 3: { lastIndex: 6 } },
  { 3: { appState: 'a' } },
  { 4: { inConfig: true } },
  { 4: { config: { voters: [1, 2, 3] } } },
  { 1: { config: { voters: [1, 2] } } },
  { 1: { config: { voters: [1, 2, 3, 3] } } },
  { 1: { config: { learners: [4] } } },
  { 1: { config: { autoLeave: true } } },
  { 1: { config: { oneOf: [{ voters: [1] }, { learners: [2] }] } } },
  { 1: { progress: { 2: { match: 4 } } } },
  { 1: { progress: { 2: { next: 7 } } } },
  { 1: { progress: { 2: { state: 'probe' } } } },
  { 1: { progress: { 2: { paused: true } } } },
  { 1: { progress: { 4: { match: 0 } } } },
  { 2: { progress: { 1: { match: 0 } } } },
  { 2: { readStates: [] } },
  { 2: { readStates: [{ token: 5 }] } },
  { 2: { readStates: [{ token: 4 }, { token: 4 }] } },
  { '*': { term: 2 } },
  { 9: { term: 0 } },
  { oneLeader: false },
  { logs: { equal: [1, 4] } },
  { logs: { equal: [1], tail: [[5, 2, 'a']] } },
  { logs: { equal: [1], tail: [[4, 2, 'config']] } },
  { logs: { equal: [1], tail: [[5, 3, 'config']] } },
  {
    logs: {
      equal: [1],
      tail: [
        [3, 2, 'a'],
        [4, 2, 'a'],
        [5, 2, 'config'],
      ],
    },
  },
  {
    logs: {
      equal: [1],
      tail: [
        [2, 1, null],
        [3, 2, null],
        [4, 2, 'a'],
        [5, 2, 'config'],
      ],
    },
  },
  {
    logs: {
      equal: [1],
      tail: [
        [3, 2, null],
        [4, 2, 'a'],
        [5, 2, 'config'],
      ],
      ignoreEmpty: true,
    },
  },
  { never: [{ node: 1, role: 'candidate' }] },
  { never: [{ 1: { role: 'leader' }, 2: { role: 'follower' } }] },
  { never: [{ node: '*', lead: 1 }] },
];

describe('what is so is accepted', () => {
  test.each(good.map((expected) => [JSON.stringify(expected), expected]))('%s', (_text, expected) => {
    expect(afterStory(expected as object)).toMatchObject({ ok: true, failedStep: null, message: null });
  });
});

describe('what is not so fails', () => {
  test.each(bad.map((expected) => [JSON.stringify(expected), expected]))('%s', (_text, expected) => {
    expect(afterStory(expected as object)).toMatchObject({ ok: false, failedStep: story.length });
  });
});

test('says what is and what was expected', () => {
  expect(afterStory({ 1: { term: 9, role: 'follower' } }).message).toBe(
    'ExpectationError: node 1.role is "leader", expected "follower"; node 1.term is 2, expected 9',
  );
});

test('a node that is down is none of those that are up, and nothing is known of it', () => {
  const crash = { do: 'crash', node: 4 };
  expect(afterStory({ '*': { term: 2 } }, crash)).toMatchObject({ ok: true });
  expect(afterStory({ 4: { term: 0 } }, crash)).toMatchObject({ ok: false });
  expect(afterStory({ logs: { equal: [1, 4] } }, crash)).toMatchObject({ ok: false });
  expect(afterStory({ oneLeader: true }, { do: 'crash', node: 1 })).toMatchObject({ ok: false });
});

test('never speaks of every step so far, and of none that follows', () => {
  const never = { expect: { never: [{ node: 1, role: 'leader' }] } };
  const elect = [{ do: 'campaign', node: 1 }, { do: 'stabilize' }];
  expect(outcome([three, never, ...elect])).toMatchObject({ ok: true });
  const deposed = [...elect, { do: 'campaign', node: 2 }, { do: 'stabilize' }];
  expect(outcome([three, ...deposed, { expect: { 1: { role: 'follower' } } }, never])).toMatchObject({
    ok: false,
    failedStep: 6,
    message: expect.stringContaining('held after step 2'),
  });
});

test('a step may do something and expect something, and say whether it is accepted', () => {
  const propose = { do: 'propose', node: 1, data: 'x' };
  expect(
    outcome([three, { ...propose, expectResult: 'refused', expect: { 1: { lastIndex: 2 } } }]),
  ).toMatchObject({
    ok: true,
  });
  expect(outcome([three, { ...propose, expectResult: 'accepted' }])).toMatchObject({
    ok: false,
    failedStep: 1,
    message: expect.stringContaining('was refused, expected accepted'),
  });
  expect(outcome([three, { ...propose, expect: { 1: { lastIndex: 3 } } }])).toMatchObject({ failedStep: 1 });
});
