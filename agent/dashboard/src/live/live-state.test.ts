import { describe, expect, test } from '@jest/globals';
import { applyFrame, emptyLiveState, type LiveState } from './live-state.ts';

type Frame = Parameters<typeof applyFrame>[1];

const run = (...frames: readonly Frame[]): LiveState | 'gap' =>
  frames.reduce<LiveState | 'gap'>(
    (state, frame) => (state === 'gap' ? 'gap' : applyFrame(state, frame)),
    emptyLiveState,
  );

const snapshot = (part: number, last: boolean, data: Record<string, unknown>, seq = 5): Frame => ({
  type: 'snapshot',
  id: 'models',
  epoch: 'e',
  seq,
  part,
  last,
  data,
});
const put = (seq: number, key: string, value: unknown): Frame => ({
  type: 'delta',
  id: 'models',
  seq,
  ops: [{ op: 'put', key, value }],
});

describe('applyFrame', () => {
  test('joins the parts of a snapshot and shows them only when complete', () => {
    const half = run(snapshot(0, false, { a: 1 }));
    expect(half).toMatchObject({ models: { values: {}, position: undefined } });
    expect(run(snapshot(0, false, { a: 1 }), snapshot(1, true, { b: 2 }))).toMatchObject({
      models: { values: { a: 1, b: 2 }, position: { epoch: 'e', seq: 5 }, incoming: undefined },
    });
  });

  test('a new snapshot replaces everything', () => {
    const state = run(snapshot(0, true, { a: 1 }), snapshot(0, true, { b: 2 }, 9));
    expect(state).toMatchObject({ models: { position: { seq: 9 } } });
    expect((state as LiveState).models.values).toEqual({ b: 2 });
  });

  test('applies puts and deletes in order, without touching other topics', () => {
    const state = run(snapshot(0, true, { a: 1 }), put(6, 'b', 2), {
      type: 'delta',
      id: 'models',
      seq: 7,
      ops: [
        { op: 'delete', key: 'a' },
        { op: 'put', key: 'b', value: 3 },
      ],
    }) as LiveState;
    expect(state.models.values).toEqual({ b: 3 });
    expect(state.models.position).toEqual({ epoch: 'e', seq: 7 });
    expect(state.cluster).toBe(emptyLiveState.cluster);
  });

  test('a missing number is a gap, except after "lagged"', () => {
    expect(run(put(1, 'a', 1))).toBe('gap');
    expect(run(snapshot(0, true, {}), put(7, 'a', 1))).toBe('gap');
    expect(run(snapshot(0, true, {}), put(5, 'a', 1))).toBe('gap');
    const lagged: Frame = { type: 'lagged', id: 'models', coalesced: 3 };
    expect(run(snapshot(0, true, {}), lagged, put(8, 'a', 1))).toMatchObject({
      models: { values: { a: 1 }, position: { seq: 8 }, maySkip: false },
    });
  });

  test('resumed and bookmark must stand where the page stands', () => {
    expect(run(snapshot(0, true, {}), { type: 'resumed', id: 'models', seq: 5 })).not.toBe('gap');
    expect(run(snapshot(0, true, {}), { type: 'resumed', id: 'models', seq: 4 })).toBe('gap');
    expect(run(snapshot(0, true, {}), { type: 'bookmark', id: 'models', seq: 6, at: '' })).toBe('gap');
  });
});
