import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LoadMemory } from '../../agent/src/inference/load-memory.ts';
import { ask, chat, createTestEngine, tinyModel } from '../../agent/src/inference/test-engine.fixture.ts';
import { randomModel, type RandomModelShape } from '../harness/random-model.ts';

const mebibyte = 1024 ** 2;

const shape: RandomModelShape = {
  layers: 4,
  embedding: 256,
  heads: 8,
  kvHeads: 2,
  feedForward: 704,
  context: 4096,
  vocabulary: 4000,
  type: 'F16',
  seed: 7,
};

const bundled = (file: string): string => fileURLToPath(new URL(`../../models/${file}`, import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ollamamax-memory-estimate-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/**
 * How a model is made, the loads it is held against, tokens of context and requests at a time, and how its draft model is
 * made.
 */
const cases: readonly (readonly [
  string,
  () => string | Promise<string>,
  readonly [number, number][],
  (() => Promise<string>) | undefined,
])[] = [
  [
    'the bundled model',
    () => bundled('ollamamax-tiny-q8_0.gguf'),
    [
      [256, 1],
      [2048, 8],
    ],
    undefined,
  ],
  ['the bundled model at 4 bits', () => bundled('ollamamax-tiny-q4_k_m.gguf'), [[2048, 4]], undefined],
  ['a large vocabulary', () => randomModel({ ...shape, vocabulary: 60_000 }, folder), [[512, 2]], undefined],
  [
    'much context',
    () => randomModel({ ...shape, layers: 12, kvHeads: 8, type: 'Q8_0' }, folder),
    [
      [512, 1],
      [4096, 4],
    ],
    undefined,
  ],
  [
    'many weights',
    () => randomModel({ ...shape, layers: 16, embedding: 512, feedForward: 2048, type: 'Q8_0' }, folder),
    [[512, 1]],
    undefined,
  ],
  [
    'a draft model beside it',
    () => randomModel({ ...shape, layers: 8, type: 'Q8_0' }, folder),
    [[2048, 4]],
    () => randomModel({ ...shape, layers: 6, seed: 8, type: 'Q8_0' }, folder),
  ],
];

test.each(cases)('a runner takes what is estimated: %s', async (_what, make, loads, makeDraft) => {
  const path = await make();
  const draft = await makeDraft?.();
  for (const [contextSize, parallel] of loads) {
    const model = tinyModel({
      path,
      digest: path,
      sizeBytes: statSync(path).size,
      contextSize,
      parallel,
      maxContextSize: 4096,
      ...(draft === undefined
        ? {}
        : { draft: { digest: draft, path: draft, sizeBytes: statSync(draft).size } }),
    });
    const memory = new LoadMemory({ available: () => Promise.resolve(0) });
    const { residentBytes } = await memory.estimate({ model, contextSize, gpuLayers: 0 });
    const engine = createTestEngine();
    try {
      const prompt = 'List 3 fruits. '.repeat(40);
      await ask(engine, chat(prompt, { sampling: { maxTokens: 4 } }), model);
      const measured = engine.resident().get(model.name)?.memoryBytes ?? 0;
      expect(measured).toBeGreaterThan(100 * mebibyte);
      expect(residentBytes).toBeGreaterThanOrEqual(measured);
      expect(residentBytes).toBeLessThanOrEqual(1.5 * measured + 100 * mebibyte);
    } finally {
      await engine.stop();
    }
  }
});
