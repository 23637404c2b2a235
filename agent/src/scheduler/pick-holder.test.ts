import { describe, expect, test } from '@jest/globals';
import { pickHolder } from './pick-holder.ts';
import type { HolderCandidate } from './pick-holder.ts';

const holder = (id: string, fields: Partial<HolderCandidate> = {}): HolderCandidate => ({
  id,
  local: id === 'self',
  online: true,
  phase: 'ready',
  state: 'ready',
  resident: true,
  load: 0,
  slots: 4,
  ...fields,
});

describe('pickHolder', () => {
  test.each<[string, readonly HolderCandidate[], string | undefined]>([
    ['nobody', [], undefined],
    ['the only one', [holder('a')], 'a'],
    ['not an offline one', [holder('a', { online: false })], undefined],
    ['not one that still downloads', [holder('a', { state: 'downloading' }), holder('b', { load: 9 })], 'b'],
    [
      'a ready one before a draining one',
      [holder('a', { phase: 'draining' }), holder('b', { load: 3 })],
      'b',
    ],
    [
      'a ready one before a starting one',
      [holder('a', { phase: 'starting' }), holder('b', { load: 3 })],
      'b',
    ],
    ['a draining one rather than nobody', [holder('a', { phase: 'draining' })], 'a'],
    [
      'a loaded model before a cold one',
      [holder('self', { resident: false }), holder('b', { load: 5 })],
      'b',
    ],
    [
      'a cold one once a whole further round waits at the loaded one',
      [holder('a', { resident: false }), holder('b', { load: 8 })],
      'a',
    ],
    [
      'the loaded one when the cold one is as busy',
      [holder('a', { resident: false, load: 9 }), holder('b', { load: 8 })],
      'b',
    ],
    ['the least loaded', [holder('a', { load: 3 }), holder('b', { load: 2 }), holder('c', { load: 4 })], 'b'],
    ['by load per slot', [holder('a', { load: 3, slots: 8 }), holder('b', { load: 2, slots: 4 })], 'a'],
    ['this agent when equal', [holder('a'), holder('self'), holder('b')], 'self'],
    ['another than this agent when less loaded', [holder('a'), holder('self', { load: 1 })], 'a'],
    [
      'one without slots as if it had one',
      [holder('a', { load: 1, slots: 0 }), holder('b', { load: 3 })],
      'b',
    ],
  ])('takes %s', (_what, candidates, expected) => {
    expect(pickHolder(candidates, 'request-1')?.id).toBe(expected);
    expect(pickHolder(candidates.toReversed(), 'request-1')?.id).toBe(expected);
  });

  test('leaves out those that were tried', () => {
    const candidates = [holder('self'), holder('a'), holder('b')];
    expect(pickHolder(candidates, 'r', new Set(['self', 'a']))?.id).toBe('b');
    expect(pickHolder(candidates, 'r', new Set(['self', 'a', 'b']))).toBeUndefined();
  });

  test('spreads equal requests evenly, the same way whatever the order', () => {
    const candidates = ['a', 'b', 'c'].map((id) => holder(id));
    const counts = new Map<string, number>();
    for (let index = 0; index < 3000; index += 1) {
      const id = pickHolder(candidates, `request-${index}`)?.id ?? '';
      expect(pickHolder(candidates.toReversed(), `request-${index}`)?.id).toBe(id);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const id of ['a', 'b', 'c']) expect(Math.abs((counts.get(id) ?? 0) - 1000)).toBeLessThan(120);
  });
});
