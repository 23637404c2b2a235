import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { ask, card, model, weatherFunction } from './model-card.ts';
import { anna, startOneHolderCluster, type OneHolderCluster } from './one-holder-cluster.ts';

/* The newer routes with the real model behind them, over a hop. */

let setup: OneHolderCluster;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  // One place: whoever comes second waits.
  setup = await startOneHolderCluster({ user: anna, settings: { parallel: 1 } });
  const apiKey = setup.token ?? '';
  openai = new OpenAI({ apiKey, baseURL: `${setup.door.api}/v1` });
  anthropic = new Anthropic({ apiKey, baseURL: setup.door.api });
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
  const response = await fetch(`${setup.door.api}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${setup.token ?? ''}` },
    body: JSON.stringify({ model, ...body }),
  });
  return (await response.json()) as Record<string, unknown>;
};

describe('chat completions', () => {
  test('several answers, each with the probabilities of its tokens', async () => {
    const { choices, usage } = await openai.chat.completions.create({
      model,
      messages: ask(card.france.question),
      temperature: 0,
      n: 2,
      logprobs: true,
      top_logprobs: 3,
    });
    expect(choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, card.france.answer],
      [1, card.france.answer],
    ]);
    for (const { logprobs, message } of choices) {
      const tokens = logprobs?.content ?? [];
      expect(tokens.map(({ token }) => token).join('')).toBe(message.content);
      for (const { logprob, top_logprobs: top } of tokens) {
        expect(top).toHaveLength(3);
        // At temperature 0 the likeliest is taken.
        expect(logprob).toBeCloseTo(Math.max(...top.map((one) => one.logprob)), 5);
      }
    }
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  test('a call that is demanded comes, whatever was asked', async () => {
    for (const choice of ['required', { type: 'function', function: { name: 'get_weather' } }] as const) {
      const { choices } = await openai.chat.completions.create({
        model,
        messages: ask(card.hello.question),
        temperature: 0,
        max_completion_tokens: 200,
        tools: [{ type: 'function', function: weatherFunction }],
        tool_choice: choice,
      });
      expect(choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { tool_calls: [{ function: { name: 'get_weather' } }] },
      });
    }
  });

  test('a token that is forbidden does not come', async () => {
    const { tokens } = (await post('/api/v1/tokenize', { text: card.hello.answer })) as { tokens: number[] };
    const { choices } = await openai.chat.completions.create({
      model,
      messages: ask(card.hello.question),
      temperature: 0,
      max_completion_tokens: 20,
      logit_bias: { [tokens[0] ?? 0]: -100 },
    });
    expect(choices[0]?.message.content).not.toBe(card.hello.answer);
  });
});

test('a completion goes on with the prompt as it is, text or tokens', async () => {
  const { prompt, tokens } = (await post('/api/v1/apply-template', {
    messages: ask(card.france.question),
  })) as { prompt: string; tokens: number[] };
  for (const one of [prompt, tokens]) {
    const { choices } = await openai.completions.create({
      model,
      prompt: one,
      temperature: 0,
      max_tokens: 50,
      stop: ['<|'],
    });
    expect(choices[0]).toMatchObject({ text: card.france.answer, finish_reason: 'stop' });
  }
});

test('embeddings have length 1, and the same from text as from tokens', async () => {
  const { data, usage } = await openai.embeddings.create({ model, input: ['Hello!', 'Goodbye.'] });
  expect(data.map(({ index }) => index)).toEqual([0, 1]);
  expect(usage.prompt_tokens).toBeGreaterThan(1);
  for (const { embedding } of data) expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
  expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
  const { tokens } = (await post('/api/v1/tokenize', { text: 'Hello!', add_special: true })) as {
    tokens: number[];
  };
  const again = await openai.embeddings.create({ model, input: tokens });
  const [first] = again.data;
  expect(
    first?.embedding.map((value, at) => Math.abs(value - (data[0]?.embedding[at] ?? 9)) < 1e-3),
  ).not.toContain(false);
});

describe('responses', () => {
  const tools = [
    { type: 'function', ...weatherFunction, strict: true },
  ] satisfies OpenAI.Responses.FunctionTool[];

  test('come whole and in pieces', async () => {
    const body = { model, input: card.france.question, temperature: 0 };
    expect((await openai.responses.create(body)).output_text).toBe(card.france.answer);
    const streamed = await openai.responses.stream(body).finalResponse();
    expect(streamed.output_text).toBe(card.france.answer);
    expect(streamed.usage?.output_tokens).toBeGreaterThan(0);
  });

  test('call functions and go on with what they answer', async () => {
    const body = { model, temperature: 0, tools };
    const { output } = await openai.responses.create({ ...body, input: card.weather.question });
    const call = output.find((item) => item.type === 'function_call');
    expect(JSON.parse(call?.arguments ?? '{}')).toEqual(card.weather.arguments);
    if (call === undefined) return;
    const { output_text: text } = await openai.responses.create({
      ...body,
      input: [
        ...ask(card.weather.question),
        call,
        { type: 'function_call_output', call_id: call.call_id, output: 'sunny' },
      ],
    });
    expect(text).not.toBe('');
  });
});

describe('messages', () => {
  const body = { model, max_tokens: 100, temperature: 0 };
  const tools = [
    {
      name: weatherFunction.name,
      description: weatherFunction.description,
      input_schema: { ...weatherFunction.parameters, type: 'object' },
    },
  ] satisfies Anthropic.Tool[];

  test('come whole and in pieces', async () => {
    const whole = await anthropic.messages.create({ ...body, messages: ask(card.france.question) });
    expect(whole.content).toMatchObject([{ type: 'text', text: card.france.answer }]);
    expect(whole.stop_reason).toBe('end_turn');
    const stream = anthropic.messages.stream({ ...body, messages: ask(card.france.question) });
    const streamed = await stream.finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  test('stop where they were told to', async () => {
    const { content, ...rest } = await anthropic.messages.create({
      ...body,
      messages: ask(card.count.question),
      stop_sequences: ['3'],
    });
    expect(content).toMatchObject([{ text: '1, 2, ' }]);
    expect(rest).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: '3' });
  });

  test('use tools', async () => {
    const { content, stop_reason: reason } = await anthropic.messages.create({
      ...body,
      messages: ask(card.weather.question),
      tools,
    });
    expect(reason).toBe('tool_use');
    expect(content.at(-1)).toMatchObject({
      type: 'tool_use',
      name: 'get_weather',
      input: card.weather.arguments,
    });
  });

  test('are counted as the prompt they become', async () => {
    const messages = ask(card.france.question);
    const { input_tokens: counted } = await anthropic.messages.countTokens({ model, messages });
    const { usage } = await anthropic.messages.create({ ...body, messages });
    expect(counted).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
    const withTools = await anthropic.messages.countTokens({ model, messages, tools });
    expect(withTools.input_tokens).toBeGreaterThan(counted);
  });
});

test('a text comes back from its tokens', async () => {
  const text = 'Grüße aus 東京 🙂';
  const { tokens } = await post('/api/v1/tokenize', { text });
  expect(await post('/api/v1/detokenize', { tokens })).toEqual({ text });
});

test('a client that asks is told where it stands while it waits', async () => {
  const hog = await openai.chat.completions.create({
    model,
    messages: ask(card.hello.question),
    stream: true,
    max_completion_tokens: 1500,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'long', schema: { type: 'array', items: { enum: ['again'] }, minItems: 900 } },
    },
  });
  const chunks = hog[Symbol.asyncIterator]();
  await chunks.next();
  const response = await fetch(`${setup.door.api}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${setup.token ?? ''}`, 'x-report-queue': 'true' },
    body: JSON.stringify({ model, messages: ask(card.hello.question), temperature: 0, stream: true }),
  });
  // The answer has begun while the other one still runs.
  hog.controller.abort();
  expect(response.headers.get('x-queue-position')).toBe('0');
  const text = await response.text();
  expect(text).toMatch(/^: queue position=0 expected-wait=[\d.]+\n\n/);
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
});
