import { describe, expect, test } from '@jest/globals';
import { PromptPace } from './prompt-pace.ts';

const most = 512;

describe('tokens of prompts in a step that answers wait for', () => {
  test('are a guess at first, and never more than a batch holds', () => {
    expect(new PromptPace(most).budget).toBe(128);
    expect(new PromptPace(100).budget).toBe(100);
    const pace = new PromptPace(most);
    expect(pace.tokenMs).toBeUndefined();
    pace.measured(512, 0, 10);
    expect(pace.budget).toBe(most);
  });

  test('take a quarter of a second, together with the answers', () => {
    const pace = new PromptPace(most);
    pace.measured(100, 0, 100);
    expect(pace.tokenMs).toBe(1);
    expect(pace.budget).toBe(250);
    pace.measured(0, 4, 50);
    expect(pace.budget).toBe(200);
    // As many as before: the answers of a mixed step do not count for its prompts.
    pace.measured(200, 4, 250);
    expect(pace.budget).toBe(200);
  });

  test('are some even where answers alone take longer than that', () => {
    const pace = new PromptPace(most);
    pace.measured(100, 0, 100);
    pace.measured(0, 16, 1000);
    expect(pace.budget).toBe(125);
    pace.measured(32, 16, 100_000);
    for (let step = 0; step < 100; step += 1) pace.measured(32, 16, 100_000);
    expect(pace.budget).toBe(32);
  });

  test('follow what was measured: sooner to more than to less, and not by short prompts', () => {
    const pace = new PromptPace(most);
    pace.measured(100, 0, 100);
    pace.measured(100, 0, 50);
    expect(1 / (pace.tokenMs ?? 0)).toBeCloseTo(1.3);
    pace.measured(100, 0, 1000);
    expect(1 / (pace.tokenMs ?? 0)).toBeCloseTo(1.18);
    pace.measured(31, 0, 1);
    pace.measured(100, 0, 0);
    expect(1 / (pace.tokenMs ?? 0)).toBeCloseTo(1.18);
  });

  test('do not count answers that were many a moment ago for more than half of a step', () => {
    const pace = new PromptPace(most);
    pace.measured(100, 0, 100);
    pace.measured(0, 16, 200);
    pace.measured(100, 1, 110);
    expect(1 / (pace.tokenMs ?? 0)).toBeLessThan(1.3);
  });
});
