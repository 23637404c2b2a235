import { describe, expect, test } from '@jest/globals';
import { AnswerGuesses } from './answer-guesses.ts';
import { GuessLength, longestGuess, type KnownTimes } from './guess-length.ts';
import { lettersOf, textOf } from './letters-backend.fixture.ts';
import { Speculation, type Guessed, type Guesses, type StepOutlook } from './speculation.ts';

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

const known = (promptMs: number | undefined, draftMs = 0): KnownTimes => ({ promptMs, draftMs });

describe('how many tokens are guessed', () => {
  test('none before it is known what a step takes', () => {
    expect(new GuessLength().next(alike(1, 1), 16, known(1))).toBe(0);
    expect(measured(1, 100).next(alike(1, 1), 16, known(undefined))).toBe(16);
    expect(measured(1, 100).next(alike(2, 1), 16, known(1))).toBe(0);
  });

  test('as many as are worth their time', () => {
    const cheap = measured(1, 100, 10);
    expect(cheap.next(alike(1, 1), 16, known(10))).toBe(16);
    expect(cheap.next(alike(1, 1, 5), 16, known(10))).toBe(5);
    expect(cheap.next(alike(1, 1), 3, known(10))).toBe(3);
    // 1.5 in 110, 1.75 in 120, 1.875 in 130
    expect(cheap.next(alike(1, 0.5), 16, known(10))).toBe(2);
    expect(cheap.next(alike(1, 0.05), 16, known(10))).toBe(0);
    expect(measured(1, 100, 100).next(alike(1, 0.9), 16, known(100))).toBe(0);
  });

  test('fewer where each answer costs as much as a guess', () => {
    const busy = measured(8, 200, 20);
    expect(busy.next(alike(8, 0.5), 16, known(20))).toBe(0);
    expect(busy.next(alike(8, 0.95), 16, known(20))).toBeGreaterThan(1);
    // Of eight, one that is sure of its guesses does not make the others compute in vain.
    expect(busy.next([...alike(1, 1), ...alike(7, 0)], 16, known(20))).toBe(0);
  });

  test('none now and then, to learn what that takes', () => {
    const length = measured(1, 100, 10);
    const lengths: number[] = [];
    for (let step = 0; step < 200; step += 1) {
      const next = length.next(alike(1, 0.9), 16, known(10));
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
        const next = length.next(alike(1, chance), 16, known(assumedMs));
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

const guessesFor = (prompt: string, prediction = ''): AnswerGuesses =>
  new AnswerGuesses({ prompt: lettersOf(prompt), prediction: lettersOf(prediction), contextSize: 100 });
const follow = (guesses: Pick<AnswerGuesses, 'follow'>, text: string): void => {
  for (const token of lettersOf(text)) guesses.follow(token);
};

test('what a draft model takes to guess counts as well', () => {
  const cheap = measured(1, 100, 10);
  // 1.8 tokens in 140 ms, 2.44 in 180, 2.95 in 220
  expect(cheap.next(alike(1, 0.8), 16, known(10, 30))).toBe(2);
  expect(cheap.next(alike(1, 0.8), 16, known(10, 90))).toBe(0);
});

describe('the guesses for an answer', () => {
  test('count as long as those before them came true', () => {
    const guesses = guessesFor('abcdefg. ab');
    const before = guesses.chance;
    follow(guesses, 'c');
    expect(guesses.chance).toBe(before);
    expect(textOf(guesses.next).startsWith('defg.')).toBe(true);
    follow(guesses, 'def');
    const after = guesses.chance;
    expect(after).toBeGreaterThan(before);
    // What comes behind a wrong one says nothing about guesses.
    follow(guesses, 'Xabc');
    expect(guesses.chance).toBeCloseTo(after * (5 / 6));
  });

  test('are what was predicted, as long as that comes true, and where it is come back to', () => {
    const guesses = guessesFor('Say it.', 'one two three four');
    expect(textOf(guesses.next)).toBe('one two three fo');
    follow(guesses, 'o');
    expect(textOf(guesses.next)).toBe('ne two three fou');
    follow(guesses, 'ne TWO ');
    expect(guesses.next).toEqual([]);
    follow(guesses, 'thr');
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

  const outlook = (batchSize: number): StepOutlook => ({ batchSize, promptMs: 1 });
  const answer = (guesses: Guesses | undefined, room: number): Guessed => ({
    sequence: 0,
    held: [],
    next: 1,
    guesses,
    room,
  });

  test('computes as many for each answer, and no more than there is room for', async () => {
    for (const answers of [1, 2]) speculation.measured(turns(answers, 0), 100);
    speculation.measured(turns(1, 1), 101);
    const of = (...rooms: number[]): ReturnType<Speculation['choose']> =>
      speculation.choose(
        rooms.map((room) => answer(sure, room)),
        outlook(64),
      );
    expect(await of(50)).toEqual([[5, 6, 7]]);
    expect(await of(50, 2)).toEqual([
      [5, 6],
      [5, 6],
    ]);
    expect(await of(0)).toEqual([[]]);
    expect(await speculation.choose([answer(sure, 50)], outlook(2))).toEqual([[5]]);
    const short = answer({ ...sure, next: [5] }, 50);
    expect(await speculation.choose([answer(sure, 50), short], outlook(64))).toEqual([
      [5, 6, 7],
      [5, 0, 0],
    ]);
  });

  test('computes none where an answer cannot take them back', async () => {
    expect(await speculation.choose([answer(undefined, 50), answer(sure, 50)], outlook(64))).toEqual([
      [],
      [],
    ]);
  });
});
