import { describe, expect, test } from '@jest/globals';
import type { DesiredState, ModelSpec } from '@ollamamax/api';
import { checkDesiredState } from '../desired-state-check.ts';
import { adaptersLevel, keepAliveLevel, levelOfDesired } from './catalog-state.ts';
import { desired, newCatalog, plain } from './levels.fixture.ts';

const kept: ModelSpec = { ...plain, name: 'kept', keepAliveSeconds: -1 };
const seeing: ModelSpec = { ...plain, name: 'seeing', projector: { source: { file: '/p.gguf' } } };

describe('a desired state with the keep-alive of a model', () => {
  test('is refused until the group has the feature level of it; others are not', () => {
    const { machine, run, declare } = newCatalog();
    run({ op: 'raiseFeatureLevel', to: adaptersLevel });
    expect(declare(1, plain, seeing)).toMatchObject({ ok: true });
    expect(declare(2, plain, kept)).toMatchObject({ ok: false, code: 'agents_outdated' });
    expect(machine.state.desired.models).toMatchObject([plain, seeing]);
    run({ op: 'raiseFeatureLevel', to: keepAliveLevel });
    expect(declare(2, plain, kept)).toMatchObject({ ok: true });
    expect(machine.state.desired.models).toMatchObject([plain, kept]);
  });

  test.each<[string, number, readonly ModelSpec[]]>([
    ['none', 1, [plain]],
    ['that of the cluster alone', 1, []],
    ['one of its own', keepAliveLevel, [plain, kept]],
    ['0', keepAliveLevel, [{ ...plain, keepAliveSeconds: 0 }]],
    ['one beside what needs less', keepAliveLevel, [kept, seeing]],
    ['none beside a projector', adaptersLevel, [seeing, plain]],
  ])('%s: needs level %i', (_what, level, models) => {
    const state: DesiredState = { ...desired(1, ...models), settings: { keepAliveSeconds: 60 } };
    expect(levelOfDesired(state)).toBe(level);
  });

  test.each<[string, unknown, RegExp]>([
    ['below -1', -2, /models\[0\]\.keepAliveSeconds must be >= -1/],
    ['longer than a year', 31_536_001, /models\[0\]\.keepAliveSeconds must be <= 31536000/],
    ['a part of a second', 0.5, /models\[0\]\.keepAliveSeconds must be integer/],
    ['a duration as text', '10m', /models\[0\]\.keepAliveSeconds must be integer/],
    ['nothing', null, /models\[0\]\.keepAliveSeconds must be integer/],
  ])('that is %s is refused in a sentence', (_what, keepAliveSeconds, message) => {
    const state = { ...desired(1), models: [{ ...plain, keepAliveSeconds }] };
    expect(() => checkDesiredState(state)).toThrow(message);
  });

  test.each([-1, 0, 1, 31_536_000])('takes %i, and adds none to models without one', (keepAliveSeconds) => {
    const { models } = checkDesiredState(desired(1, { ...plain, keepAliveSeconds }, seeing));
    expect(models[0]?.keepAliveSeconds).toBe(keepAliveSeconds);
    expect(models[1]).not.toHaveProperty('keepAliveSeconds');
  });
});

test('the digest of a projector that is downloaded is asked for', () => {
  const source = { http: 'http://host/p.gguf' };
  expect(() => checkDesiredState(desired(1, { ...plain, projector: { source } }))).toThrow(
    /models\[0\]\.projector\.sha256 is required for a projector from http/,
  );
});
