import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, usageOf, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => api.play([{ type: 'text', text: 'Hello' }, done()]));

const usage = usageOf(10, 4, 6);
const logprobs = [{ token: 1, text: 'He', bytes: [72, 101], logprob: -1, top: [] }];
const calls = [{ name: 'add', arguments: { a: 1 } }];
const everything: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Hm.' },
  { type: 'text', text: 'He', logprobs },
  { type: 'tool_calls', calls },
  { type: 'done', reason: 'stop', usage, stopSequence: 'end' },
];
const ended = { finishReason: 'stop', stopSequence: 'end', usage };

test('generate hands its fields to the engine and answers whole', async () => {
  api.play(everything);
  const answer = await api.post(
    '/api/v1/generate',
    {
      model: 'm',
      prompt: [1, 2],
      system: 's',
      suffix: 'x',
      template: 't',
      raw: false,
      think: 'high',
      options: { temperature: 0, logitBias: { 5: -100 }, topLogprobs: 1, keepTokens: -1 },
      format: { type: 'gbnf', grammar: 'root ::= "a"' },
      contextSize: 512,
      truncate: false,
      shift: true,
      keepAlive: '5m',
    },
    { 'x-request-id': 'r' },
  );
  expect(api.requests).toEqual([
    {
      id: 'r',
      model: 'm:latest',
      user: 'anna',
      sampling: { temperature: 0, logitBias: { 5: -100 }, topLogprobs: 1, keepTokens: -1 },
      format: { type: 'gbnf', grammar: 'root ::= "a"' },
      contextSize: 512,
      truncate: false,
      shift: true,
      keepAliveSeconds: 300,
      input: {
        kind: 'prompt',
        prompt: [1, 2],
        system: 's',
        suffix: 'x',
        template: 't',
        raw: false,
        think: 'high',
      },
    },
  ]);
  expect(answer.json()).toEqual({
    id: 'r',
    model: 'm:latest',
    text: 'He',
    thinking: 'Hm.',
    logprobs,
    ...ended,
  });
});

test('chat hands its fields to the engine and answers whole', async () => {
  api.play(everything);
  const input = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [{ name: 'add' }],
    toolChoice: 'required',
    parallelToolCalls: false,
    think: true,
  };
  const answer = await api.post('/api/v1/chat', { model: 'm', ...input }, { 'x-request-id': 'r' });
  expect(api.requests[0]?.input).toEqual({ kind: 'chat', ...input });
  expect(answer.json()).toEqual({
    id: 'r',
    model: 'm:latest',
    message: { role: 'assistant', content: 'He', thinking: 'Hm.', toolCalls: calls },
    logprobs,
    ...ended,
  });
});

test('both stream events', async () => {
  const bodies = [
    ['/api/v1/generate', { prompt: 'Hi' }],
    ['/api/v1/chat', { messages: [{ role: 'user', content: 'Hi' }] }],
  ] as const;
  for (const [path, body] of bodies) {
    api.play(everything);
    const answer = await api.post(path, { model: 'm', ...body, stream: true });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    expect(answer.events()).toEqual([
      { type: 'thinking', text: 'Hm.' },
      { type: 'text', text: 'He', logprobs },
      { type: 'tool_calls', toolCalls: calls },
      { type: 'done', ...ended },
    ]);
  }
});

test('an error in a stream is a problem of RFC 9457', async () => {
  api.play([
    { type: 'text', text: 'He' },
    { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
  ]);
  const answer = await api.post('/api/v1/generate', { model: 'm', prompt: 'Hi', stream: true });
  expect(answer.events().at(-1)).toMatchObject({
    type: 'error',
    error: { code: 'runner_crashed', detail: 'The runner crashed.', instance: '/api/v1/generate' },
  });
});

test.each([
  ['a', ['a']],
  [[1, 2], [[1, 2]]],
  [
    ['a', [3]],
    ['a', [3]],
  ],
  [[], []],
])('embeddings of %j', async (input, inputs) => {
  const embeddings = inputs.map(() => [0.6, 0.8]);
  api.play([{ type: 'embeddings', embeddings }, done('stop', usageOf(3, 0))]);
  const answer = await api.post('/api/v1/embeddings', { model: 'm', input, normalize: false });
  expect(api.requests[0]?.input).toEqual({ kind: 'embed', inputs, truncate: true, normalize: false });
  expect(answer.json()).toEqual({ model: 'm:latest', embeddings, usage: { promptTokens: 3 } });
});

test('texts become tokens and tokens texts', async () => {
  api.play([{ type: 'tokens', tokens: [1, 2] }, done()]);
  const tokens = await api.post('/api/v1/tokenize', { model: 'm', text: 'Hi', add_special: true });
  expect(tokens.json()).toEqual({ tokens: [1, 2] });
  expect(api.requests[0]?.input).toEqual({
    kind: 'tokenize',
    text: 'Hi',
    addSpecial: true,
    parseSpecial: true,
  });
  api.play([{ type: 'text', text: 'Hi' }, done()]);
  const text = await api.post('/api/v1/detokenize', { model: 'm', tokens: [1, 2] });
  expect(text.json()).toEqual({ text: 'Hi' });
  expect(api.requests[0]?.input).toEqual({ kind: 'detokenize', tokens: [1, 2] });
});

test('a conversation becomes a prompt', async () => {
  api.play([{ type: 'text', text: '<user>Hi' }, { type: 'tokens', tokens: [1, 2] }, done()]);
  const messages = [{ role: 'user', content: 'Hi' }];
  const answer = await api.post('/api/v1/apply-template', { model: 'm', messages, think: false });
  expect(api.requests[0]?.input).toEqual({ kind: 'render', messages, think: false });
  expect(answer.json()).toEqual({ prompt: '<user>Hi', tokens: [1, 2] });
});

test('fields that are not known are refused by name', async () => {
  const answer = await api.post('/api/v1/generate', { model: 'm', prompt: 'Hi', options: { temprature: 1 } });
  expect([answer.status, answer.json()]).toMatchObject([
    400,
    { code: 'invalid_request', param: 'options.temprature' },
  ]);
});
