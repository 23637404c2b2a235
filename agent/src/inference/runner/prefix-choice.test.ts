import { describe, expect, test } from '@jest/globals';
import { lettersOf } from './letters-backend.fixture.ts';
import { choosePlace, chooseVictim, type Place } from './prefix-choice.ts';

const place = (sequence: number, text: string, overrides: Partial<Place> = {}): Place => ({
  sequence,
  tokens: lettersOf(text),
  tenant: '',
  isBusy: false,
  usedAt: sequence,
  ...overrides,
});

const choose = (places: readonly Place[], prompt: string, tenant = ''): ReturnType<typeof choosePlace> =>
  choosePlace(places, lettersOf(prompt), tenant);

const system = 'a system prompt that is long enough. ';

describe('the place of a request', () => {
  test('is none when all are busy', () => {
    expect(choose([place(0, 'hello', { isBusy: true })], 'hello')).toBeUndefined();
    expect(choose([], 'hello')).toBeUndefined();
  });

  test('is the first empty one when nothing is known', () => {
    expect(choose([place(0, 'x', { isBusy: true }), place(1, ''), place(2, '')], 'hello')).toEqual({
      sequence: 1,
      copyFrom: undefined,
      shared: 0,
    });
  });

  test('is the one it goes on from', () => {
    expect(choose([place(0, ''), place(1, 'hello, you'), place(2, 'hel')], 'hello, you and me')).toEqual({
      sequence: 1,
      copyFrom: undefined,
      shared: 10,
    });
  });

  test('is a copy where only the beginning is shared, so that the other conversation stays', () => {
    const other = place(0, `${system}${'another conversation '.repeat(10)}`);
    expect(choose([other, place(1, '')], `${system}hello`)).toEqual({
      sequence: 1,
      copyFrom: 0,
      shared: system.length,
    });
  });

  test('is a copy of a busy one', () => {
    const busy = place(0, `${system}and more`, { isBusy: true });
    expect(choose([busy, place(1, 'something else')], `${system}hello`)).toEqual({
      sequence: 1,
      copyFrom: 0,
      shared: system.length,
    });
  });

  test('is not copied for a few tokens', () => {
    const busy = place(0, 'hello', { isBusy: true });
    expect(choose([busy, place(1, '')], 'hello, you')).toEqual({
      sequence: 1,
      copyFrom: undefined,
      shared: 0,
    });
  });

  test('gives up what was used longest ago', () => {
    const places = [
      place(0, 'abc', { usedAt: 7 }),
      place(1, 'def', { usedAt: 3 }),
      place(2, 'ghi', { usedAt: 5 }),
    ];
    expect(choose(places, 'xyz')?.sequence).toBe(1);
  });

  test('leaves the last token to be computed', () => {
    expect(choose([place(0, 'hello')], 'hello')).toMatchObject({ sequence: 0, shared: 4 });
  });

  test('knows nothing of other tenants', () => {
    const places = [place(0, system, { tenant: 'anna' }), place(1, '')];
    expect(choose(places, `${system}hello`, 'bert')).toEqual({ sequence: 1, copyFrom: undefined, shared: 0 });
    expect(choose(places, `${system}hello`, 'anna')).toMatchObject({ sequence: 0, shared: system.length });
  });
});

describe('the place of a state from outside', () => {
  const victim = (places: readonly Place[], prompt: string, shared = prompt.length): number | undefined =>
    chooseVictim(places, lettersOf(prompt), '', shared);

  test('is none when all are busy', () => {
    expect(victim([place(0, 'hello', { isBusy: true })], 'hello')).toBeUndefined();
  });

  test('is an empty one', () => {
    expect(victim([place(0, 'hello', { usedAt: 1 }), place(1, '', { usedAt: 2 })], 'you')).toBe(1);
  });

  test('is one whose tokens the state holds as well', () => {
    const places = [place(0, 'something', { usedAt: 1 }), place(1, 'hello', { usedAt: 2 })];
    expect(victim(places, 'hello, you')).toBe(1);
    expect(victim(places, 'hello, you', 4)).toBe(0);
    expect(victim([place(0, 'something'), place(1, 'hello', { tenant: 'bert' })], 'hello, you')).toBe(0);
  });

  test('is else the one used longest ago', () => {
    expect(victim([place(0, 'abc', { usedAt: 7 }), place(1, 'def', { usedAt: 3 })], 'xyz')).toBe(1);
  });
});
