import { describe, expect, test } from '@jest/globals';
import type { ModelSpec } from '@ollamamax/api';
import { checkDesiredState } from '../desired-state-check.ts';
import { adaptersLevel, levelOfDesired } from './catalog-state.ts';
import { desired, newCatalog, plain } from './levels.fixture.ts';

const adapted: ModelSpec = { ...plain, name: 'adapted', adapters: [{ source: { file: '/a.gguf' } }] };

describe('a desired state with adapters', () => {
  test('is refused until the group has the feature level of them; others are not', () => {
    const { machine, run, declare } = newCatalog();
    expect(declare(1, plain)).toMatchObject({ ok: true });
    expect(declare(2, plain, adapted)).toMatchObject({ ok: false, code: 'agents_outdated' });
    expect(machine.state.desired.models).toMatchObject([plain]);
    run({ op: 'raiseFeatureLevel', to: adaptersLevel });
    expect(declare(2, plain, adapted)).toMatchObject({ ok: true });
    expect(machine.state.desired.models).toMatchObject([plain, adapted]);
  });

  test('needs the level for an empty list, too, which older versions do not read either', () => {
    expect(levelOfDesired(desired(1, plain))).toBe(1);
    expect(levelOfDesired(desired(1, plain, { ...plain, adapters: [] }))).toBe(adaptersLevel);
  });

  test('names the digest of every adapter that is downloaded', () => {
    const http = 'http://host/a.gguf';
    const state = (adapters: object[]) => desired(1, { ...plain, adapters } as ModelSpec);
    expect(() => checkDesiredState(state([{ source: { file: '/a.gguf' } }, { source: { http } }]))).toThrow(
      /models\[0\]\.adapters\[1\]\.sha256 is required for an adapter from http/,
    );
    const checked = checkDesiredState(state([{ source: { http }, sha256: 'a'.repeat(64), scale: 0.5 }]));
    expect(checked.models[0]?.adapters).toEqual([{ source: { http }, sha256: 'a'.repeat(64), scale: 0.5 }]);
    expect(() =>
      checkDesiredState(state(Array.from({ length: 9 }, () => ({ source: { file: '/a.gguf' } })))),
    ).toThrow(/adapters/);
  });
});
