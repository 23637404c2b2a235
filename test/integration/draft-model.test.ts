import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { EngineModel } from '../../agent/src/inference/engine.ts';
import {
  ask,
  chat,
  createTestEngine,
  tinyModel,
  type TestEngine,
} from '../../agent/src/inference/test-engine.fixture.ts';
import { widenedModel } from '../harness/widened-model.ts';

const bundled = (file: string): string => fileURLToPath(new URL(`../../models/${file}`, import.meta.url));
const draftOf = (path: string): EngineModel['draft'] => ({
  digest: path,
  path,
  sizeBytes: statSync(path).size,
});

let path = '';
beforeAll(async () => {
  // So much slower than the bundled model that asking that first pays, on any machine.
  path = await widenedModel(33);
}, 120_000);

let engine: TestEngine | undefined;
afterEach(() => engine?.stop());

interface Said {
  readonly texts: readonly string[];
  readonly right: number;
  readonly warnings: readonly string[];
}

const prompts = ['Write a short story about a fox and a lantern.', 'Write a story about a boy and a boat.'];

const answered = async (draft: EngineModel['draft'], temperature: number): Promise<Said> => {
  let right = 0;
  engine = createTestEngine({
    observer: {
      guessed: (_model, came) => {
        right += came;
      },
    },
  });
  const model = tinyModel({
    path,
    digest: path,
    sizeBytes: statSync(path).size,
    ...(draft === undefined ? { speculation: false } : { draft }),
  });
  const texts: string[] = [];
  for (const prompt of prompts) {
    const request = chat(prompt, { sampling: { temperature, seed: 7, maxTokens: 150 } });
    texts.push((await ask(engine, request, model)).text);
  }
  await engine.stop();
  return { texts, right, warnings: engine.logged.filter((line) => line.includes('draft')) };
};

test.each([
  ['the likeliest tokens', 0],
  ['tokens by chance', 0.8],
])(
  'a draft model guesses what is said, and changes nothing of it: %s',
  async (_what, temperature) => {
    const alone = await answered(undefined, temperature);
    expect(alone.right).toBe(0);
    const drafted = await answered(draftOf(bundled('ollamamax-tiny-q8_0.gguf')), temperature);
    expect(drafted.texts).toEqual(alone.texts);
    expect(drafted.right).toBeGreaterThan(0);
    expect(drafted.warnings).toEqual([]);
  },
  300_000,
);

test('a model whose draft model cannot be loaded answers without it, and the log says why', async () => {
  const alone = await answered(undefined, 0);
  const without = await answered(draftOf(bundled('MODEL_CARD.md')), 0);
  expect(without.texts).toEqual(alone.texts);
  expect(without.warnings.join()).toContain('The draft model guesses nothing: ');
}, 300_000);
