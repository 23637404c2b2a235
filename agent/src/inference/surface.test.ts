import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { InferenceEvent, InferenceRequest, ToolDefinition } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { ask, chat, createTestEngine, endless, tinyModel, type TestEngine } from './test-engine.fixture.ts';

/** What the engine does besides answering a conversation, with the real runner and the real models. */
const embedPath = fileURLToPath(new URL('../../../models/ollamamax-tiny-embed-f16.gguf', import.meta.url));
const embedModel: EngineModel = tinyModel({
  name: 'ollamamax-tiny-embed:latest',
  digest: 'embed',
  path: embedPath,
  sizeBytes: statSync(embedPath).size,
  contextSize: 256,
});

let engine: TestEngine;
beforeAll(() => {
  engine = createTestEngine();
});
afterAll(() => engine.stop());

const events = async (request: InferenceRequest, model = tinyModel()): Promise<InferenceEvent[]> => {
  const all: InferenceEvent[] = [];
  for await (const event of engine.run(model, request, new AbortController().signal)) all.push(event);
  return all;
};

const of = <T extends InferenceEvent['type']>(
  all: readonly InferenceEvent[],
  type: T,
): Extract<InferenceEvent, { type: T }>[] =>
  all.filter((event): event is Extract<InferenceEvent, { type: T }> => event.type === type);

const vectorsOf = async (
  inputs: (string | number[])[],
  normalize = true,
): Promise<readonly (readonly number[])[]> => {
  const all = await events(
    chat('', { input: { kind: 'embed', inputs, truncate: true, normalize } }),
    embedModel,
  );
  return of(all, 'embeddings')[0]?.embeddings ?? [];
};

const dot = (a: readonly number[] = [], b: readonly number[] = []): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

describe('embeddings', () => {
  test('are those of each input alone, however many come together', async () => {
    const inputs = Array.from({ length: 40 }, (_, index) => `${'word '.repeat(index % 7)}number ${index}`);
    const together = await vectorsOf(inputs);
    expect(together).toHaveLength(40);
    for (const index of [0, 6, 17, 39]) {
      const [alone] = await vectorsOf([inputs[index] ?? '']);
      expect(dot(together[index], alone)).toBeGreaterThan(0.9999);
    }
  });

  test('have length 1 when that is asked for', async () => {
    const [unit] = await vectorsOf(['a cat']);
    const [plain] = await vectorsOf(['a cat'], false);
    expect(dot(unit, unit)).toBeCloseTo(1, 5);
    expect(dot(unit, plain) / Math.sqrt(dot(plain, plain))).toBeCloseTo(1, 5);
  });

  test('tell what is alike', async () => {
    const [cat, kitten, raft] = await vectorsOf(['I like cats.', 'I love cats.', 'What is Raft?']);
    expect(dot(cat, kitten)).toBeGreaterThan(dot(cat, raft));
  });
});

describe('log probabilities', () => {
  test('come with every token, and are those of the model before sampling', async () => {
    const request = chat('What is the capital of France?', { sampling: { topLogprobs: 3, logitBias: {} } });
    const all = await events(request);
    const logprobs = of(all, 'text').flatMap((event) => event.logprobs ?? []);
    expect(logprobs.map(({ text }) => text).join('')).toBe('The capital of France is Paris.');
    expect(of(all, 'done')[0]?.usage.completionTokens).toBe(logprobs.length);
    for (const { token, logprob, top } of logprobs) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top).toHaveLength(3);
      // Greedy: the likeliest was taken.
      expect(top[0]).toMatchObject({ token });
      expect(top[0]?.logprob).toBeCloseTo(logprob, 4);
      expect((top[0]?.logprob ?? 0) >= (top[1]?.logprob ?? 0)).toBe(true);
    }
  });

  test('are not changed by a bias, which changes the answer', async () => {
    const plain = await events(chat('What is the capital of France?', { sampling: { topLogprobs: 2 } }));
    const [first] = of(plain, 'text').flatMap((event) => event.logprobs ?? []);
    const banned = String(first?.token);
    const biased = await events(
      chat('What is the capital of France?', { sampling: { topLogprobs: 2, logitBias: { [banned]: -100 } } }),
    );
    const [other] = of(biased, 'text').flatMap((event) => event.logprobs ?? []);
    expect(other?.token).not.toBe(first?.token);
    expect(other?.top[0]).toMatchObject({ token: first?.token });
    expect(other?.top[0]?.logprob).toBeCloseTo(first?.logprob ?? 0, 3);
  });
});

describe('texts and tokens', () => {
  test('a text becomes tokens and they become the text', async () => {
    const text = 'Hello, wörld! 🔥';
    const tokenize = { kind: 'tokenize', text, addSpecial: false, parseSpecial: false } as const;
    const tokens = [...(of(await events(chat('', { input: tokenize })), 'tokens')[0]?.tokens ?? [])];
    expect(tokens.length).toBeGreaterThan(3);
    const all = await events(chat('', { input: { kind: 'detokenize', tokens } }));
    expect(of(all, 'text')[0]?.text).toBe(text);
  });

  test('a prompt may be given as tokens', async () => {
    const input = { kind: 'render' as const, messages: [{ role: 'user' as const, content: 'Who are you?' }] };
    const rendered = await events(chat('', { input }));
    expect(of(rendered, 'text')[0]?.text).toContain('<|im_start|>user\nWho are you?<|im_end|>');
    const prompt = [...(of(rendered, 'tokens')[0]?.tokens ?? [])];
    const answer = await ask(engine, chat('', { input: { kind: 'prompt', prompt } }));
    expect(answer.text).toBe('I am ollamamax-tiny, a very small language model.');
    expect(answer.usage.promptTokens).toBe(prompt.length);
  });

  test('tokens that the model does not have are refused', async () => {
    await expect(
      ask(engine, chat('', { input: { kind: 'prompt', prompt: [1_000_000] } })),
    ).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('an exchange goes on from the tokens of the one before', async () => {
    const first = await events(chat('', { input: { kind: 'prompt', prompt: 'My name is Anna.' } }));
    const context = [...(of(first, 'done')[0]?.context ?? [])];
    expect(context.length).toBeGreaterThan(5);
    const next = await ask(
      engine,
      chat('', { input: { kind: 'prompt', prompt: 'What is my name?', context } }),
    );
    expect(next.text).toBe('Your name is Anna.');
    expect(next.usage.promptTokens).toBeGreaterThan(context.length);
    expect(next.usage.cachedPromptTokens).toBeGreaterThan(0);
  });

  test('a gap is filled', async () => {
    const input = { kind: 'prompt' as const, prompt: 'The capital of', suffix: ' is Paris.' };
    const answer = await ask(engine, chat('', { input, sampling: { maxTokens: 5 } }));
    expect(answer.usage.completionTokens).toBeGreaterThan(0);
  });

  test('an answer that the client has begun is gone on with', async () => {
    const messages = [
      { role: 'user' as const, content: 'What is the capital of France?' },
      { role: 'assistant' as const, content: 'The capital of' },
    ];
    expect((await ask(engine, chat('', { input: { kind: 'chat', messages } }))).text).toBe(
      ' France is Paris.',
    );
  });
});

describe('tools that must be called', () => {
  const tools: ToolDefinition[] = ['get_weather', 'get_time'].map((name) => ({
    name,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 20 } },
      required: ['city'],
    },
  }));
  const input = (toolChoice: 'none' | 'required' | { name: string }): InferenceRequest['input'] => ({
    kind: 'chat',
    messages: [{ role: 'user', content: 'Hello!' }],
    tools,
    toolChoice,
    parallelToolCalls: false,
  });

  test('are called, whatever was said', async () => {
    const answer = await ask(engine, chat('', { input: input('required') }));
    expect(answer.reason).toBe('tool_calls');
    expect(answer.calls).toHaveLength(1);
    expect(tools.map(({ name }) => name)).toContain(answer.calls[0]?.name);
    expect(typeof answer.calls[0]?.arguments.city).toBe('string');
  });

  test('by name', async () => {
    const answer = await ask(engine, chat('', { input: input({ name: 'get_time' }) }));
    expect(answer.calls.map(({ name }) => name)).toEqual(['get_time']);
  });

  test('or not at all', async () => {
    expect((await ask(engine, chat('', { input: input('none') }))).text).toBe('Hello! How can I help you?');
  });

  test('cannot be called when they are not there', async () => {
    await expect(ask(engine, chat('', { input: input({ name: 'get_news' }) }))).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

test('a grammar of the client is followed, and one that is none is refused', async () => {
  const format = (grammar: string) => ({ format: { type: 'gbnf' as const, grammar } });
  const answer = await ask(engine, chat('Hello!', format('root ::= "yes" | "no"')));
  expect(['yes', 'no']).toContain(answer.text);
  await expect(ask(engine, chat('Hello!', format('root ::= ((')))).rejects.toMatchObject({
    code: 'invalid_format',
  });
});

test('who waits is told where, and others in turn', async () => {
  const model = tinyModel({ name: 'narrow:latest', parallel: 1 });
  const abort = new AbortController();
  const busy = engine.run(model, endless(), abort.signal)[Symbol.asyncIterator]();
  await busy.next();
  const first = engine.run(model, chat('Hello!', { reportQueue: true }), new AbortController().signal);
  const second = engine.run(model, chat('Hello!', { reportQueue: true }), new AbortController().signal);
  const [one, two] = [first[Symbol.asyncIterator](), second[Symbol.asyncIterator]()];
  expect(await one.next()).toMatchObject({ value: { type: 'queue', position: 0 } });
  expect(await two.next()).toMatchObject({ value: { type: 'queue', position: 1 } });
  abort.abort();
  await busy.next().catch(() => undefined);
  for (const waiting of [one, two]) {
    let text = '';
    for (let next = await waiting.next(); next.done !== true; next = await waiting.next())
      if (next.value.type === 'text') text += next.value.text;
    expect(text).toBe('Hello! How can I help you?');
  }
});
