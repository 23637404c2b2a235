import { describe, expect, test } from '@jest/globals';
import { resolveSampling } from './sampling.ts';

describe('resolveSampling', () => {
  test("fills in Ollama's defaults", () => {
    expect(resolveSampling({ seed: 1 }, {})).toEqual({
      temperature: 0.8,
      topK: 40,
      topP: 0.9,
      minP: 0,
      seed: 1,
      repeatPenalty: 1,
      repeatLastN: 64,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: {},
      topLogprobs: undefined,
      typicalP: 1,
      mirostat: 0,
      mirostatTau: 5,
      mirostatEta: 0.1,
      stop: [],
      maxTokens: undefined,
    });
  });

  test('takes the request before the model and the model before the defaults', () => {
    const parameters = { temperature: 0.1, top_k: 5, stop: ['a'], num_predict: 7, seed: 3 };
    expect(resolveSampling({ topK: 9 }, parameters)).toMatchObject({
      temperature: 0.1,
      topK: 9,
      stop: ['a'],
      maxTokens: 7,
      seed: 3,
    });
    expect(resolveSampling({ stop: ['b'] }, parameters).stop).toEqual(['b']);
    expect(resolveSampling({}, { stop: 'one', temperature: 'hot' })).toMatchObject({
      stop: ['one'],
      temperature: 0.8,
    });
  });

  test('mirostat comes from the request or from the model', () => {
    const parameters = { mirostat: 2, mirostat_tau: 3 };
    expect(resolveSampling({ mirostatEta: 0.5 }, parameters)).toMatchObject({
      mirostat: 2,
      mirostatTau: 3,
      mirostatEta: 0.5,
    });
  });

  test('draws another seed for each request without one', () => {
    const seeds = new Set(Array.from({ length: 20 }, () => resolveSampling({ seed: -1 }, {}).seed));
    expect(seeds.size).toBeGreaterThan(15);
    for (const seed of seeds) expect(seed).toBeGreaterThanOrEqual(0);
  });

  test('brings any whole number into the range of a seed', () => {
    expect(resolveSampling({ seed: 2 ** 32 + 5 }, {}).seed).toBe(5);
    expect(resolveSampling({ seed: -2 }, {}).seed).toBe(2 ** 32 - 2);
  });

  test('a negative num_predict means no limit', () => {
    expect(resolveSampling({ maxTokens: -1 }, {}).maxTokens).toBeUndefined();
    expect(resolveSampling({ maxTokens: 0 }, {}).maxTokens).toBe(0);
  });
});
