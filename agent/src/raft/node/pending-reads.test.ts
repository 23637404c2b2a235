import { describe, expect, test } from '@jest/globals';
import { PendingReads } from './pending-reads.ts';

const patience = 100;

/** Reads whose answers are noted down. */
const readsOf = (max = 10, nonce = 7) => {
  const reads = new PendingReads(nonce, 5, max);
  const answers: (readonly [string, number | undefined])[] = [];
  const ask = (name: string, at = 0): void =>
    reads.add((applied) => answers.push([name, applied]), at + patience);
  return { reads, answers, ask };
};

describe('reads that wait', () => {
  test('share one question, and are answered once the state machine has come far enough', () => {
    const { reads, answers, ask } = readsOf();
    ask('a');
    ask('b');
    const token = reads.nextQuestion(0) ?? 0;
    expect(reads.nextQuestion(0)).toBe(undefined);
    reads.confirm({ token, index: 7 });
    reads.serve(6);
    expect(answers).toEqual([]);
    reads.serve(8);
    expect(answers).toEqual([
      ['a', 8],
      ['b', 8],
    ]);
  });

  test('are not answered by what an earlier process of this member has asked', () => {
    const earlier = readsOf(10, 2 ** 32 - 2);
    const now = readsOf(10, 2 ** 32 - 1);
    for (const { ask } of [earlier, now]) ask('a');
    const late = earlier.reads.nextQuestion(0) ?? 0;
    const token = now.reads.nextQuestion(0) ?? 0;
    expect(Number.isSafeInteger(token)).toBe(true);
    now.reads.confirm({ token: late, index: 1 });
    now.reads.serve(9);
    expect(now.answers).toEqual([]);
    now.reads.confirm({ token, index: 8 });
    now.reads.serve(9);
    expect(now.answers).toEqual([['a', 9]]);
  });

  test('are not answered by a question that was asked before them', () => {
    const { reads, answers, ask } = readsOf();
    ask('a');
    const first = reads.nextQuestion(0) ?? 0;
    ask('b');
    reads.confirm({ token: first, index: 1 });
    reads.serve(1);
    expect(answers).toEqual([['a', 1]]);
  });

  test('are asked for again when no answer comes, and a late answer to the first question is none', () => {
    const { reads, answers, ask } = readsOf();
    ask('a');
    const first = reads.nextQuestion(0) ?? 0;
    reads.tick(4);
    expect(reads.nextQuestion(4)).toBe(undefined);
    reads.tick(5);
    const second = reads.nextQuestion(5) ?? 0;
    reads.confirm({ token: first, index: 1 });
    reads.serve(1);
    expect(answers).toEqual([]);
    reads.confirm({ token: second, index: 1 });
    reads.serve(1);
    expect(answers).toEqual([['a', 1]]);
  });

  test.each(['not asked for', 'asked for', 'confirmed'])('are given up in time: %s', (how) => {
    const { reads, answers, ask } = readsOf();
    ask('a');
    const token = how === 'not asked for' ? undefined : reads.nextQuestion(0);
    if (how === 'confirmed') reads.confirm({ token: token ?? 0, index: 5 });
    for (let tick = 1; tick < patience; tick += 1) {
      reads.tick(tick);
      if (how !== 'not asked for') reads.nextQuestion(tick);
    }
    expect(answers).toEqual([]);
    for (let tick = patience; tick < patience + 6; tick += 1) reads.tick(tick);
    expect(answers).toEqual([['a', undefined]]);
    reads.serve(5);
    expect(answers).toHaveLength(1);
  });

  test('are so many and no more, and all are let go at the end', () => {
    const { reads, answers, ask } = readsOf(3);
    ask('a');
    const token = reads.nextQuestion(0) ?? 0;
    ask('b');
    reads.confirm({ token, index: 9 });
    ask('c');
    expect(reads.full).toBe(true);
    reads.abandon();
    expect(reads.full).toBe(false);
    expect(answers.map(([name, applied]) => [name, applied])).toEqual([
      ['b', undefined],
      ['c', undefined],
      ['a', undefined],
    ]);
  });
});
