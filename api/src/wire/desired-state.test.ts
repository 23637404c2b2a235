import { describe, expect, test } from '@jest/globals';
import { compileValidator } from '../validation.ts';
import { DesiredState, canonicalDesiredState, type ModelSpec } from './desired-state.ts';

const stateOf = (...models: ModelSpec[]): DesiredState => ({ revision: 1, models, settings: {} });
const source = { file: '/a.gguf' };
const a: ModelSpec = { name: 'a', source };
const b: ModelSpec = { name: 'b', source, parameters: { stop: ['x', 'y'], temperature: 0.5 } };

describe('canonicalDesiredState', () => {
  test('is the same whatever the revision, the order of fields and models, and whoever filled in defaults', () => {
    const given = stateOf(a, b);
    const filled = compileValidator(DesiredState)(structuredClone(given));
    if (!filled.ok) throw new Error('not valid');
    expect(filled.value.models[0]).toMatchObject({ priority: 0, keepFiles: false, replicas: 3 });
    const reordered: ModelSpec = { parameters: { temperature: 0.5, stop: ['x', 'y'] }, source, name: 'b' };
    const text = canonicalDesiredState(given);
    expect(text).toBe(
      '{"models":[{"name":"a","source":{"file":"/a.gguf"}},' +
        '{"name":"b","parameters":{"stop":["x","y"],"temperature":0.5},"source":{"file":"/a.gguf"}}],"settings":{}}',
    );
    expect(canonicalDesiredState(filled.value)).toBe(text);
    const later: DesiredState = { ...stateOf(reordered, a), revision: 7 };
    expect(canonicalDesiredState(later)).toBe(text);
  });

  test.each<[string, DesiredState]>([
    ['another model', stateOf(a)],
    ['another order of a list', stateOf(a, { ...b, parameters: { stop: ['y', 'x'], temperature: 0.5 } })],
    ['agents', stateOf({ ...a, agents: ['agent-0'] }, b)],
    ['no agents at all', stateOf({ ...a, agents: [] }, b)],
    ['a priority', stateOf({ ...a, priority: 1 }, b)],
    ['a keep-alive of its own', stateOf({ ...a, keepAliveSeconds: 300 }, b)],
    ['files to keep', stateOf({ ...a, keepFiles: true }, b)],
    ['a setting', { ...stateOf(a, b), settings: { parallel: 2 } }],
  ])('differs by %s', (_what, other) => {
    expect(canonicalDesiredState(other)).not.toBe(canonicalDesiredState(stateOf(a, b)));
  });
});

test.each<[string, object]>([
  ['an agent with a bad name', { agents: ['Agent 0'] }],
  ['a priority out of bounds', { priority: 1001 }],
  ['a priority that is no integer', { priority: 0.5 }],
  ['a keep-alive below -1', { keepAliveSeconds: -2 }],
  ['a keep-alive of more than a year', { keepAliveSeconds: 31_536_001 }],
  ['a keep-alive in parts of a second', { keepAliveSeconds: 1.5 }],
  ['a keep-alive as text', { keepAliveSeconds: '5m' }],
])('a model with %s is refused', (_what, fields) => {
  expect(compileValidator(DesiredState)({ ...stateOf(), models: [{ ...a, ...fields }] }).ok).toBe(false);
});
