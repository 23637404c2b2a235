import { describe, expect, test } from '@jest/globals';
import { planBatch, type Bystander, type Turn } from './batch-plan.ts';

const limits = {
  batchSize: 64,
  promptBudget: 8,
  hasDelayed: false,
  contextSize: 100,
  needsAdjacent: false,
};

const turn = (sequence: number, pending: number, overrides: Partial<Turn> = {}): Turn => ({
  sequence,
  held: 10,
  pending: Array.from({ length: pending }, (_, index) => index),
  guesses: [],
  isAnswering: false,
  admittedAt: sequence,
  ...overrides,
});

const answering = (sequence: number): Turn => turn(sequence, 1, { isAnswering: true });

const sizes = (
  turns: readonly Turn[],
  given: Partial<typeof limits> = {},
  bystanders: Bystander[] = [],
): object =>
  Object.fromEntries(
    planBatch(turns, bystanders, { ...limits, ...given }).parts.map(({ sequence, tokens, wantsNext }) => [
      sequence,
      `${tokens.length}${wantsNext ? '!' : ''}`,
    ]),
  );

describe('a batch', () => {
  test('holds the next token of everybody who answers, in the order of sequences', () => {
    const { parts } = planBatch([answering(3), answering(0), answering(2)], [], limits);
    expect(parts.map(({ sequence }) => sequence)).toEqual([0, 2, 3]);
    expect(parts.every(({ tokens, wantsNext }) => tokens.length === 1 && wantsNext)).toBe(true);
  });

  test('is full of prompts while nobody answers', () => {
    expect(sizes([turn(0, 200)])).toEqual({ 0: '64' });
  });

  test('holds few tokens of prompts while somebody answers', () => {
    expect(sizes([answering(1), turn(0, 200)])).toEqual({ 0: '8', 1: '1!' });
  });

  test('holds more of them where more wait for their first token than for their next one', () => {
    const reading = [1, 2, 3, 4].map((sequence) => turn(sequence, 20));
    expect(sizes([answering(0), ...reading])).toEqual({ 0: '1!', 1: '20!', 2: '12' });
    expect(sizes([answering(0), answering(5), ...reading])).toEqual({ 0: '1!', 1: '16', 5: '1!' });
  });

  test('holds somewhat more of them the more wait for their first token', () => {
    const others = Array.from({ length: 8 }, (_unused, index) => answering(10 + index));
    const promptTokens = (count: number): number =>
      planBatch(
        [...others, ...Array.from({ length: count }, (_unused, index) => turn(index, 20))],
        [],
        limits,
      )
        .parts.filter(({ sequence }) => sequence < 10)
        .reduce((sum, { tokens }) => sum + tokens.length, 0);
    expect([1, 3, 5, 8].map(promptTokens)).toEqual([8, 12, 16, 22]);
  });

  test('holds the rest of a burst, where that is short', () => {
    const reading = [1, 2, 3, 4].map((sequence) => turn(sequence, 12));
    expect(sizes([answering(0), ...reading])).toEqual({ 0: '1!', 1: '12!', 2: '12!', 3: '12!', 4: '12!' });
    const many = Array.from({ length: 9 }, (_unused, index) => answering(10 + index));
    const promptSizes = (turns: readonly Turn[]): object =>
      Object.fromEntries(Object.entries(sizes(turns)).filter(([sequence]) => Number(sequence) < 10));
    expect(sizes([answering(0), ...reading], { hasDelayed: true })).toEqual({
      0: '1!',
      1: '12!',
      2: '12!',
      3: '8',
    });
    // Beside twice as many who answer it is none, nor is it where two wait, or where it is not short.
    expect(promptSizes([...many, ...reading])).toEqual({ 1: '12!', 2: '2' });
    expect(promptSizes([answering(10), turn(1, 12), turn(2, 12)])).toEqual({ 1: '12!', 2: '4' });
    expect(promptSizes([answering(10), ...reading, turn(5, 1)])).toEqual({
      1: '12!',
      2: '12!',
      3: '12!',
      4: '4',
    });
  });

  test('cuts prompts to the same length that are nearly as long, and leaves their ends to the answers', () => {
    const reading = [20, 21, 22, 23, 30].map((pending, sequence) => turn(sequence, pending));
    expect(sizes(reading, { batchSize: 200 })).toEqual({ 0: '20!', 1: '20', 2: '20', 3: '23!', 4: '30!' });
    expect(sizes([answering(0), turn(1, 2), turn(2, 1), turn(3, 3)])).toEqual({
      0: '1!',
      1: '1',
      2: '1!',
      3: '1',
    });
    // One that only the budget cuts short is no measure.
    const cut = [answering(0), turn(1, 4), turn(2, 3), turn(3, 5)];
    expect(sizes(cut, { promptBudget: 3, hasDelayed: true })).toEqual({ 0: '1!', 1: '3', 2: '3!', 3: '2' });
    // Alone nothing is won by that.
    expect(sizes([turn(1, 2)])).toEqual({ 1: '2!' });
  });

  test('asks for what follows only behind a whole prompt', () => {
    expect(sizes([turn(0, 5), turn(1, 8)], { batchSize: 10 })).toEqual({ 0: '5!', 1: '5' });
  });

  test('ends the oldest prompt first', () => {
    expect(sizes([turn(0, 60, { admittedAt: 9 }), turn(1, 60, { admittedAt: 2 })])).toEqual({
      0: '4',
      1: '60!',
    });
  });

  test('never holds more than fits', () => {
    const many = Array.from({ length: 10 }, (_, index) => answering(index));
    expect(sizes([...many, turn(10, 50)], { batchSize: 18 })).toMatchObject({ 0: '1!', 9: '1!', 10: '8' });
    expect(sizes([...many, turn(10, 50)], { batchSize: 12 })).toMatchObject({ 0: '1!', 9: '1!', 10: '2' });
    expect(sizes([...many, turn(10, 50)], { batchSize: 10 })).not.toHaveProperty('10');
  });
});

describe('gaps between sequences', () => {
  const idle = (sequence: number, held = 5): Bystander => ({ sequence, held });
  const adjacent = { needsAdjacent: true };

  test('are closed by a token that nobody asked for', () => {
    const plan = planBatch([answering(0), answering(2)], [idle(1), idle(3)], { ...limits, ...adjacent });
    expect(plan.fillers).toEqual([idle(1)]);
    expect(plan.parts[1]).toMatchObject({ sequence: 1, position: 5, wantsNext: false });
  });

  test('are left where sequences share one buffer', () => {
    expect(planBatch([answering(0), answering(2)], [idle(1)], limits).fillers).toEqual([]);
  });

  test('are left where one more pass costs less, and closed beside others', () => {
    const wide = Array.from({ length: 7 }, (_unused, index) => idle(index + 1));
    const turns = [answering(0), answering(8), answering(10)];
    const { fillers } = planBatch(turns, [...wide, idle(9)], { ...limits, ...adjacent });
    expect(fillers).toEqual([idle(9)]);
  });

  test('are left where what lies there is much longer than what is computed', () => {
    const turns = [answering(0), answering(2)];
    const given = { ...limits, ...adjacent, contextSize: 10_000 };
    expect(planBatch(turns, [idle(1, 200)], given).fillers).toHaveLength(1);
    expect(planBatch(turns, [idle(1, 300)], given).fillers).toEqual([]);
  });

  test('are closed by as many tokens as the others go on by', () => {
    const guessing = (sequence: number): Turn => ({ ...answering(sequence), guesses: [7, 8, 9] });
    const turns = [guessing(0), guessing(2)];
    const given = { ...limits, ...adjacent };
    const { parts } = planBatch(turns, [idle(1)], given);
    expect(parts.map(({ tokens, guessed, wantsNext }) => [tokens.length, guessed, wantsNext])).toEqual([
      [4, 3, true],
      [4, 0, false],
      [4, 3, true],
    ]);
    // Neither behind the end of a context nor beyond the batch.
    expect(planBatch(turns, [idle(1, 97)], given).fillers).toEqual([]);
    expect(planBatch(turns, [idle(1)], { ...given, batchSize: 11 }).fillers).toEqual([]);
  });

  test('are left where they cannot be closed as a whole', () => {
    const turns = [answering(0), answering(3)];
    const given = { ...limits, ...adjacent };
    expect(planBatch(turns, [idle(1), idle(2)], given).fillers).toHaveLength(2);
    // One is full, one is somebody's who pauses, and a batch has no room for both.
    expect(planBatch(turns, [idle(1), idle(2, 100)], given).fillers).toEqual([]);
    expect(planBatch(turns, [idle(1)], given).fillers).toEqual([]);
    expect(planBatch(turns, [idle(1), idle(2)], { ...given, batchSize: 3 }).fillers).toEqual([]);
  });
});
