import { expect } from '@jest/globals';
import { greedySampling } from './greedy-sampling.ts';
import { lettersOf, textOf } from './letters-backend.fixture.ts';
import type { StepScheduler } from './step-scheduler.ts';
import type { StepOutcome, StepTask } from './token-scheduler.ts';

/** One request to a scheduler of letters. */
export interface Asked {
  readonly text: () => string;
  readonly outcome: Promise<StepOutcome>;
  readonly abort: AbortController;
}

export const ask = (scheduler: StepScheduler, prompt: string, overrides: Partial<StepTask> = {}): Asked => {
  const answer: number[] = [];
  const abort = new AbortController();
  const tokens = lettersOf(prompt);
  const outcome = scheduler.run({
    prompt: tokens,
    tenant: '',
    sampling: { settings: greedySampling, grammar: undefined, prompt: tokens },
    signal: abort.signal,
    keepOnShift: undefined,
    isReady: () => true,
    onProgress: () => undefined,
    ...overrides,
    take: (token) => {
      answer.push(token.token);
      return overrides.take?.(token) ?? true;
    },
  });
  return { text: () => textOf(answer), outcome, abort };
};

/** Until something is so, which takes few turns of the event loop, or some where a file is written. */
export const untilTrue = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (let turn = 0; turn < 100_000 && !(await condition()); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(await condition()).toBe(true);
};
