import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Anthropic, {
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
} from '@anthropic-ai/sdk';
import { ApiError, type InferenceEvent } from '@ollamamax/api';
import {
  done,
  startInferenceApi,
  token,
  usageOf,
  type InferenceApi,
} from '../../agent/src/http/inference-api.fixture.ts';
import { rejection } from './rejection.ts';

let api: InferenceApi;
let client: Anthropic;

beforeAll(async () => {
  api = await startInferenceApi();
  client = new Anthropic({ apiKey: token, baseURL: api.url, maxRetries: 0 });
});
afterAll(() => api.stop());

const everything: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Let me ' },
  { type: 'thinking', text: 'see.' },
  { type: 'text', text: 'It ' },
  { type: 'text', text: 'rains.' },
  { type: 'tool_calls', calls: [{ id: 't1', name: 'get_weather', arguments: { city: 'Paris' } }] },
  done('tool_calls', usageOf(12, 9, 2)),
];
beforeEach(() => api.play(everything));

const weather: Anthropic.Tool = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
};
const body = {
  model: 'm',
  max_tokens: 2000,
  messages: [{ role: 'user', content: 'How is the weather in Paris?' }],
  tools: [weather],
  thinking: { type: 'enabled', budget_tokens: 1024 },
} satisfies Anthropic.MessageCreateParams;

describe('messages for the npm client of Anthropic', () => {
  test('come whole, with the id of the request', async () => {
    const message = await client.messages.create(body, { headers: { 'x-request-id': 'r' } });
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'Let me see.' },
      { type: 'text', text: 'It rains.' },
      { type: 'tool_use', id: 't1', name: 'get_weather', input: { city: 'Paris' } },
    ]);
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      usage: { input_tokens: 10, cache_read_input_tokens: 2, output_tokens: 9 },
      _request_id: 'r',
    });
  });

  test('come in pieces that the client puts together to the same', async () => {
    const whole = await client.messages.create(body, { headers: { 'x-request-id': 'r' } });
    const stream = client.messages.stream(body, { headers: { 'x-request-id': 'r' } });
    const texts: string[] = [];
    stream.on('text', (text) => texts.push(text));
    const streamed = await stream.finalMessage();
    expect(texts).toEqual(['It ', 'rains.']);
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.usage).toMatchObject({ input_tokens: 10, output_tokens: 9 });
  });

  test('go on with what a tool has answered', async () => {
    const first = await client.messages.create(body);
    await client.messages.create({
      ...body,
      messages: [
        ...body.messages,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'rain' }] },
      ],
    });
    const input = api.requests.at(-1)?.input;
    expect(input?.kind === 'chat' ? input.messages.slice(1) : input).toEqual([
      {
        role: 'assistant',
        content: 'It rains.',
        thinking: 'Let me see.',
        toolCalls: [{ id: 't1', name: 'get_weather', arguments: { city: 'Paris' } }],
      },
      { role: 'tool', content: 'rain', toolCallId: 't1', toolName: 'get_weather' },
    ]);
  });

  test('are counted', async () => {
    api.play([{ type: 'text', text: 'x' }, { type: 'tokens', tokens: [1, 2, 3] }, done()]);
    const { messages, tools } = body;
    expect(await client.messages.countTokens({ model: 'm', messages, tools })).toMatchObject({
      input_tokens: 3,
    });
  });
});

describe('errors the npm client of Anthropic reports', () => {
  test.each([
    ['model_not_found', NotFoundError, 'not_found_error'],
    ['context_exceeded', BadRequestError, 'invalid_request_error'],
    ['queue_full', InternalServerError, 'overloaded_error'],
  ] as const)('%s', async (code, kind, type) => {
    api.play(() => {
      throw new ApiError(code);
    });
    const error = await rejection(client.messages.create(body));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ type, status: new ApiError(code).status });
  });

  test('a wrong key', async () => {
    const stranger = new Anthropic({ apiKey: 'sk-of-another-house', baseURL: api.url, maxRetries: 0 });
    const error = await rejection(stranger.messages.create(body));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toContain('/api/v1/auth/login');
  });

  test('one that comes in the middle of a stream', async () => {
    api.play([
      { type: 'text', text: 'It ' },
      { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
    ]);
    const error = await rejection(client.messages.stream(body).finalMessage());
    expect(error).toMatchObject({ type: 'api_error' });
    expect(error.message).toContain('The runner crashed.');
  });
});
