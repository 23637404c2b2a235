import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ollama, type ChatResponse } from 'ollama';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import { card, weatherFunction } from './model-card.ts';
import { embedder } from './one-holder-cluster.ts';
import { rejection } from './rejection.ts';

const model = 'tiny';
const greedy = { temperature: 0 };
const hello = [{ role: 'user', content: card.hello.question }];

let cluster: LocalCluster;
let client: Ollama;

beforeAll(async () => {
  cluster = await startLocalCluster({
    models: [{ name: model, source: { file: tinyModel } }, embedder],
  });
  await untilServing(cluster);
  client = new Ollama({ host: cluster.agent('agent-0').api });
}, 120_000);

afterAll(async () => {
  await cluster.stop();
});

const length = (vector: readonly number[]): number => Math.hypot(...vector);
const likeness = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

describe('embeddings for the npm client of Ollama', () => {
  test('embed gives a vector of length 1 for each text, close for texts that mean the same', async () => {
    const { embeddings, prompt_eval_count: tokens } = await client.embed({
      model: embedder.name,
      input: ['What is the capital of France?', 'Tell me the capital of France.', 'Spell the word cat.'],
    });
    expect(embeddings).toHaveLength(3);
    for (const vector of embeddings) expect(length(vector)).toBeCloseTo(1, 4);
    const [asked = [], askedOtherwise = [], other = []] = embeddings;
    expect(likeness(asked, askedOtherwise)).toBeGreaterThan(likeness(asked, other));
    expect(tokens).toBeGreaterThan(3);
  });

  test('embed with fewer dimensions gives the beginning of the vector, scaled again', async () => {
    const [whole = []] = (await client.embed({ model: embedder.name, input: 'Hi' })).embeddings;
    const [short = []] = (await client.embed({ model: embedder.name, input: 'Hi', dimensions: 16 }))
      .embeddings;
    expect(short).toHaveLength(16);
    expect(length(short)).toBeCloseTo(1, 4);
    expect(likeness(short, whole.slice(0, 16)) / length(whole.slice(0, 16))).toBeCloseTo(1, 4);
  });

  test('the old route gives the same vector, not scaled', async () => {
    const [scaled = []] = (await client.embed({ model: embedder.name, input: 'Hi' })).embeddings;
    const { embedding } = await client.embeddings({ model: embedder.name, prompt: 'Hi' });
    expect(likeness(embedding, scaled) / length(embedding)).toBeCloseTo(1, 4);
    expect(Math.abs(length(embedding) - 1)).toBeGreaterThan(0.01);
  });

  test('a text that is too long is a ResponseError when it may not be cut', async () => {
    const error = await rejection(
      client.embed({ model: embedder.name, input: 'hello world '.repeat(2000), truncate: false }),
    );
    expect(error).toMatchObject({
      name: 'ResponseError',
      status_code: 400,
      message: 'input exceeds maximum context length',
    });
  });
});

describe('answers with more for the npm client of Ollama', () => {
  test('log probabilities come for every token, with alternatives', async () => {
    const { logprobs = [], eval_count: count } = await client.generate({
      model,
      prompt: card.france.question,
      options: { ...greedy, num_predict: 4 },
      logprobs: true,
      top_logprobs: 3,
    });
    expect(logprobs).toHaveLength(count);
    expect(card.france.answer.startsWith(logprobs.map(({ token }) => token).join(''))).toBe(true);
    for (const { token, logprob, top_logprobs: top = [] } of logprobs) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top).toHaveLength(3);
      // Greedy: the token is the most likely one.
      expect(top[0]).toMatchObject({ token, logprob });
    }
  });

  test('log probabilities of a stream add up to those of the whole answer', async () => {
    const request = {
      model,
      messages: hello,
      options: { ...greedy, num_predict: 5 },
      logprobs: true,
      top_logprobs: 0,
    };
    const { logprobs: whole } = await client.chat(request);
    const parts: ChatResponse[] = [];
    for await (const part of await client.chat({ ...request, stream: true })) parts.push(part);
    expect(parts.flatMap(({ logprobs }) => logprobs ?? []).map(({ token }) => token)).toEqual(
      whole?.map(({ token }) => token),
    );
  });

  test('the context of an answer goes on with what was said', async () => {
    const first = await client.generate({ model, prompt: 'My name is Anna.', options: greedy });
    expect(first.context.length).toBeGreaterThan(first.eval_count);
    const second = await client.generate({
      model,
      prompt: 'What is my name?',
      context: first.context,
      options: greedy,
    });
    expect(second.response).toBe('Your name is Anna.');
    expect(second.prompt_eval_count).toBeGreaterThan(first.context.length);
  });

  test('a template of the request is used instead of that of the model', async () => {
    const chatMl = '<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n';
    for (const template of [chatMl, chatMl.replace('{{ .Prompt }}', "{{ messages[0]['content'] }}")]) {
      const { response } = await client.generate({
        model,
        prompt: card.hello.question,
        template,
        options: greedy,
      });
      expect(response).toBe(card.hello.answer);
    }
  });

  test('tool calls have an id that a result can name', async () => {
    const tools = [{ type: 'function', function: weatherFunction }];
    const question = { role: 'user', content: card.weather.question };
    const { message } = await client.chat({ model, messages: [question], tools, options: greedy });
    expect(message.tool_calls).toMatchObject([
      { id: expect.stringMatching(/^call_/), function: { name: 'get_weather' } },
    ]);
    const answered = await client.chat({
      model,
      messages: [
        question,
        message,
        { role: 'tool', tool_name: 'get_weather', content: '{"temperature": 20, "sky": "sunny"}' },
      ],
      tools,
      options: greedy,
    });
    expect(answered.message.content).toMatch(/Paris|sunny|20/);
  });
});

describe('refusals for the npm client of Ollama', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    [
      'thinking of a model that cannot',
      () => client.chat({ model, messages: hello, think: true }),
      '"tiny" does not support thinking',
    ],
    [
      'a chat with a model of embeddings',
      () => client.chat({ model: embedder.name, messages: hello }),
      '"ollamamax-tiny-embed" does not support chat',
    ],
    [
      'raw with a system message',
      () => client.generate({ model, prompt: 'x', raw: true, system: 's' }),
      'raw mode does not support template, system, or context',
    ],
  ])('%s', async (_what, call, message) => {
    expect(await rejection(call())).toMatchObject({ name: 'ResponseError', status_code: 400, message });
  });
});
