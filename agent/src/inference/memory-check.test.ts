import { describe, expect, test } from '@jest/globals';
import { estimateMemory, insufficientMemory } from './memory-check.ts';
import { tinyModel } from './test-engine.fixture.ts';

const gib = 1024 ** 3;

describe('estimateMemory', () => {
  test('adds file, context and margin, and says so', () => {
    const model = { ...tinyModel(), sizeBytes: 4 * gib, kvBytesPerToken: 131_072, parallel: 2 };
    const estimate = estimateMemory(model, 8192);
    expect(estimate.totalBytes).toBeGreaterThan(6 * gib);
    expect(estimate.totalBytes).toBeLessThan(6.5 * gib);
    const error = insufficientMemory(model, estimate, gib);
    expect(error.code).toBe('insufficient_memory');
    expect(error.message).toContain('4096 MiB for the file + 2048 MiB for 2 x 8192 tokens of context');
    expect(error.message).toContain('1024 MiB are available');
  });

  test('more context needs more', () => {
    const model = tinyModel();
    expect(estimateMemory(model, 4096).totalBytes).toBeGreaterThan(estimateMemory(model, 512).totalBytes);
  });
});
