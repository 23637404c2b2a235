import { describe, expect, test } from '@jest/globals';
import { makeRawNode } from './core.ts';
import { runScenario } from './run-scenario.ts';

const three = { do: 'addNodes', count: 3, voters: [1, 2, 3], snapshot: { index: 2, term: 1, data: '' } };
const lead = [{ do: 'campaign', node: 1 }, { do: 'stabilize' }];

const run = (steps: object[], config: object = {}): ReturnType<typeof runScenario> =>
  runScenario(JSON.stringify({ format: 'raft-scenario/1', name: 'planted', config, steps }), makeRawNode);
const passes = (steps: object[], config?: object): void => {
  expect(run(steps, config)).toMatchObject({ ok: true, message: null });
};

describe('the bag', () => {
  test('delivers nothing by itself, and only one kind when asked to', () => {
    passes([
      three,
      { do: 'campaign', node: 1 },
      { do: 'drain', nodes: [1, 2, 3], expect: { 2: { term: 1 } } },
      { do: 'deliver', to: [2], type: 'append', expect: { 2: { term: 1 } } },
      { do: 'deliver', to: [2], type: 'vote', expect: { 2: { term: 2 }, 3: { term: 1 } } },
    ]);
  });

  test('loses what is dropped and what is for a node that is down', () => {
    passes([
      three,
      { do: 'campaign', node: 1 },
      { do: 'drain', node: 1 },
      { do: 'deliver', to: [2], drop: [3] },
      { do: 'deliver', to: [3], expect: { 2: { term: 2 }, 3: { term: 1 } } },
      { do: 'campaign', node: 1 },
      { do: 'drain', node: 1 },
      { do: 'crash', node: 3 },
      { do: 'deliver', to: [3] },
      { do: 'restart', node: 3 },
      { do: 'deliver', to: [3], expect: { 3: { term: 1 } } },
    ]);
  });

  test('keeps what is for a node that is still to come', () => {
    passes([
      { do: 'addNodes', count: 2, voters: [1, 2, 3], snapshot: { index: 2, term: 1, data: '' } },
      { do: 'campaign', node: 1 },
      { do: 'stabilize' },
      { do: 'deliver', to: [3] },
      { do: 'addNodes', count: 1, voters: [1, 2, 3], snapshot: { index: 2, term: 1, data: '' } },
      { do: 'deliver', to: [3], type: 'vote', expect: { 3: { term: 2, vote: 1, lead: 0 } } },
    ]);
  });

  test('keeps what is for nodes that are left out', () => {
    passes([
      three,
      { do: 'campaign', node: 1 },
      { do: 'stabilize', nodes: [1, 2], expect: { 1: { role: 'leader', commit: 3 }, 3: { term: 1 } } },
      { do: 'stabilize', expect: { '*': { commit: 3 } } },
    ]);
  });

  test('copies and mixes the messages of each node', () => {
    passes([
      three,
      ...lead,
      ...['a', 'b', 'c'].map((data) => ({ do: 'propose', node: 1, data })),
      { do: 'drain', node: 1 },
      { do: 'duplicate', to: [2, 3] },
      { do: 'reorder', to: [2, 3], seed: 5 },
      { do: 'settle', expect: { '*': { appState: 'abc' }, logs: { equal: [1, 2, 3] } } },
    ]);
  });
});

describe('partitions', () => {
  test('lose messages when they are delivered, until they heal', () => {
    passes([
      three,
      { do: 'campaign', node: 1 },
      { do: 'drain', node: 1 },
      { do: 'partition', groups: [[1, 2]] },
      { do: 'deliver', to: [2, 3], expect: { 2: { term: 2 }, 3: { term: 1 } } },
      { do: 'heal' },
      { do: 'deliver', to: [3], expect: { 3: { term: 1 } } },
      { do: 'campaign', node: 1 },
      { do: 'stabilize', expect: { 3: { lead: 1 } } },
    ]);
  });

  test('may overlap: a node in two groups is a bridge', () => {
    passes([
      three,
      {
        do: 'partition',
        groups: [
          [1, 2],
          [2, 3],
        ],
      },
      { do: 'campaign', node: 3 },
      { do: 'stabilize', expect: { 3: { role: 'leader' }, 2: { lead: 3 }, 1: { term: 1 } } },
    ]);
  });
});

describe('storage', () => {
  test('of a crashed node holds what was stored', () => {
    passes([
      three,
      ...lead,
      { do: 'propose', node: 1, data: 'a' },
      { do: 'stabilize' },
      { do: 'propose', node: 1, data: 'b', expect: { 1: { lastIndex: 5 } } },
      { do: 'crash', node: 1 },
      { do: 'restart', node: 1 },
      {
        expect: {
          1: { role: 'follower', term: 2, vote: 1, commit: 4, applied: 4, lastIndex: 4, appState: 'a' },
        },
      },
    ]);
  });

  test('of its own pace is done piece by piece', () => {
    const one = { do: 'addNodes', count: 1, voters: [1], snapshot: { index: 2, term: 1, data: '' } };
    passes(
      [
        one,
        { do: 'campaign', node: 1 },
        { do: 'step1', node: 1, expect: { 1: { role: 'candidate' } } },
        { do: 'completeApply', node: 1, expect: { 1: { role: 'candidate' } } },
        { do: 'completeAppend', node: 1, expect: { 1: { role: 'leader', commit: 2 } } },
        { do: 'drain', node: 1, expect: { 1: { commit: 3, applied: 3 } } },
      ],
      { asyncStorage: true },
    );
  });

  test('drops the log up to what the application has', () => {
    passes([
      three,
      ...lead,
      { do: 'compact', node: 1, index: 3, expect: { 1: { firstIndex: 4, lastIndex: 3 } } },
    ]);
    expect(run([three, ...lead, { do: 'compact', node: 1, index: 4 }])).toMatchObject({
      ok: false,
      failedStep: 3,
    });
  });
});

describe('a node that is down', () => {
  test.each([
    { do: 'campaign', node: 3 },
    { do: 'tick', node: 3 },
    { do: 'propose', node: 3, data: 'x' },
    { do: 'changeConfig', node: 3, ops: [] },
    { do: 'transferLeader', from: 3, to: 1 },
    { do: 'compact', node: 3, index: 2 },
    { do: 'step1', node: 3 },
    { do: 'crash', node: 3 },
    { do: 'completeAppend', node: 3 },
  ])('$do: does nothing, as if it refused', (step) => {
    passes([three, { do: 'crash', node: 3 }, { ...step, expectResult: 'refused' }]);
  });

  test('may be named where several are', () => {
    passes([
      three,
      { do: 'crash', node: 3 },
      { do: 'drain', nodes: [1, 3] },
      { do: 'settle', nodes: [1, 3] },
      { do: 'restart', node: 3, expectResult: 'accepted' },
      { do: 'restart', node: 3, expectResult: 'refused' },
    ]);
  });
});

test('what cannot be done fails with the step and the state of all nodes', () => {
  expect(run([three, { do: 'campaign', node: 4 }])).toMatchObject({
    ok: false,
    failedStep: 1,
    message: expect.stringContaining('there is no node 4'),
    final: { 1: { role: 'follower', term: 1 }, 3: {} },
  });
  expect(run([three, { do: 'crash', node: 2 }])).toMatchObject({ ok: true, final: { 2: { down: true } } });
  expect(run([{ ...three, config: { readOnly: 'lease' } }])).toMatchObject({
    ok: false,
    failedStep: 0,
    final: {},
  });
  expect(
    run([
      { do: 'addNodes', count: 1 },
      { do: 'sendSnapshot', node: 1, to: 2 },
    ]),
  ).toMatchObject({
    failedStep: 1,
    message: expect.stringContaining('no snapshot'),
  });
});

test('the same file ends the same way', () => {
  const steps = [
    three,
    ...Array.from({ length: 12 }, (_, at) => ({ do: 'tick', node: (at % 3) + 1 })),
    { do: 'settle' },
  ];
  expect(run(steps)).toEqual(run(steps));
});
