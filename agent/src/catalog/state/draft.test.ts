import { describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { checkDesiredState } from '../desired-state-check.ts';
import { adaptersLevel, draftLevel, keepAliveLevel, levelOfDesired } from './catalog-state.ts';
import { desired, newCatalog, plain } from './levels.fixture.ts';

const drafted: ModelSpec = { ...plain, name: 'drafted', draft: { source: { file: '/d.gguf' } } };
const kept: ModelSpec = { ...plain, name: 'kept', keepAliveSeconds: -1 };
const seeing: ModelSpec = { ...plain, name: 'seeing', projector: { source: { file: '/p.gguf' } } };

describe('a desired state with the draft model of a model', () => {
  test('is refused until the group has the feature level of it; others are not', () => {
    const { machine, run, declare } = newCatalog();
    run({ op: 'raiseFeatureLevel', to: keepAliveLevel });
    expect(declare(1, plain, kept, seeing)).toMatchObject({ ok: true });
    expect(declare(2, plain, drafted)).toMatchObject({ ok: false, code: 'agents_outdated' });
    expect(machine.state.desired.models).toMatchObject([plain, kept, seeing]);
    run({ op: 'raiseFeatureLevel', to: draftLevel });
    expect(declare(2, plain, drafted)).toMatchObject({ ok: true });
    expect(machine.state.desired.models).toMatchObject([plain, drafted]);
  });

  test.each<[string, number, readonly ModelSpec[]]>([
    ['none', 1, [plain]],
    ['one', draftLevel, [plain, drafted]],
    ['one beside what needs less', draftLevel, [drafted, kept, seeing]],
    ['one of a model that has a keep-alive, too', draftLevel, [{ ...kept, draft: drafted.draft! }]],
    ['none beside a keep-alive', keepAliveLevel, [kept, plain]],
    ['none beside a projector', adaptersLevel, [seeing, plain]],
  ])('%s: needs level %i', (_what, level, models) => {
    expect(levelOfDesired(desired(1, ...models))).toBe(level);
  });

  test('asks for the digest of one that is downloaded', () => {
    const source = { http: 'http://host/d.gguf' };
    expect(() => checkDesiredState(desired(1, { ...plain, draft: { source } }))).toThrow(
      /models\[0\]\.draft\.sha256 is required for a draft model from http/,
    );
    const draft = { source, sha256: 'a'.repeat(64) };
    expect(checkDesiredState(desired(1, { ...plain, draft })).models[0]?.draft).toEqual(draft);
  });

  test.each<[string, unknown, RegExp]>([
    ['a path', '/d.gguf', /models\[0\]\.draft/],
    ['from nowhere', {}, /models\[0\]\.draft\.source is required/],
    ['with a strength', { source: { file: '/d.gguf' }, scale: 1 }, /models\[0\]\.draft\.scale/],
  ])('that is %s is refused in a sentence', (_what, draft, message) => {
    expect(() => checkDesiredState({ ...desired(1), models: [{ ...plain, draft }] })).toThrow(message);
  });
});
