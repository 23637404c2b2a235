import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, usageOf, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => api.play([{ type: 'text', text: 'Hello' }, done()]));

const path = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'Hi' }];
const body = { model: 'm', messages };
const tool = (name: string) => ({ type: 'function', function: { name, parameters: { type: 'object' } } });

const refusal = async (fields: object): Promise<unknown> => {
  const answer = await api.post(path, { ...body, ...fields });
  const { error } = answer.json() as { error: { param: string | null; code: string } };
  return [answer.status, error.code, error.param];
};

describe('what the engine is asked for', () => {
  test('OpenAI names become ours, with its defaults', async () => {
    await api.post(path, body, { 'x-request-id': 'r' });
    expect(api.requests).toEqual([
      {
        id: 'r',
        model: 'm:latest',
        user: 'anna',
        truncate: false,
        shift: false,
        sampling: { temperature: 1, topP: 1 },
        input: { kind: 'chat', messages },
      },
    ]);
    await api.post(path, {
      ...body,
      temperature: 0,
      top_p: 0.5,
      top_k: 7,
      min_p: 0.1,
      typical_p: 0.9,
      seed: 3,
      stop: 'end',
      presence_penalty: 1,
      frequency_penalty: -1,
      repeat_penalty: 1.1,
      logit_bias: { 42: -100 },
      max_tokens: 5,
      max_completion_tokens: 9,
      logprobs: true,
      top_logprobs: 2,
      response_format: { type: 'json_object' },
      reasoning_effort: 'minimal',
    });
    expect(api.requests[1]).toMatchObject({
      sampling: {
        temperature: 0,
        topP: 0.5,
        topK: 7,
        minP: 0.1,
        typicalP: 0.9,
        seed: 3,
        stop: ['end'],
        presencePenalty: 1,
        frequencyPenalty: -1,
        repeatPenalty: 1.1,
        logitBias: { 42: -100 },
        maxTokens: 9,
        topLogprobs: 2,
      },
      format: { type: 'json' },
      input: { think: 'low' },
    });
  });

  test.each([
    ['text', 'one two', 'one two'],
    [
      'parts',
      [
        { type: 'text', text: 'one' },
        { type: 'text', text: ' two' },
      ],
      'one two',
    ],
  ])(
    'a prediction in %s is passed on, and how much of it came true is told',
    async (_name, content, prediction) => {
      const usage = { ...usageOf(10, 4), guesses: { right: 3, wrong: 5 } };
      api.play([{ type: 'text', text: 'one two' }, done('stop', usage)]);
      const given = { ...body, prediction: { type: 'content', content } };
      const details = { reasoning_tokens: 0, accepted_prediction_tokens: 3, rejected_prediction_tokens: 5 };
      const whole = await api.post(path, given);
      expect(api.requests[0]).toMatchObject({ prediction });
      expect(whole.json()).toMatchObject({ usage: { completion_tokens_details: details } });
      api.play([{ type: 'text', text: 'one two' }, done('stop', usage)]);
      const streamed = await api.post(path, {
        ...given,
        stream: true,
        stream_options: { include_usage: true },
      });
      expect(streamed.events().at(-1)).toMatchObject({ usage: { completion_tokens_details: details } });
      // Guesses of the agent's own are nothing that OpenAI's usage knows.
      api.play([{ type: 'text', text: 'one two' }, done('stop', usage)]);
      expect((await api.post(path, body)).json()).not.toHaveProperty('usage.completion_tokens_details');
    },
  );

  test('each answer of several has an id and a seed of its own', async () => {
    await api.post(path, { ...body, n: 3, seed: 5 }, { 'x-request-id': 'r' });
    expect(api.requests.map(({ id, sampling }) => [id, sampling.seed])).toEqual([
      ['r', 5],
      ['r-1', 6],
      ['r-2', 7],
    ]);
  });

  test.each([
    ['auto', {}],
    ['none', { toolChoice: 'none' }],
    ['required', { toolChoice: 'required' }],
    [{ type: 'function', function: { name: 'b' } }, { toolChoice: { name: 'b' } }],
  ])('tool_choice %j', async (choice, expected) => {
    await api.post(path, { ...body, tools: [tool('a'), tool('b')], tool_choice: choice });
    expect(api.requests[0]?.input).toEqual({
      kind: 'chat',
      messages,
      tools: [
        { name: 'a', parameters: { type: 'object' } },
        { name: 'b', parameters: { type: 'object' } },
      ],
      ...expected,
    });
  });

  test('only allowed tools are offered, one call at a time when asked for', async () => {
    await api.post(path, {
      ...body,
      tools: [tool('a'), tool('b')],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'b' } }] },
      },
      parallel_tool_calls: false,
    });
    expect(api.requests[0]?.input).toMatchObject({
      tools: [{ name: 'b' }],
      toolChoice: 'required',
      parallelToolCalls: false,
    });
  });

  test('messages keep thinking, calls and their answers', async () => {
    await api.post(path, {
      ...body,
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be ' },
            { type: 'text', text: 'brief.' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'Hm.',
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'a', arguments: '{"z":1,"b":2}' } }],
        },
        { role: 'tool', tool_call_id: 'c', name: 'a', content: '7' },
      ],
    });
    expect(api.requests[0]?.input).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'assistant',
          content: '',
          thinking: 'Hm.',
          toolCalls: [{ id: 'c', name: 'a', arguments: { z: 1, b: 2 } }],
        },
        { role: 'tool', content: '7', toolName: 'a', toolCallId: 'c' },
      ],
    });
  });

  test('a grammar of the request is handed on', async () => {
    await api.post(path, { ...body, grammar: 'root ::= "a"' });
    expect(api.requests[0]?.format).toEqual({ type: 'gbnf', grammar: 'root ::= "a"' });
  });
});

test.each([
  ['a tool that is not there', { tool_choice: { type: 'function', function: { name: 'x' } } }, 'tool_choice'],
  ['a call without tools', { tool_choice: 'required' }, 'tool_choice'],
  ['alternatives without log probabilities', { top_logprobs: 2 }, 'top_logprobs'],
  ['two forms at once', { grammar: 'root ::= "a"', response_format: { type: 'json_object' } }, 'grammar'],
  ['a bias beyond the bounds', { logit_bias: { 1: 200 } }, 'logit_bias[1]'],
  ['an effort nobody knows', { reasoning_effort: 'huge' }, 'reasoning_effort'],
  [
    'arguments that are no JSON',
    { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'a', arguments: '{' } }] }] },
    'messages[0].tool_calls[0].function.arguments',
  ],
])('%s is refused by name', async (_what, fields, param) => {
  expect(await refusal(fields)).toEqual([400, 'invalid_request', param]);
  expect(api.requests).toEqual([]);
});

describe('parts of a message', () => {
  const image = (url: string): object => ({ type: 'image_url', image_url: { url, detail: 'high' } });
  const refusalOf = (part: object): Promise<unknown> =>
    refusal({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Look' }, part] }] });

  test('keep their images where they stand in the text', async () => {
    const content = [
      image('data:image/png;base64,AAAA'),
      { type: 'text', text: 'Look' },
      image('data:image/gif;base64,BBBB'),
    ];
    await api.post(path, { model: 'm', messages: [{ role: 'user', content }] });
    expect(api.requests.at(-1)?.input).toMatchObject({
      messages: [
        {
          role: 'user',
          content: 'Look',
          images: [
            { data: 'AAAA', at: 0 },
            { data: 'BBBB', at: 4 },
          ],
        },
      ],
    });
  });

  test('of which an image lies elsewhere are refused: nothing is fetched', async () => {
    expect(await refusalOf(image('https://example.com/a.png'))).toEqual([
      400,
      'invalid_request',
      'messages[0].content[1].image_url',
    ]);
  });

  test('that are neither text nor images are refused', async () => {
    expect(await refusalOf({ type: 'input_audio', input_audio: {} })).toEqual([
      400,
      'capability_missing',
      'messages[0].content[1].type',
    ]);
  });
});

const token = { token: 7, text: 'He', bytes: [72, 101], logprob: -0.5 };
const thought: readonly InferenceEvent[] = [
  { type: 'thinking', text: '123456' },
  { type: 'text', text: 'He', logprobs: [{ ...token, top: [token] }] },
  { type: 'tool_calls', calls: [{ name: 'a', arguments: { b: 1 } }] },
  done('tool_calls', { ...usageOf(10, 15, 6), thinkingTokens: 6 }),
];
const openAiToken = { token: 'He', logprob: -0.5, bytes: [72, 101] };
const logprobs = { content: [{ ...openAiToken, top_logprobs: [openAiToken] }], refusal: null };

describe('what the client is told', () => {
  test('everything at once', async () => {
    api.play(thought);
    const answer = await api.post(
      path,
      { ...body, logprobs: true, top_logprobs: 1 },
      { 'x-request-id': 'r' },
    );
    expect(answer.json()).toEqual({
      id: 'chatcmpl-r',
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'm',
      system_fingerprint: 'fp_ollamamax',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'He',
            refusal: null,
            reasoning_content: '123456',
            tool_calls: [{ id: 'call_r_0', type: 'function', function: { name: 'a', arguments: '{"b":1}' } }],
          },
          logprobs,
          finish_reason: 'tool_calls',
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 15,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 6 },
        completion_tokens_details: { reasoning_tokens: 6 },
      },
    });
  });

  test('the same in pieces', async () => {
    api.play(thought);
    const answer = await api.post(
      path,
      { ...body, stream: true, stream_options: { include_usage: true }, logprobs: true },
      { 'x-request-id': 'r' },
    );
    expect(answer.text.endsWith('data: [DONE]\n\n')).toBe(true);
    const chunks = answer.events() as { choices: object[]; usage: unknown }[];
    expect(chunks.flatMap(({ choices }) => choices)).toEqual([
      { index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null },
      { index: 0, delta: { reasoning_content: '123456' }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: 'He' }, logprobs, finish_reason: null },
      {
        index: 0,
        delta: {
          tool_calls: [
            { index: 0, id: 'call_r_0', type: 'function', function: { name: 'a', arguments: '' } },
          ],
        },
        logprobs: null,
        finish_reason: null,
      },
      {
        index: 0,
        delta: { tool_calls: [{ index: 0, function: { arguments: '{"b":1}' } }] },
        logprobs: null,
        finish_reason: null,
      },
      { index: 0, delta: {}, logprobs: null, finish_reason: 'tool_calls' },
    ]);
    expect(chunks.at(-1)?.usage).toMatchObject({
      total_tokens: 25,
      completion_tokens_details: { reasoning_tokens: 6 },
    });
  });

  test('several answers count the prompt once, whole and streamed', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18 };
    expect((await api.post(path, { ...body, n: 2 })).json()).toMatchObject({
      choices: [{ index: 0 }, { index: 1 }],
      usage,
    });
    const streamed = await api.post(path, {
      ...body,
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = streamed.events() as { choices: { index: number; delta: { content?: string } }[] }[];
    for (const index of [0, 1])
      expect(
        chunks
          .flatMap(({ choices }) => choices)
          .filter((choice) => choice.index === index)
          .map(({ delta }) => delta.content ?? '')
          .join(''),
      ).toBe('Hello');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage });
    expect(streamed.text.match(/\[DONE\]/g)).toHaveLength(1);
  });
});
