import { describe, expect, test } from '@jest/globals';
import { mergeSettings, parseScenario, ScenarioFormatError } from './format.ts';

const file = (changes: object): string =>
  JSON.stringify({ format: 'raft-scenario/1', name: 'planted', steps: [], ...changes });
const withStep = (step: object): string => file({ steps: [{ do: 'stabilize' }, step] });

const complaint = (text: string): ScenarioFormatError => {
  try {
    parseScenario(text);
  } catch (error) {
    if (error instanceof ScenarioFormatError) return error;
    throw error;
  }
  throw new Error('it was accepted');
};

describe('a file', () => {
  test('may say all that the format knows', () => {
    const scenario = parseScenario(
      file({
        note: 'why',
        requires: ['preVote', 'transferLeader'],
        config: { electionTicks: 5, readOnly: 'lease', checkQuorum: true },
        steps: [{ do: 'tick', node: 1 }, { expect: { '*': { term: { min: 1, max: 2 } } } }],
      }),
    );
    expect(scenario).toMatchObject({
      name: 'planted',
      config: { electionTicks: 5, readOnly: 'lease', checkQuorum: true },
      steps: [{ do: 'tick', node: 1, count: 1 }, { expect: {} }],
    });
  });

  test.each([
    ['no JSON', '{', /no JSON/],
    ['another format', file({ format: 'raft-scenario/2' }), /format/],
    ['no name', file({ name: undefined }), /name/],
    ['an unknown key', file({ nodes: 3 }), /nodes/],
    ['an unknown setting', file({ config: { priority: 1 } }), /priority/],
    ['a setting of another kind', file({ config: { preVote: 'yes' } }), /preVote/],
    ['a feature that is not there', file({ requires: ['preVote', 'witness'] }), /not supported: witness/],
    ['no object', '[]', /object/],
  ])('with %s is refused', (_what, text, message) => {
    expect(complaint(text)).toMatchObject({ message: expect.stringMatching(message), step: undefined });
  });
});

describe('a step', () => {
  test.each([
    ['an unknown verb', { do: 'explode', node: 1 }, /do/],
    ['an unknown field', { do: 'campaign', node: 1, force: true }, /force/],
    ['a missing field', { do: 'propose', node: 1 }, /data/],
    ['a node that can never be', { do: 'campaign', node: 0 }, /node/],
    ['half a node', { do: 'campaign', node: 1.5 }, /node/],
    ['neither verb nor expectation', {}, /expect/],
    ['members without a snapshot', { do: 'addNodes', count: 1, voters: [1] }, /come with a snapshot/],
    ['nobody to drain', { do: 'drain' }, /either node or nodes/],
    ['nobody to deliver to', { do: 'deliver', to: [] }, /nobody/],
    ['the same node twice', { do: 'deliver', to: [1], drop: [1] }, /of one node/],
    ['an unknown message', { do: 'deliver', to: [1], type: 'gossip' }, /type/],
    ['an unknown op', { do: 'changeConfig', node: 1, ops: [{ op: 'addWitness', node: 2 }] }, /op/],
    ['an unknown result', { do: 'heal', expectResult: 'lost' }, /expectResult/],
  ])('with %s is refused', (_what, step, message) => {
    expect(complaint(withStep(step))).toMatchObject({ message: expect.stringMatching(message), step: 1 });
  });

  test.each([
    ['an unknown field', { 1: { leader: true } }],
    ['an unknown part', { leaders: 1 }],
    ['node 0', { 0: { role: 'leader' } }],
    ['an unknown role', { 1: { role: 'observer' } }],
    ['an empty range', { 1: { term: {} } }],
    ['an unknown bound', { 1: { term: { above: 1 } } }],
    ['no choice', { 1: { role: { oneOf: [] } } }],
    ['an unknown progress field', { 1: { progress: { 2: { lag: 1 } } } }],
    ['half a tail', { logs: { equal: [1], tail: [[1, 2]] } }],
    ['logs of nobody', { logs: { equal: [] } }],
    ['a condition on nobody', { never: [{ role: 'leader' }] }],
    ['a condition that is none', { never: [{ node: 1, leader: true }] }],
  ])('that expects %s is refused', (_what, expected) => {
    expect(complaint(withStep({ expect: expected })).step).toBe(1);
  });

  test('may expect in every way', () => {
    const expected = {
      1: {
        role: { oneOf: ['leader', 'follower'] },
        term: { min: 1 },
        config: { voters: [1, 2], autoLeave: false },
        progress: { 2: { match: { max: 9 }, state: 'probe' } },
        readStates: [{ token: 1, index: { min: 3 } }],
      },
      '*': { appState: { oneOf: ['', 'a'] } },
      logs: { equal: [1, 2], tail: [[3, { min: 2 }, null]], ignoreEmpty: true },
      never: [{ node: '*', role: 'candidate' }, { 2: { term: 7 } }],
      oneLeader: true,
    };
    expect(() => parseScenario(withStep({ expect: expected }))).not.toThrow();
    expect(() => parseScenario(withStep({ do: 'heal', expect: expected }))).not.toThrow();
  });
});

test('later settings win, and lease reads need checkQuorum', () => {
  expect(mergeSettings({ electionTicks: 7 }, undefined, { electionTicks: 9, preVote: true })).toMatchObject({
    electionTicks: 9,
    preVote: true,
    heartbeatTicks: 1,
    maxInflightMessages: 256,
  });
  expect(() => mergeSettings({ readOnly: 'lease' })).toThrow('checkQuorum');
});
