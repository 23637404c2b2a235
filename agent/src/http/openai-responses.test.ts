import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, usageOf, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => api.play([{ type: 'text', text: 'Hello' }, done()]));

const path = '/v1/responses';
const body = { model: 'm', input: 'Hi' };
const id = { 'x-request-id': 'r' };

describe('the input', () => {
  test('is a text, behind the instructions', async () => {
    await api.post(path, {
      ...body,
      instructions: 'Be brief.',
      max_output_tokens: 7,
      temperature: 0,
      reasoning: { effort: 'none' },
      text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' } } },
      tools: [{ type: 'function', name: 'a', parameters: null, strict: true }],
      tool_choice: { type: 'function', name: 'a' },
      parallel_tool_calls: false,
    });
    expect(api.requests[0]).toMatchObject({
      truncate: false,
      shift: false,
      sampling: { temperature: 0, topP: 1, maxTokens: 7 },
      format: { type: 'json_schema', schema: { type: 'object' } },
      input: {
        kind: 'chat',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
        ],
        tools: [{ name: 'a' }],
        toolChoice: { name: 'a' },
        parallelToolCalls: false,
        think: false,
      },
    });
  });

  test('is items, of which those of the model become one message each turn', async () => {
    const call = (callId: string) => ({
      type: 'function_call',
      id: `fc_${callId}`,
      call_id: callId,
      name: 'add',
      arguments: '{"a":1}',
      status: 'completed',
    });
    await api.post(path, {
      ...body,
      truncation: 'auto',
      input: [
        { role: 'developer', content: 'Count.' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'One and one?' }] },
        { type: 'reasoning', id: 'rs', summary: [], content: [{ type: 'reasoning_text', text: 'Add.' }] },
        { type: 'message', id: 'x', role: 'assistant', content: [{ type: 'output_text', text: 'So:' }] },
        call('c1'),
        call('c2'),
        { type: 'function_call_output', call_id: 'c1', output: '2' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: '2' }] },
        { role: 'assistant', content: 'Two.' },
        { role: 'user', content: 'Sure?' },
      ],
    });
    expect(api.requests[0]?.truncate).toBe(true);
    expect(api.requests[0]?.input).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Count.' },
        { role: 'user', content: 'One and one?' },
        {
          role: 'assistant',
          content: 'So:',
          thinking: 'Add.',
          toolCalls: [
            { id: 'c1', name: 'add', arguments: { a: 1 } },
            { id: 'c2', name: 'add', arguments: { a: 1 } },
          ],
        },
        { role: 'tool', content: '2', toolCallId: 'c1', toolName: 'add' },
        { role: 'tool', content: '2', toolCallId: 'c2', toolName: 'add' },
        { role: 'assistant', content: 'Two.' },
        { role: 'user', content: 'Sure?' },
      ],
    });
  });

  test.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }, 'send the whole input'],
    ['conversation', { conversation: 'conv_1' }, 'send the whole input'],
    ['store', { store: true }, 'send the whole input'],
    ['background', { background: true }, 'wait for the answer'],
    ['input[0]', { input: [{ type: 'item_reference', id: 'x' }] }, 'send the item itself'],
  ])('%s is refused: there is no memory', async (param, fields, what) => {
    const answer = await api.post(path, { ...body, ...fields });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { code: 'invalid_request', param, message: expect.stringContaining(what) },
    });
  });
});

const everything: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Hm' },
  { type: 'thinking', text: 'm.' },
  { type: 'text', text: 'He' },
  { type: 'text', text: 'llo' },
  { type: 'tool_calls', calls: [{ name: 'a', arguments: { b: 1 } }] },
  done('tool_calls', { ...usageOf(10, 15, 6), thinkingTokens: 4 }),
];
const items = [
  {
    type: 'reasoning',
    id: 'rs_r_0',
    status: 'completed',
    summary: [],
    content: [{ type: 'reasoning_text', text: 'Hmm.' }],
  },
  {
    type: 'message',
    id: 'msg_r_1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Hello', annotations: [], logprobs: [] }],
  },
  {
    type: 'function_call',
    id: 'fc_r_2',
    call_id: 'call_r_3',
    name: 'a',
    arguments: '{"b":1}',
    status: 'completed',
  },
];
const usage = {
  input_tokens: 10,
  input_tokens_details: { cached_tokens: 6, cache_write_tokens: 0 },
  output_tokens: 15,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 25,
};

describe('the answer', () => {
  test('comes whole', async () => {
    api.play(everything);
    const answer = await api.post(path, body, id);
    expect(answer.json()).toEqual({
      id: 'resp_r',
      object: 'response',
      created_at: expect.any(Number),
      completed_at: expect.any(Number),
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      model: 'm',
      output: items,
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: 1,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
      usage,
      user: null,
      metadata: {},
    });
  });

  test('comes as events in order, each item opened and closed', async () => {
    api.play(everything);
    const answer = await api.post(path, { ...body, stream: true }, id);
    const events = answer.events() as { type: string; sequence_number: number; output_index?: number }[];
    expect(events.map(({ type, output_index: at }) => (at === undefined ? type : `${type} ${at}`))).toEqual(
      [
        'created',
        'in_progress',
        'output_item.added 0',
        'content_part.added 0',
        'reasoning_text.delta 0',
        'reasoning_text.delta 0',
        'reasoning_text.done 0',
        'content_part.done 0',
        'output_item.done 0',
        'output_item.added 1',
        'content_part.added 1',
        'output_text.delta 1',
        'output_text.delta 1',
        'output_text.done 1',
        'content_part.done 1',
        'output_item.done 1',
        'output_item.added 2',
        'function_call_arguments.delta 2',
        'function_call_arguments.done 2',
        'output_item.done 2',
        'completed',
      ].map((name) => `response.${name}`),
    );
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    expect(answer.text.match(/^event: .*$/gm)).toEqual(events.map(({ type }) => `event: ${type}`));
    expect(events[0]).toMatchObject({ response: { status: 'in_progress', output: [], usage: null } });
    expect(events.at(-1)).toMatchObject({ response: { status: 'completed', output: items, usage } });
    expect(answer.text).not.toContain('[DONE]');
  });

  test('is incomplete when it has come to its length', async () => {
    api.play([{ type: 'text', text: 'Hel' }, done('length')]);
    expect((await api.post(path, body)).json()).toMatchObject({
      status: 'incomplete',
      completed_at: null,
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ type: 'message', status: 'incomplete' }],
    });
    const streamed = await api.post(path, { ...body, stream: true });
    expect(streamed.events().at(-1)).toMatchObject({ type: 'response.incomplete' });
  });

  test('of no text is an empty message', async () => {
    api.play([done()]);
    expect((await api.post(path, body)).json()).toMatchObject({
      output: [{ type: 'message', content: [{ text: '' }] }],
    });
  });

  test('has log probabilities when they are asked for', async () => {
    const token = { token: 1, text: 'He', bytes: [72, 101], logprob: -1 };
    api.play([{ type: 'text', text: 'He', logprobs: [{ ...token, top: [token] }] }, done()]);
    const told = { token: 'He', bytes: [72, 101], logprob: -1 };
    const answer = await api.post(path, {
      ...body,
      include: ['message.output_text.logprobs'],
      top_logprobs: 1,
    });
    expect(api.requests[0]?.sampling.topLogprobs).toBe(1);
    expect(answer.json()).toMatchObject({
      output: [{ content: [{ logprobs: [{ ...told, top_logprobs: [told] }] }] }],
    });
  });

  test('that breaks off says so twice: as an error and as a failed response', async () => {
    api.play([
      { type: 'text', text: 'Hel' },
      { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
    ]);
    const events = (await api.post(path, { ...body, stream: true })).events();
    expect(events.slice(-2)).toMatchObject([
      { type: 'error', code: 'runner_crashed', message: expect.stringContaining('The runner crashed.') },
      { type: 'response.failed', response: { status: 'failed', error: { code: 'server_error' } } },
    ]);
  });
});
