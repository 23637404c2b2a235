import { describe, expect, test } from '@jest/globals';
import { estimateMemory, insufficientMemory } from './memory-check.ts';
import type { LayerFacts, MemoryFacts } from './memory-facts.ts';
import { tinyModel } from './test-engine.fixture.ts';

const mebibyte = 1024 ** 2;
const gib = 1024 ** 3;

const layer: LayerFacts = {
  weightBytes: 96 * mebibyte,
  kvBytesPerToken: 4096,
  window: undefined,
  stateBytes: 0,
};

const facts: MemoryFacts = {
  layers: new Array<LayerFacts>(32).fill(layer),
  inputBytes: 512 * mebibyte,
  outputBytes: 512 * mebibyte,
  matrixBytes: new Map([['Q4_K', 3.5 * gib]]),
  embedding: 4096,
  feedForward: 14_336,
  vocabulary: 128_000,
  trainedContext: 131_072,
};

const model = tinyModel({ sizeBytes: 4 * gib, parallel: 2 });

describe('estimateMemory', () => {
  test('adds weights, context, computing and the process, and says so', () => {
    const estimate = estimateMemory(model, 8192, { facts });
    expect(estimate.totalBytes).toBeGreaterThan(6 * gib);
    expect(estimate.totalBytes).toBeLessThan(6.6 * gib);
    expect(estimate.certainBytes).toBe(6 * gib);
    expect(estimate.deviceBytes).toBe(0);
    const error = insufficientMemory(model, estimate.arithmetic, gib);
    expect(error.code).toBe('insufficient_memory');
    expect(error.message).toContain('4096 MiB for the weights + 2048 MiB for 2 x 8192 tokens of context + ');
    expect(error.message).toMatch(/\+ \d+ MiB for computing \+ \d+ MiB for the process = \d+ MiB, and /);
    expect(error.message).toContain('1024 MiB are available');
  });

  test('the numbers in the message add up', () => {
    const { arithmetic } = estimateMemory(model, 8192, { facts });
    const [sum = '', total = ''] = arithmetic.split(' = ');
    const added = [...sum.matchAll(/(\d+) MiB/g)].reduce((all, [, part]) => all + Number(part), 0);
    expect(Math.abs(added - Number.parseInt(total, 10))).toBeLessThanOrEqual(4);
  });

  test('a layer with a sliding window holds its window and a batch, not the whole context', () => {
    const layers = facts.layers.map((each, index) => (index % 2 === 0 ? each : { ...each, window: 1024 }));
    const full = estimateMemory(model, 8192, { facts }).certainBytes;
    const sliding = estimateMemory(model, 8192, { facts: { ...facts, layers } }).certainBytes;
    expect(full - sliding).toBe(16 * 4096 * (8192 - 1536) * 2);
  });

  test('a recurrent layer takes the same for any context', () => {
    const layers = facts.layers.map((each) => ({ ...each, kvBytesPerToken: 0, stateBytes: mebibyte }));
    const at = (contextSize: number): number =>
      estimateMemory(model, contextSize, { facts: { ...facts, layers } }).certainBytes;
    expect(at(8192)).toBe(at(512));
    expect(at(512)).toBe(4 * gib + 64 * mebibyte);
  });

  test('what the processor keeps twice is shown in the process, but need not be available twice', () => {
    const once = estimateMemory(model, 8192, { facts });
    const twice = estimateMemory(model, 8192, { facts, copiedTypes: new Set(['Q4_K']) });
    expect(twice.residentBytes - twice.totalBytes).toBe(3.5 * gib);
    expect(twice.totalBytes - once.totalBytes).toBeLessThan(0.5 * gib);
  });

  test('blocks on a GPU leave the memory of the machine', () => {
    const host = estimateMemory(model, 8192, { facts });
    const half = estimateMemory(model, 8192, { facts, gpuLayers: 16 });
    const all = estimateMemory(model, 8192, { facts, gpuLayers: 33 });
    expect(host.certainBytes - half.certainBytes).toBe(16 * 96 * mebibyte + gib);
    expect(all.certainBytes).toBe(512 * mebibyte);
    expect(half.deviceBytes).toBeLessThan(all.deviceBytes);
    expect(all.deviceBytes).toBeGreaterThan(5.5 * gib);
    expect(all.arithmetic).toMatch(/, beside \d+ MiB on GPUs$/);
  });

  test('a file whose header cannot be read is taken by its size', () => {
    expect(estimateMemory(model, 8192).totalBytes).toBeGreaterThan(6 * gib);
  });

  describe('with a draft model', () => {
    const drafted = { ...model, draft: { digest: 'd', path: '/d.gguf', sizeBytes: gib } };
    const draftFacts: MemoryFacts = {
      ...facts,
      layers: new Array<LayerFacts>(8).fill({ ...layer, weightBytes: 64 * mebibyte }),
      inputBytes: 256 * mebibyte,
      outputBytes: 256 * mebibyte,
      matrixBytes: new Map([['Q8_0', 512 * mebibyte]]),
      embedding: 1024,
      feedForward: 4096,
      trainedContext: 4096,
    };

    test('holds its whole context, also where a window would do without guesses', () => {
      const layers = draftFacts.layers.map((layer) => ({ ...layer, window: 64 }));
      const estimate = estimateMemory(drafted, 8192, { facts, draftFacts: { ...draftFacts, layers } });
      expect(estimate.totalBytes).toBe(estimateMemory(drafted, 8192, { facts, draftFacts }).totalBytes);
    });

    test('adds its weights, its context as far as it was trained, and its computing, and says so', () => {
      const without = estimateMemory(model, 8192, { facts });
      const estimate = estimateMemory(drafted, 8192, { facts, draftFacts });
      expect(estimate.certainBytes - without.certainBytes).toBe(gib + 8 * 4096 * 4096 * 2);
      const added = estimate.totalBytes - without.totalBytes;
      expect(added).toBeGreaterThan(gib + 256 * mebibyte + 128_000 * 1300);
      expect(added).toBeLessThan(1.6 * gib);
      expect(estimate.arithmetic).toContain(
        ` for the weights + ${Math.ceil(added / mebibyte)} MiB for its draft model + `,
      );
      expect(without.arithmetic).not.toContain('draft');
      const trained = { ...draftFacts, trainedContext: undefined };
      const long = estimateMemory(drafted, 8192, { facts, draftFacts: trained });
      expect(long.certainBytes - estimate.certainBytes).toBe(8 * 4096 * 4096 * 2);
    });

    test('shows what the processor keeps of it twice', () => {
      const estimate = estimateMemory(drafted, 8192, { facts, draftFacts, copiedTypes: new Set(['Q8_0']) });
      expect(estimate.residentBytes - estimate.totalBytes).toBe(512 * mebibyte);
    });

    test('counts it on the machine when the model is on a GPU, and by its size when its header cannot be read', () => {
      const onGpu = { facts, gpuLayers: 33 };
      const added =
        estimateMemory(drafted, 8192, { ...onGpu, draftFacts }).totalBytes -
        estimateMemory(model, 8192, onGpu).totalBytes;
      expect(added).toBeGreaterThan(gib);
      expect(estimateMemory(drafted, 8192, { facts }).totalBytes).toBeGreaterThan(
        estimateMemory(model, 8192, { facts }).totalBytes + 1.05 * gib,
      );
    });
  });
});
