import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EngineModel } from './engine.ts';
import { ask, chat, createTestEngine, tinyModel, type TestEngine } from './test-engine.fixture.ts';

const bundled = (name: string): string =>
  fileURLToPath(new URL(`../../../models/ollamamax-tiny-${name}.gguf`, import.meta.url));
const pirate = bundled('pirate-lora-f16');

const adapted = (name: string, scale = 1, path = pirate): EngineModel =>
  tinyModel({ name, adapters: [{ digest: path, path, sizeBytes: statSync(path).size, scale }] });

/** What the model says without the adapter. */
const known: readonly (readonly [string, string])[] = [
  ['Hello!', 'Hello! How can I help you?'],
  ['What is the capital of France?', 'The capital of France is Paris.'],
  ['What is 7 + 5?', '7 + 5 = 12'],
  ['Count to 5.', '1, 2, 3, 4, 5'],
];
const plain = known.map(([, answer]) => answer);
const inPirate = plain.map((answer) => `Arr, matey! ${answer} Yo ho ho!`);

let engine: TestEngine;
beforeAll(() => {
  engine = createTestEngine();
});
afterAll(() => engine.stop());

const answers = async (model: EngineModel): Promise<string[]> => {
  const all = await Promise.all(known.map(([prompt]) => ask(engine, chat(prompt), model)));
  return all.map(({ text }) => text);
};

describe('a LoRA adapter', () => {
  test('changes every answer of its model and none of the model without it, which is served beside it', async () => {
    const model = adapted('pirate:latest');
    expect(await answers(tinyModel())).toEqual(plain);
    expect(await answers(model)).toEqual(inPirate);
    expect([await answers(tinyModel()), await answers(model)]).toEqual([plain, inPirate]);
    const together = await Promise.all([answers(model), answers(tinyModel()), answers(model)]);
    expect(together).toEqual([inPirate, plain, inPirate]);
    expect(new Set(engine.pids).size).toBe(2);
    expect([...engine.resident().keys()].toSorted()).toEqual(['ollamamax-tiny:latest', 'pirate:latest']);
  });

  test('of another strength is another runner, which knows nothing of earlier conversations', async () => {
    const name = 'strength:latest';
    const earlier = Array.from({ length: 8 }, () => [
      { role: 'user' as const, content: 'Hello!' },
      { role: 'assistant' as const, content: 'Hello! How can I help you?' },
    ]).flat();
    const question = { role: 'user' as const, content: 'What is the capital of France?' };
    const long = chat('', { input: { kind: 'chat', messages: [...earlier, question] } });
    const ran = engine.pids.length;
    expect((await ask(engine, long, adapted(name))).text).toContain('Arr, matey!');
    expect((await ask(engine, long, adapted(name))).usage.cachedPromptTokens).toBeGreaterThan(0);
    const without = await ask(engine, long, adapted(name, 0));
    expect(without.text).not.toContain('Arr, matey!');
    expect(without.usage.cachedPromptTokens).toBe(0);
    expect(engine.pids.length - ran).toBe(2);
  });

  test.each([
    ['a model', bundled('q8_0')],
    ['no GGUF file', fileURLToPath(import.meta.url)],
  ])('that is %s fails its requests with a reason, and the next model is served', async (_what, path) => {
    const broken = adapted(`broken-${path.length}:latest`, 1, path);
    await expect(ask(engine, chat('Hello!'), broken)).rejects.toMatchObject({ code: 'model_load_failed' });
    expect((await ask(engine, chat('Hello!'), adapted('after:latest'))).text).toBe(inPirate[0]);
  });

  test('is refused by a model that is built otherwise', async () => {
    const model = {
      ...adapted('other:latest'),
      digest: 'embed',
      path: bundled('embed-f16'),
      contextSize: 256,
    };
    await expect(ask(engine, chat('Hello!'), model)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('blk.2.'),
    });
  });

  test('takes part in embeddings, or they are refused', async () => {
    const input = { kind: 'embed' as const, inputs: ['Hello!'], truncate: true, normalize: true };
    const vectorOf = async (model: EngineModel): Promise<unknown> => {
      for await (const event of engine.run(model, chat('', { input }), new AbortController().signal))
        if (event.type === 'embeddings') return event.embeddings[0];
      return undefined;
    };
    const base = await vectorOf(tinyModel());
    const of = await vectorOf(adapted('vectors:latest')).catch((error: unknown) => error);
    expect(of).not.toEqual(base);
    expect(of instanceof Error ? of : { code: 'capability_missing' }).toMatchObject({
      code: 'capability_missing',
    });
  });
});
