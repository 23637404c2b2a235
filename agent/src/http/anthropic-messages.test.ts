import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, errorCatalogue, type InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, token, usageOf, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => api.play([{ type: 'text', text: 'Hello' }, done()]));

const path = '/v1/messages';
const messages = [{ role: 'user', content: 'Hi' }];
const body = { model: 'm', max_tokens: 2000, messages };
const id = { 'x-request-id': 'r' };
const tools = [{ name: 'add', description: 'Adds.', input_schema: { type: 'object' } }];

describe('what the engine is asked for', () => {
  test('Anthropic names become ours; models do not think without a word of it', async () => {
    await api.post(path, { ...body, system: 'Be brief.' });
    expect(api.requests[0]).toMatchObject({
      truncate: false,
      shift: false,
      sampling: { temperature: 1, topP: 1, maxTokens: 2000 },
      input: {
        kind: 'chat',
        messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
        think: false,
      },
    });
    await api.post(path, {
      ...body,
      system: [
        { type: 'text', text: 'One.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Two.' },
      ],
      stop_sequences: ['end'],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 3,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      metadata: { user_id: 'u' },
    });
    expect(api.requests[1]).toMatchObject({
      sampling: { temperature: 0.5, topP: 0.9, topK: 3, stop: ['end'] },
      format: { type: 'json_schema', schema: { type: 'object' } },
      input: { messages: [{ content: 'One.\n\nTwo.' }, ...messages], think: 'low' },
    });
  });

  test.each([
    [{ thinking: { type: 'enabled', budget_tokens: 5000 } }, 'medium'],
    [{ thinking: { type: 'enabled', budget_tokens: 16_384 } }, 'high'],
    [{ thinking: { type: 'adaptive' } }, true],
    [{ thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }, 'high'],
    [{ thinking: { type: 'disabled' }, output_config: { effort: 'low' } }, false],
  ])('%j is so much thinking', async (fields, think) => {
    await api.post(path, { ...body, max_tokens: 20_000, ...fields });
    expect(api.requests[0]?.input).toMatchObject({ think });
  });

  test.each([
    [{ type: 'auto' }, {}],
    [
      { type: 'any', disable_parallel_tool_use: true },
      { toolChoice: 'required', parallelToolCalls: false },
    ],
    [{ type: 'tool', name: 'add' }, { toolChoice: { name: 'add' } }],
    [{ type: 'none' }, { toolChoice: 'none' }],
  ])('tool_choice %j', async (choice, expected) => {
    await api.post(path, { ...body, tools, tool_choice: choice });
    expect(api.requests[0]?.input).toEqual({
      kind: 'chat',
      messages,
      tools: [{ name: 'add', description: 'Adds.', parameters: { type: 'object' } }],
      think: false,
      ...expected,
    });
  });

  test('blocks become messages: results of tools first, then what the user says', async () => {
    await api.post(path, {
      ...body,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'One' },
            { type: 'text', text: 'Two' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: '' },
            { type: 'redacted_thinking', data: 'x' },
            { type: 'text', text: 'So:' },
            { type: 'tool_use', id: 't1', name: 'add', input: { a: 1 } },
            { type: 'tool_use', id: 't2', name: 'add', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: '2' }] },
            { type: 'tool_result', tool_use_id: 't2', content: 'no a', is_error: true },
            { type: 'text', text: 'Sure?' },
          ],
        },
      ],
    });
    expect(api.requests[0]?.input).toMatchObject({
      messages: [
        { role: 'user', content: 'One\n\nTwo' },
        {
          role: 'assistant',
          content: 'So:',
          thinking: 'Hm.',
          toolCalls: [
            { id: 't1', name: 'add', arguments: { a: 1 } },
            { id: 't2', name: 'add', arguments: {} },
          ],
        },
        { role: 'tool', content: '2', toolCallId: 't1', toolName: 'add' },
        { role: 'tool', content: 'Error: no a', toolCallId: 't2', toolName: 'add' },
        { role: 'user', content: 'Sure?' },
      ],
    });
  });
});

const everything: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Hmm.' },
  { type: 'text', text: 'He' },
  { type: 'text', text: 'llo' },
  { type: 'tool_calls', calls: [{ id: 't', name: 'add', arguments: { b: 1 } }] },
  done('tool_calls', { ...usageOf(10, 19, 6), thinkingTokens: 4 }),
];
const usage = {
  input_tokens: 4,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 6,
  output_tokens: 19,
  output_tokens_details: { thinking_tokens: 4 },
  server_tool_use: null,
};
const call = { type: 'tool_use', id: 't', name: 'add', caller: { type: 'direct' } };

describe('what the client is told', () => {
  test('everything at once', async () => {
    api.play(everything);
    const answer = await api.post(path, body, id);
    expect(answer.headers.get('request-id')).toBe('r');
    expect(answer.json()).toEqual({
      id: 'msg_r',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [
        { type: 'thinking', thinking: 'Hmm.', signature: '' },
        { type: 'text', text: 'Hello', citations: null },
        { ...call, input: { b: 1 } },
      ],
      container: null,
      stop_details: null,
      stop_reason: 'tool_use',
      stop_sequence: null,
      diagnostics: null,
      usage: { ...usage, cache_creation: null, inference_geo: null, service_tier: null, speed: null },
    });
  });

  test('the same in named events, block by block', async () => {
    api.play(everything);
    const answer = await api.post(path, { ...body, stream: true }, id);
    const events = answer.events();
    expect(answer.text.match(/^event: .*$/gm)).toEqual(events.map(({ type }) => `event: ${String(type)}`));
    expect(events[0]).toMatchObject({
      type: 'message_start',
      message: { id: 'msg_r', content: [], stop_reason: null },
    });
    expect(events.slice(1)).toEqual([
      { type: 'ping' },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'thinking', thinking: '', signature: '' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hmm.' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: '' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'He' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'llo' } },
      { type: 'content_block_stop', index: 1 },
      { type: 'content_block_start', index: 2, content_block: { ...call, input: {} } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"b":1}' } },
      { type: 'content_block_stop', index: 2 },
      {
        type: 'message_delta',
        delta: { container: null, stop_details: null, stop_reason: 'tool_use', stop_sequence: null },
        usage,
      },
      { type: 'message_stop' },
    ]);
  });

  test('why it stopped: a sequence only when the client asked for that one', async () => {
    const stopped = async (fields: object, events: readonly InferenceEvent[]): Promise<unknown> => {
      api.play(events);
      const { stop_reason: reason, stop_sequence: sequence } = (
        await api.post(path, { ...body, ...fields })
      ).json();
      return [reason, sequence];
    };
    const atEnd: InferenceEvent = { type: 'done', reason: 'stop', usage: usageOf(1, 1), stopSequence: 'end' };
    expect(await stopped({ stop_sequences: ['end'] }, [atEnd])).toEqual(['stop_sequence', 'end']);
    expect(await stopped({}, [atEnd])).toEqual(['end_turn', null]);
    expect(await stopped({}, [done()])).toEqual(['end_turn', null]);
    expect(await stopped({}, [done('length')])).toEqual(['max_tokens', null]);
  });

  test('how many tokens a conversation has', async () => {
    api.play([{ type: 'text', text: '<user>Hi' }, { type: 'tokens', tokens: [1, 2, 3] }, done()]);
    const answer = await api.post(`${path}/count_tokens`, {
      model: 'm',
      system: 'Be brief.',
      messages,
      tools,
    });
    expect(api.requests[0]?.input).toMatchObject({
      kind: 'render',
      messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
      tools: [{ name: 'add' }],
    });
    expect(answer.json()).toEqual({ input_tokens: 3 });
  });
});

describe('errors', () => {
  const errorOf = async (fields: object, headers = {}): Promise<unknown[]> => {
    const answer = await api.post(path, { ...body, ...fields }, { ...id, ...headers });
    const {
      type,
      error,
      request_id: requestId,
    } = answer.json() as {
      type: string;
      error: { type: string; message: string };
      request_id: string;
    };
    expect([type, requestId]).toEqual(['error', 'r']);
    return [answer.status, error.type, answer.headers.get('x-ollamamax-error'), error.message];
  };
  const image = { type: 'image', source: { type: 'url', url: 'x' } };

  test.each([
    [{ max_tokens: undefined }, 'max_tokens is required'],
    [{ max_tokens: 1024, thinking: { type: 'enabled', budget_tokens: 1024 } }, 'less than max_tokens'],
    [{ tool_choice: { type: 'any' } }, 'there are no tools'],
    [
      { messages: [{ role: 'assistant', content: [{ type: 'tool_result', tool_use_id: 't' }] }] },
      'of the user',
    ],
    [{ messages: [{ role: 'user', content: [{ type: 'thinking', thinking: 'x' }] }] }, 'of the assistant'],
  ])('%j is an invalid request', async (fields, message) => {
    expect(await errorOf(fields)).toEqual([
      400,
      'invalid_request_error',
      'invalid_request',
      expect.stringContaining(message),
    ]);
  });

  test('images elsewhere are refused, in messages and in results of tools: nothing is fetched', async () => {
    for (const block of [image, { type: 'tool_result', tool_use_id: 't', content: [image] }])
      expect(await errorOf({ messages: [{ role: 'user', content: [block] }] })).toEqual([
        400,
        'invalid_request_error',
        'invalid_request',
        expect.stringContaining('An image of type url is not fetched'),
      ]);
  });

  test.each(['document', 'search_result'])('a block of type %s is refused', async (type) => {
    expect(await errorOf({ messages: [{ role: 'user', content: [{ type }] }] })).toEqual([
      400,
      'invalid_request_error',
      'capability_missing',
      expect.stringContaining(`"m" takes only text here, not ${type}.`),
    ]);
  });

  test.each([
    ['model_not_found', 'not_found_error'],
    ['queue_full', 'overloaded_error'],
    ['runner_crashed', 'api_error'],
    ['deadline_exceeded', 'timeout_error'],
  ] as const)('%s is of type %s', async (code, type) => {
    api.play(() => {
      throw new ApiError(code);
    });
    expect((await errorOf({})).slice(0, 3)).toEqual([errorCatalogue[code].status, type, code]);
  });

  test('end a stream that has begun', async () => {
    api.play([
      { type: 'text', text: 'Hel' },
      { type: 'error', error: { code: 'agent_draining', message: 'Going away.' } },
    ]);
    const answer = await api.post(path, { ...body, stream: true }, id);
    expect(answer.text).toContain('event: error\n');
    expect(answer.events().at(-1)).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });
});

test('the token is taken from x-api-key as well', async () => {
  const send = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${api.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
  expect(await send({ 'x-api-key': token })).toBe(200);
  expect(await send({ authorization: `Bearer ${token}` })).toBe(200);
  expect(await send({ 'x-api-key': 'another' })).toBe(401);
  expect(await send({})).toBe(401);
  // The word of Anthropic's clients and of nobody else's.
  const openai = await fetch(`${api.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'x-api-key': token },
    body: JSON.stringify({ model: 'm', messages }),
  });
  expect(openai.status).toBe(401);
});
