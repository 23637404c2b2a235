import { describe, expect, test } from '@jest/globals';
import { planBatch, type Bystander, type Turn } from './batch-plan.ts';

const limits = { batchSize: 64, promptBudget: 8, contextSize: 100, needsAdjacent: false };

const turn = (sequence: number, pending: number, overrides: Partial<Turn> = {}): Turn => ({
  sequence,
  held: 10,
  pending: Array.from({ length: pending }, (_, index) => index),
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
    expect(
      planBatch([...many, turn(10, 50)], [], { ...limits, batchSize: 12, promptBudget: 8 }).parts,
    ).toHaveLength(11);
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

  test('are left where there are more of them than requests, or no room', () => {
    const wide = [answering(0), answering(4)];
    expect(planBatch(wide, [idle(1), idle(2), idle(3)], { ...limits, ...adjacent }).fillers).toEqual([]);
    expect(
      planBatch([answering(0), answering(2)], [idle(1, 100)], { ...limits, ...adjacent }).fillers,
    ).toEqual([]);
  });
});
