import { describe, expect, test } from '@jest/globals';
import { AnswerGuesses } from './answer-guesses.ts';
import { GuessLength, longestGuess } from './guess-length.ts';
import { lettersOf, textOf } from './letters-backend.fixture.ts';
import { Speculation } from './speculation.ts';

/** What is known after a step without guesses and, where given, some with: a guess of each answer adds so much. */
const measured = (answers: number, plainMs: number, guessMs?: number): GuessLength => {
  const length = new GuessLength();
  length.measured(answers, 0, plainMs);
  if (guessMs !== undefined)
    for (let step = 0; step < 20; step += 1)
      length.measured(answers, 1 + (step % 2), plainMs + answers * (1 + (step % 2)) * guessMs);
  return length;
};
const alike = (count: number, chance: number, length = longestGuess): { chance: number; length: number }[] =>
  Array.from({ length: count }, () => ({ chance, length }));

describe('how many tokens are guessed', () => {
  test('none before it is known what a step takes', () => {
    expect(new GuessLength().next(alike(1, 1), 16, 1)).toBe(0);
    expect(measured(1, 100).next(alike(1, 1), 16, undefined)).toBe(16);
    expect(measured(1, 100).next(alike(2, 1), 16, 1)).toBe(0);
  });

  test('as many as are worth their time', () => {
    const cheap = measured(1, 100, 10);
    expect(cheap.next(alike(1, 1), 16, 10)).toBe(16);
    expect(cheap.next(alike(1, 1, 5), 16, 10)).toBe(5);
    expect(cheap.next(alike(1, 1), 3, 10)).toBe(3);
    // 1.5 in 110, 1.75 in 120, 1.875 in 130
    expect(cheap.next(alike(1, 0.5), 16, 10)).toBe(2);
    expect(cheap.next(alike(1, 0.05), 16, 10)).toBe(0);
    expect(measured(1, 100, 100).next(alike(1, 0.9), 16, 100)).toBe(0);
  });

  test('fewer where each answer costs as much as a guess', () => {
    const busy = measured(8, 200, 20);
    expect(busy.next(alike(8, 0.5), 16, 20)).toBe(0);
    expect(busy.next(alike(8, 0.95), 16, 20)).toBeGreaterThan(1);
    // Of eight, one that is sure of its guesses does not make the others compute in vain.
    expect(busy.next([...alike(1, 1), ...alike(7, 0)], 16, 20)).toBe(0);
  });

  test('none now and then, to learn what that takes', () => {
    const length = measured(1, 100, 10);
    const lengths: number[] = [];
    for (let step = 0; step < 200; step += 1) {
      const next = length.next(alike(1, 0.9), 16, 10);
      lengths.push(next);
      length.measured(1, next, 100 + next * 10);
    }
    expect(lengths.filter((next) => next === 0)).toHaveLength(3);
  });

  test('what they really take is learned, whatever was assumed', () => {
    /** How many are guessed in the end, where having any takes so long and each so long. */
    const lasts = (anyMs: number, eachMs: number, assumedMs: number, chance: number): number => {
      const length = measured(1, 100);
      const last: number[] = [];
      for (let step = 0; step < 200; step += 1) {
        const next = length.next(alike(1, chance), 16, assumedMs);
        length.measured(1, next, next === 0 ? 100 : 100 + anyMs + next * eachMs);
        last.push(next);
      }
      return Math.max(...last.slice(-20));
    };
    expect(lasts(0, 90, 5, 0.6)).toBe(0);
    expect(lasts(50, 1, 10, 0.9)).toBeGreaterThan(5);
    expect(lasts(50, 1, 10, 0.2)).toBe(0);
  });
});

describe('the guesses for an answer', () => {
  test('count as long as those before them came true', () => {
    const guesses = new AnswerGuesses(lettersOf('abcdefg. ab'), [], 100);
    const before = guesses.chance;
    guesses.follow(lettersOf('c'));
    expect(guesses.chance).toBe(before);
    expect(textOf(guesses.next).startsWith('defg.')).toBe(true);
    guesses.follow(lettersOf('def'));
    const after = guesses.chance;
    expect(after).toBeGreaterThan(before);
    // What comes behind a wrong one says nothing about guesses.
    guesses.follow(lettersOf('Xabc'));
    expect(guesses.chance).toBeCloseTo(after * (5 / 6));
  });

  test('are what was predicted, as long as that comes true, and where it is come back to', () => {
    const guesses = new AnswerGuesses(lettersOf('Say it.'), lettersOf('one two three four'), 100);
    expect(textOf(guesses.next)).toBe('one two three fo');
    guesses.follow(lettersOf('o'));
    expect(textOf(guesses.next)).toBe('ne two three fou');
    guesses.follow(lettersOf('ne TWO '));
    expect(guesses.next).toEqual([]);
    guesses.follow(lettersOf('thr'));
    expect(textOf(guesses.next).startsWith('ee four')).toBe(true);
  });
});

describe('a step', () => {
  const speculation = new Speculation(100);
  const turns = (count: number, guessed: number): Parameters<Speculation['measured']>[0] =>
    Array.from({ length: count }, (_, sequence) => ({
      sequence,
      held: 10,
      pending: [1],
      guesses: Array.from({ length: guessed }, () => 1),
      isAnswering: true,
      admittedAt: sequence,
    }));
  const sure = { next: [5, 6, 7], chance: 1, follow: () => undefined };

  test('computes as many for each answer, and no more than there is room for', () => {
    for (const answers of [1, 2]) speculation.measured(turns(answers, 0), 100);
    speculation.measured(turns(1, 1), 101);
    const of = (...rooms: number[]): readonly (readonly number[])[] =>
      speculation.choose(
        rooms.map((room) => ({ guesses: sure, room })),
        64,
        1,
      );
    expect(of(50)).toEqual([[5, 6, 7]]);
    expect(of(50, 2)).toEqual([
      [5, 6],
      [5, 6],
    ]);
    expect(of(0)).toEqual([[]]);
    expect(speculation.choose([{ guesses: sure, room: 50 }], 2, 1)).toEqual([[5]]);
    const short = { guesses: { ...sure, next: [5] }, room: 50 };
    expect(speculation.choose([{ guesses: sure, room: 50 }, short], 64, 1)).toEqual([
      [5, 6, 7],
      [5, 0, 0],
    ]);
  });

  test('computes none where an answer cannot take them back', () => {
    expect(
      speculation.choose(
        [
          { guesses: undefined, room: 50 },
          { guesses: sure, room: 50 },
        ],
        64,
        1,
      ),
    ).toEqual([[], []]);
  });
});
