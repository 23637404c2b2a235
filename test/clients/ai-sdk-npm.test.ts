import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  embed,
  embedMany,
  generateText,
  isStepCount,
  Output,
  streamText,
  tool,
  type EmbeddingModel,
  type LanguageModel,
} from 'ai';
import { z } from 'zod';
import { card, model } from './model-card.ts';
import {
  anna,
  embedder,
  startOneHolderCluster,
  untilSlotsFree,
  type OneHolderCluster,
} from './one-holder-cluster.ts';
import { rejection } from './rejection.ts';

/** The same calls of the SDK go out in three dialects: one for each kind of model that its providers make. */
const kinds = ['openai-compatible', 'openai, responses', 'openai, chat'] as const;

let setup: OneHolderCluster;
let models: Record<(typeof kinds)[number], (id: string) => LanguageModel>;
let embedders: Record<'openai-compatible' | 'openai', EmbeddingModel>;

beforeAll(async () => {
  setup = await startOneHolderCluster({ user: anna, more: [embedder] });
  const connection = { apiKey: setup.token ?? '', baseURL: `${setup.door.api}/v1` };
  const compatible = createOpenAICompatible({
    ...connection,
    name: 'ollamamax',
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  const openai = createOpenAI(connection);
  models = {
    'openai-compatible': (id) => compatible(id),
    'openai, responses': (id) => openai(id),
    'openai, chat': (id) => openai.chat(id),
  };
  embedders = {
    'openai-compatible': compatible.embeddingModel(embedder.name),
    openai: openai.embeddingModel(embedder.name),
  };
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

const greedy = { temperature: 0, maxRetries: 0, maxOutputTokens: 200 } as const;

const personSchema = z.object({ name: z.string(), age: z.number().int(), kind: z.enum(['cat', 'dog']) });

describe.each(kinds)('a model of the AI SDK (%s)', (kind) => {
  const tiny = (): LanguageModel => models[kind](model);

  /** The weather tool, which notes what it was asked. */
  const weather = () => {
    const asked: unknown[] = [];
    const tools = {
      get_weather: tool({
        description: 'Get the weather for a city.',
        inputSchema: z.object({ city: z.string() }),
        execute: (input) => {
          asked.push(input);
          return { temperature: 20, sky: 'sunny' };
        },
      }),
    };
    return { asked, tools };
  };

  test('generateText answers and counts', async () => {
    const { question, answer } = card.france;
    const { text, finishReason, usage, warnings } = await generateText({
      ...greedy,
      model: tiny(),
      prompt: question,
    });
    expect({ text, finishReason }).toEqual({ text: answer, finishReason: 'stop' });
    expect(usage).toMatchObject({ inputTokens: 15, outputTokens: 7, totalTokens: 22 });
    expect(warnings ?? []).toEqual([]);
  });

  test('instructions and a conversation reach the model', async () => {
    const pirate = await generateText({
      ...greedy,
      model: tiny(),
      instructions: 'You are a pirate.',
      prompt: card.hello.question,
    });
    expect(pirate.text).toContain('Arr, matey!');
    const { text } = await generateText({
      ...greedy,
      model: tiny(),
      messages: [
        { role: 'user', content: 'My name is Anna.' },
        { role: 'assistant', content: 'Nice to meet you, Anna.' },
        { role: 'user', content: 'What is my name?' },
      ],
    });
    expect(text).toBe('Your name is Anna.');
  });

  test('an answer that is cut says so', async () => {
    const cut = { ...greedy, model: tiny(), prompt: card.count.question, maxOutputTokens: 2 };
    expect((await generateText(cut)).finishReason).toBe('length');
    expect(await streamText(cut).finishReason).toBe('length');
  });

  test('streamText brings the same text, with its usage', async () => {
    const { question, answer } = card.france;
    const result = streamText({ ...greedy, model: tiny(), prompt: question });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join('')).toBe(answer);
    expect(await result.finishReason).toBe('stop');
    expect(await result.usage).toMatchObject({ inputTokens: 15, outputTokens: 7 });
  });

  test('an object keeps to its schema, whole and in parts, against the will of the model', async () => {
    const call = {
      ...greedy,
      model: tiny(),
      output: Output.object({ schema: personSchema }),
      prompt: card.anna.question,
    };
    const { output } = await generateText(call);
    expect(output).toMatchObject({ name: 'Anna', age: 30 });
    const result = streamText(call);
    const parts: unknown[] = [];
    for await (const part of result.partialOutputStream) parts.push(part);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.at(-1)).toEqual(output);
    expect(await result.output).toEqual(output);
  });

  test('a choice is one of those offered', async () => {
    const { output } = await generateText({
      ...greedy,
      model: tiny(),
      output: Output.choice({ options: ['Paris', 'Tokyo'] }),
      prompt: card.france.question,
    });
    expect(['Paris', 'Tokyo']).toContain(output);
  });

  test('a tool is executed and its result answered in the next step', async () => {
    const { asked, tools } = weather();
    const { steps, text } = await generateText({
      ...greedy,
      model: tiny(),
      tools,
      stopWhen: isStepCount(3),
      prompt: card.weather.question,
    });
    expect(asked).toEqual([card.weather.arguments]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(text).toMatch(/Paris|sunny|20/);
  });

  test('a tool is executed in mid-stream too', async () => {
    const { asked, tools } = weather();
    const result = streamText({
      ...greedy,
      model: tiny(),
      tools,
      stopWhen: isStepCount(3),
      prompt: card.weather.question,
    });
    const types: string[] = [];
    for await (const part of result.stream) types.push(part.type);
    expect(asked).toEqual([card.weather.arguments]);
    expect(types).toEqual(expect.arrayContaining(['tool-call', 'tool-result', 'text-delta', 'finish']));
    expect(types).not.toContain('error');
    expect(await result.text).toMatch(/Paris|sunny|20/);
  });

  test('a tool that is demanded is called, and none where none is wanted', async () => {
    for (const choice of ['required', { type: 'tool', toolName: 'get_weather' }] as const) {
      const { asked, tools } = weather();
      await generateText({
        ...greedy,
        model: tiny(),
        tools,
        toolChoice: choice,
        prompt: card.hello.question,
      });
      expect(asked).toEqual([{ city: expect.any(String) }]);
    }
    const { asked, tools } = weather();
    const { finishReason } = await generateText({
      ...greedy,
      model: tiny(),
      tools,
      toolChoice: 'none',
      prompt: card.weather.question,
    });
    expect({ asked, finishReason }).toEqual({ asked: [], finishReason: 'stop' });
  });

  test('a long answer comes in pieces; an abort in mid-stream ends it and frees the slot on the holder', async () => {
    const leave = new AbortController();
    const result = streamText({
      ...greedy,
      model: tiny(),
      maxOutputTokens: 1500,
      output: Output.array({ element: z.enum(['again', 'and']) }),
      prompt: 'Say "again" nine hundred times.',
      abortSignal: leave.signal,
    });
    const types: string[] = [];
    for await (const part of result.stream) {
      types.push(part.type);
      if (types.filter((type) => type === 'text-delta').length === 2) leave.abort();
    }
    // What nobody has read yet is put together: only a long answer is sure to come in pieces.
    expect(types.filter((type) => type === 'text-delta').length).toBeGreaterThanOrEqual(2);
    expect(types.at(-1)).toBe('abort');
    await untilSlotsFree(setup.holder);
  });

  test('an unknown model is an APICallError with the words of the agent, streamed or not', async () => {
    const call = { ...greedy, model: models[kind]('nope'), prompt: 'Hi' };
    const errors: unknown[] = [await rejection(generateText(call))];
    const result = streamText({ ...call, onError: ({ error }) => void errors.push(error) });
    await result.consumeStream();
    expect(errors).toHaveLength(2);
    for (const error of errors) {
      expect(APICallError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({
        statusCode: 404,
        isRetryable: false,
        message: expect.stringContaining('nope'),
      });
    }
  });

  test('a wrong value is an APICallError that names the field', async () => {
    const error = await rejection(generateText({ ...greedy, model: tiny(), prompt: 'Hi', temperature: 9 }));
    expect(error).toMatchObject({ statusCode: 400, isRetryable: false });
    expect(error.message).toContain('temperature');
  });
});

describe('responses have no memory', () => {
  test('a conversation goes on when the SDK is told so, and says what to do when it is not', async () => {
    const tiny = models['openai, responses'](model);
    const user = (content: string) => ({ role: 'user' as const, content });
    const first = await generateText({ ...greedy, model: tiny, prompt: 'My name is Anna.' });
    const messages = [user('My name is Anna.'), ...first.responseMessages, user('What is my name?')];
    const told = await generateText({
      ...greedy,
      model: tiny,
      messages,
      providerOptions: { openai: { store: false } },
    });
    expect(told.text).toBe('Your name is Anna.');
    const error = await rejection(generateText({ ...greedy, model: tiny, messages }));
    expect(error).toMatchObject({ statusCode: 400 });
    expect(error.message).toContain('send the item itself');
  });
});

describe.each(['openai-compatible', 'openai'] as const)('an embedding model of the AI SDK (%s)', (kind) => {
  test('embeds one value and many, each the same vector of length 1', async () => {
    const values = ['A cat sleeps.', 'A dog barks.', 'Paris is a city.'];
    const many = await embedMany({ model: embedders[kind], values, maxRetries: 0 });
    expect(many.embeddings.map((vector) => vector.length)).toEqual([256, 256, 256]);
    for (const vector of many.embeddings) expect(Math.hypot(...vector)).toBeCloseTo(1, 3);
    expect(many.usage.tokens).toBeGreaterThan(6);
    const one = await embed({ model: embedders[kind], value: values[1] ?? '', maxRetries: 0 });
    const dot = one.embedding.reduce((sum, value, at) => sum + value * (many.embeddings[1]?.[at] ?? 0), 0);
    expect(dot).toBeCloseTo(1, 3);
  });
});
