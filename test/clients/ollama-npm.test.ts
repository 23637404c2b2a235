import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ollama, type ChatResponse, type Tool } from 'ollama';
import { z } from 'zod';
import { endless, longSchema } from '../harness/chat-stream.ts';
import { eventually } from '../harness/local-cluster.ts';
import { ask, card, model, weatherFunction } from './model-card.ts';
import { anna, startOneHolderCluster, untilSlotsFree, type OneHolderCluster } from './one-holder-cluster.ts';
import { rejection } from './rejection.ts';

const greedy = { temperature: 0 };
const weather: Tool = { type: 'function', function: weatherFunction };

let setup: OneHolderCluster;
let client: Ollama;

beforeAll(async () => {
  setup = await startOneHolderCluster({ user: anna, settings: { parallel: 1 } });
  client = clientWith(setup.token);
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

const clientWith = (token: string | undefined): Ollama =>
  new Ollama({
    host: setup.door.api,
    ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  });

const number: unknown = expect.any(Number);

describe('what the npm client of Ollama asks about models', () => {
  test('list names the model with its size and digest', async () => {
    const { models } = await client.list();
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      name: `${model}:latest`,
      model: `${model}:latest`,
      size: 2_998_560,
      digest: '831d48e79f054325e92f44caa5de275a621379b03159bc173b50fc509ffeeaa4',
      details: { format: 'gguf', family: 'llama', parameter_size: '2.75M', quantization_level: 'Q8_0' },
    });
    expect(new Date(models[0]?.modified_at ?? '').getTime()).not.toBeNaN();
  });

  test('show tells template, capabilities and metadata', async () => {
    const show = await client.show({ model });
    expect(show.capabilities).toEqual(expect.arrayContaining(['completion', 'tools']));
    expect(show.template).toContain('<|im_start|>');
    expect(show.modelfile).toContain('FROM ');
    expect(show.details.quantization_level).toBe('Q8_0');
    expect(show.model_info).toMatchObject({
      'general.architecture': 'llama',
      'llama.context_length': 2048,
    });
  });

  test('version answers', async () => {
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test('keep_alive loads for ever and unloads; ps follows', async () => {
    const loaded = await client.chat({ model, messages: [], keep_alive: -1 });
    expect(loaded).toMatchObject({ done: true, done_reason: 'load' });
    await eventually('ps shows the model', async () => (await client.ps()).models.length === 1);
    const [resident] = (await client.ps()).models;
    expect(resident).toMatchObject({ name: `${model}:latest`, size: number, size_vram: 0 });
    expect(new Date(resident?.expires_at ?? '').getFullYear()).toBeGreaterThan(2100);

    const unloaded = await client.generate({ model, prompt: '', keep_alive: 0 });
    expect(unloaded).toMatchObject({ done: true, done_reason: 'unload' });
    await eventually('ps is empty', async () => (await client.ps()).models.length === 0);
  });

  test('keep_alive 0 with a prompt answers and then unloads', async () => {
    const { question, answer } = card.hello;
    const response = await client.generate({ model, prompt: question, options: greedy, keep_alive: 0 });
    expect(response.response).toBe(answer);
    await eventually('ps is empty', async () => (await client.ps()).models.length === 0);
  });

  test('keep_alive as a duration sets when the model leaves memory', async () => {
    const before = Date.now();
    await client.generate({ model, prompt: '', keep_alive: '10m' });
    await eventually('ps shows when it ends', async () => {
      const [resident] = (await client.ps()).models;
      const left = new Date(resident?.expires_at ?? 0).getTime() - before;
      return left >= 599_000 && left < 700_000;
    });
  });
});

describe('answers to the npm client of Ollama', () => {
  test.each([card.hello, card.france])('generate: $question', async ({ question, answer }) => {
    const response = await client.generate({ model, prompt: question, options: greedy });
    expect(response).toMatchObject({ model, response: answer, done: true, done_reason: 'stop' });
    expect(response.eval_count).toBeGreaterThan(0);
    expect(response.prompt_eval_count).toBeGreaterThan(0);
    expect(response.eval_duration).toBeGreaterThan(0);
    expect(response.prompt_eval_duration).toBeGreaterThan(0);
    expect(response.total_duration).toBeGreaterThanOrEqual(response.eval_duration);
  });

  test('generate as a stream brings the same text in pieces', async () => {
    const { question, answer } = card.france;
    const parts = [];
    for await (const part of await client.generate({
      model,
      prompt: question,
      options: greedy,
      stream: true,
    }))
      parts.push(part);
    expect(parts.map(({ response }) => response).join('')).toBe(answer);
    expect(parts.map(({ done }) => done)).toEqual([...parts.slice(1).map(() => false), true]);
    expect(parts.at(-1)).toMatchObject({ done_reason: 'stop', eval_count: number });
    // What nobody has read yet is put together: only a long answer is sure to come in pieces.
    const long = await client.generate({
      model,
      prompt: question,
      format: longSchema,
      options: greedy,
      stream: true,
    });
    let pieces = 0;
    for await (const { done } of long) {
      expect(done).toBe(false);
      if (++pieces === 4) break;
    }
    long.abort();
    expect(pieces).toBe(4);
    await untilSlotsFree(setup.holder);
  });

  test('generate with a system message, and raw with a finished prompt', async () => {
    const pirate = await client.generate({
      model,
      prompt: 'Hello!',
      system: 'You are a pirate.',
      options: greedy,
    });
    expect(pirate.response).toBe('Arr, matey! Hello! How can I help you? Yo ho ho!');
    const raw = await client.generate({
      model,
      prompt: '<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n',
      raw: true,
      options: greedy,
    });
    expect(raw.response).toBe(card.hello.answer);
  });

  test('chat answers with the conversation in mind', async () => {
    const first = await client.chat({ model, messages: ask('My name is Anna.'), options: greedy });
    const second = await client.chat({
      model,
      messages: [...ask('My name is Anna.'), first.message, ...ask('What is my name?')],
      options: greedy,
    });
    expect(second.message).toEqual({ role: 'assistant', content: 'Your name is Anna.' });
    expect(second.created_at).toBeDefined();
  });

  test('chat as a stream brings the same text in pieces', async () => {
    const { question, answer } = card.france;
    const parts: ChatResponse[] = [];
    for await (const part of await client.chat({
      model,
      messages: ask(question),
      options: greedy,
      stream: true,
    }))
      parts.push(part);
    expect(parts.map(({ message }) => message.content).join('')).toBe(answer);
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: number });
  });

  test('format json gives JSON', async () => {
    const { question, answer } = card.anna;
    const response = await client.chat({ model, messages: ask(question), format: 'json', options: greedy });
    expect(JSON.parse(response.message.content)).toEqual(answer);
  });

  test('a schema of zod holds even against the will of the model', async () => {
    const Person = z.object({ name: z.string(), age: z.number().int(), kind: z.enum(['cat', 'dog']) });
    const response = await client.chat({
      model,
      messages: ask(card.anna.question),
      format: z.toJSONSchema(Person),
      options: { ...greedy, num_predict: 200 },
    });
    expect(Person.parse(JSON.parse(response.message.content))).toMatchObject({ name: 'Anna', age: 30 });
  });

  test('num_predict and stop end the answer', async () => {
    const short = await client.generate({
      model,
      prompt: card.france.question,
      options: { ...greedy, num_predict: 3 },
    });
    expect(short).toMatchObject({ done_reason: 'length', eval_count: 3 });
    expect(short.response).not.toBe('');
    expect(card.france.answer.startsWith(short.response ?? 'nothing')).toBe(true);

    const { question, answer } = card.count;
    const whole = await client.generate({ model, prompt: question, options: greedy });
    expect(whole.response).toBe(answer);
    const stopped = await client.generate({ model, prompt: question, options: { ...greedy, stop: [', 4'] } });
    expect(stopped).toMatchObject({ response: '1, 2, 3', done_reason: 'stop' });
  });

  test('a seed makes sampling repeatable, another one gives another answer', async () => {
    const tell = async (seed: number): Promise<string> => {
      const { response } = await client.generate({
        model,
        prompt: 'Write a short story about a fox and a lantern.',
        options: { temperature: 2, top_k: 0, top_p: 1, seed, num_predict: 40 },
      });
      return response ?? '';
    };
    const first = await tell(7);
    expect(first.length).toBeGreaterThan(0);
    expect(await tell(7)).toBe(first);
    expect(await tell(8)).not.toBe(first);
  });

  test('a tool is called, and its result given back is answered', async () => {
    const { question } = card.weather;
    const called = await client.chat({ model, messages: ask(question), tools: [weather], options: greedy });
    expect(called.message.content).toBe('');
    expect(called.message.tool_calls?.map((call) => call.function)).toMatchObject([
      { name: 'get_weather', arguments: card.weather.arguments },
    ]);
    const answered = await client.chat({
      model,
      messages: [
        ...ask(question),
        called.message,
        { role: 'tool', tool_name: 'get_weather', content: '{"temperature": 20, "sky": "sunny"}' },
      ],
      tools: [weather],
      options: greedy,
    });
    expect(answered.message.tool_calls).toBeUndefined();
    expect(answered.message.content).toMatch(/Paris|sunny|20/);
  });

  test('a tool call comes whole in a stream', async () => {
    const parts: ChatResponse[] = [];
    for await (const part of await client.chat({
      model,
      messages: ask(card.weather.question),
      tools: [weather],
      options: greedy,
      stream: true,
    }))
      parts.push(part);
    expect(parts.map(({ message }) => message.content).join('')).toBe('');
    expect(parts.flatMap(({ message }) => message.tool_calls ?? [])).toMatchObject([
      { function: { name: 'get_weather', arguments: card.weather.arguments } },
    ]);
    expect(parts.at(-1)?.done).toBe(true);
  });

  test('abort() in mid-stream ends it and frees the slot on the holder', async () => {
    const stream = await client.chat({ model, ...endless, stream: true });
    let parts = 0;
    const reading = (async () => {
      for await (const _part of stream) if (++parts === 3) stream.abort();
    })();
    expect((await rejection(reading)).name).toBe('AbortError');
    expect(parts).toBeGreaterThanOrEqual(3);
    await untilSlotsFree(setup.holder);
    const { question, answer } = card.france;
    const next = await client.generate({ model, prompt: question, options: greedy });
    expect(next.response).toBe(answer);
  });
});

describe('errors the npm client of Ollama reports', () => {
  test('an unknown model is a ResponseError with status 404', async () => {
    for (const call of [
      client.chat({ model: 'nope', messages: ask('Hi') }),
      client.generate({ model: 'nope', prompt: 'Hi' }),
      client.show({ model: 'nope' }),
    ]) {
      const error = await rejection(call);
      expect(error).toMatchObject({ name: 'ResponseError', status_code: 404 });
      expect(error.message).toBe("model 'nope' not found");
    }
    const streamed = await rejection(client.chat({ model: 'nope', messages: ask('Hi'), stream: true }));
    expect(streamed).toMatchObject({ name: 'ResponseError', status_code: 404 });
  });

  test('a wrong option is a ResponseError with status 400 in the words of Ollama', async () => {
    const error = await rejection(
      client.generate({ model, prompt: 'Hi', options: { temperature: 'hot' as unknown as number } }),
    );
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 400 });
    expect(error.message).toBe('option "temperature" must be of type float32');
  });

  test('no token and a wrong one are ResponseErrors with status 401 that say what to do', async () => {
    for (const other of [clientWith(undefined), clientWith('not.a.token')]) {
      const error = await rejection(other.chat({ model, messages: ask('Hi') }));
      expect(error).toMatchObject({ name: 'ResponseError', status_code: 401 });
      expect(error.message).toContain('/api/v1/auth/login');
    }
  });
});
