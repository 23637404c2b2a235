import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, usageOf, type InferenceApi } from './inference-api.fixture.ts';

const usage = usageOf(10, 3, 4);
let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());

const likely = (text: string) => ({ token: 1, text, bytes: [...Buffer.from(text)], logprob: -0.5 });

const events: readonly InferenceEvent[] = [
  { type: 'thinking', text: 'Hm' },
  { type: 'thinking', text: '.' },
  { type: 'text', text: 'Hel', logprobs: [{ ...likely('Hel'), top: [likely('Hel'), likely('Ho')] }] },
  { type: 'text', text: 'lo', logprobs: [{ ...likely('lo'), top: [] }] },
  { type: 'tool_calls', calls: [{ id: 'call_1', name: 'a', arguments: { z: 1, b: 2 } }] },
  { type: 'tool_calls', calls: [{ name: 'b', arguments: {} }] },
  { type: 'done', reason: 'tool_calls', usage, context: [1, 2] },
];

const token = (text: string) => ({ token: text, logprob: -0.5, bytes: [...Buffer.from(text)] });
const first = [{ ...token('Hel'), top_logprobs: [token('Hel'), token('Ho')] }];
const second = [token('lo')];
const callA = { id: 'call_1', function: { index: 0, name: 'a', arguments: { z: 1, b: 2 } } };
const callB = {
  id: expect.stringMatching(/^call_[a-z0-9]{8}$/),
  function: { index: 1, name: 'b', arguments: {} },
};
const counters = {
  total_duration: 7_000,
  load_duration: 1_000,
  prompt_eval_count: 10,
  prompt_eval_duration: 2_000,
  eval_count: 3,
  eval_duration: 3_000,
};
const end = { done: true, done_reason: 'stop' };
const messages = [{ role: 'user', content: 'Hi' }];

/** Names of the fields in their order, of inner objects too. */
const order = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? undefined
    : Object.entries(value).map(([name, part]) => [name, order(part)]);

describe('a whole answer', () => {
  test('of generate has its fields in the order of Ollama', async () => {
    api.play(events);
    const { lines, type, text } = await api.post('/api/generate', {
      model: 'Tiny',
      prompt: 'Hi',
      stream: false,
    });
    expect(type).toBe('application/json; charset=utf-8');
    expect(lines()).toEqual([
      {
        model: 'Tiny',
        response: 'Hello',
        thinking: 'Hm.',
        ...end,
        context: [1, 2],
        ...counters,
        tool_calls: [callA, callB],
        logprobs: [...first, ...second],
      },
    ]);
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      ...['model', 'created_at', 'response', 'thinking', 'done', 'done_reason', 'context'],
      ...['total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration'],
      ...['eval_count', 'eval_duration', 'tool_calls', 'logprobs'],
    ]);
  });

  test('of chat has its fields in the order of Ollama', async () => {
    api.play(events);
    const { lines, text } = await api.post('/api/chat', { model: 'tiny', messages, stream: false });
    expect(lines()).toEqual([
      {
        model: 'tiny',
        message: { role: 'assistant', content: 'Hello', thinking: 'Hm.', tool_calls: [callA, callB] },
        ...end,
        logprobs: [...first, ...second],
        ...counters,
      },
    ]);
    expect(order(JSON.parse(text))).toMatchObject([
      ['model'],
      ['created_at'],
      ['message', [['role'], ['content'], ['thinking'], ['tool_calls']]],
      ['done'],
      ['done_reason'],
      ['logprobs'],
      ['total_duration'],
      ['load_duration'],
      ['prompt_eval_count'],
      ['prompt_eval_duration'],
      ['eval_count'],
      ['eval_duration'],
    ]);
    expect(text).toContain('"arguments":{"z":1,"b":2}');
  });

  test('leaves out what is zero, but not how long it took', async () => {
    api.play([
      { type: 'done', reason: 'length', usage: { ...usage, loadNs: 0, completionTokens: 0, evalNs: 0 } },
    ]);
    const { lines } = await api.post('/api/generate', { model: 'tiny', prompt: 'Hi', stream: false });
    expect(lines()).toEqual([
      {
        model: 'tiny',
        response: '',
        done: true,
        done_reason: 'length',
        total_duration: 7_000,
        load_duration: 0,
        prompt_eval_count: 10,
        prompt_eval_duration: 2_000,
      },
    ]);
  });

  test.each(['load', 'unload'] as const)(
    'to a request that only does %s is one object without counters',
    async (reason) => {
      api.play([{ type: 'done', reason, usage }]);
      const answer = await api.post('/api/generate', { model: 'tiny' });
      expect(answer.type).toBe('application/json; charset=utf-8');
      expect(answer.lines()).toEqual([{ model: 'tiny', response: '', done: true, done_reason: reason }]);
      expect((await api.post('/api/chat', { model: 'tiny' })).lines()).toEqual([
        { model: 'tiny', message: { role: 'assistant', content: '' }, done: true, done_reason: reason },
      ]);
    },
  );
});

describe('a stream', () => {
  test('of generate has a line for each event', async () => {
    api.play(events);
    const { lines, type } = await api.post('/api/generate', { model: 'tiny', prompt: 'Hi' });
    expect(type).toBe('application/x-ndjson');
    const line = (fields: object) => ({ model: 'tiny', response: '', done: false, ...fields });
    expect(lines()).toEqual([
      line({ thinking: 'Hm' }),
      line({ thinking: '.' }),
      line({ response: 'Hel', logprobs: first }),
      line({ response: 'lo', logprobs: second }),
      line({ tool_calls: [callA] }),
      line({ tool_calls: [callB] }),
      line({ ...end, context: [1, 2], ...counters }),
    ]);
  });

  test('of chat has a line for each event', async () => {
    api.play(events);
    const { lines } = await api.post('/api/chat', { model: 'tiny', messages });
    const line = (message: object, fields: object = {}) => ({
      model: 'tiny',
      message: { role: 'assistant', content: '', ...message },
      done: false,
      ...fields,
    });
    expect(lines()).toEqual([
      line({ thinking: 'Hm' }),
      line({ thinking: '.' }),
      line({ content: 'Hel' }, { logprobs: first }),
      line({ content: 'lo' }, { logprobs: second }),
      line({ tool_calls: [callA] }),
      line({ tool_calls: [callB] }),
      line({}, { ...end, ...counters }),
    ]);
  });

  test('tells where the request stands only to who asks for it', async () => {
    api.play([
      { type: 'queue', position: 3, expectedWaitSeconds: 1.2 },
      { type: 'text', text: 'x' },
      done('stop', usage),
    ]);
    const body = { model: 'tiny', messages };
    const told = await api.post('/api/chat', body, { 'x-report-queue': 'true' });
    expect(told.text.split('\n')[0]).toBe('{"status":"queued","position":3,"expected_wait":1.2}');
    expect(told.lines()).toHaveLength(3);
    expect(api.requests.at(-1)).toMatchObject({ reportQueue: true });

    api.play([{ type: 'text', text: 'x' }, done('stop', usage)]);
    expect((await api.post('/api/chat', body)).lines()).toHaveLength(2);
    expect(api.requests.at(-1)).not.toHaveProperty('reportQueue');
  });

  test('that breaks ends with a line that says why', async () => {
    api.play([
      { type: 'text', text: 'x' },
      { type: 'error', error: { code: 'runner_crashed', message: 'The runner ended.' } },
    ]);
    const { status, lines } = await api.post('/api/generate', { model: 'tiny', prompt: 'Hi' });
    expect(status).toBe(200);
    expect(lines().at(-1)).toEqual({
      error: expect.stringMatching(/^The runner ended\. /),
      code: 'runner_crashed',
      request_id: expect.any(String),
    });
  });
});

describe('embeddings', () => {
  const vectors = [
    [0.6, 0.8],
    [1, 0],
  ];

  test('of embed come with counters, one vector for each text', async () => {
    api.play([{ type: 'embeddings', embeddings: vectors }, done('stop', usage)]);
    const { text } = await api.post('/api/embed', { model: 'tiny', input: ['a', 'b'] });
    expect(text).toBe(
      '{"model":"tiny","embeddings":[[0.6,0.8],[1,0]],"total_duration":7000,"load_duration":1000,"prompt_eval_count":10}',
    );
  });

  test('of embed are none when there is no text', async () => {
    api.play([{ type: 'done', reason: 'load', usage }]);
    expect((await api.post('/api/embed', { model: 'tiny', input: '' })).text).toBe(
      '{"model":"tiny","embeddings":[]}',
    );
  });

  test('of the old route are one vector and nothing else', async () => {
    api.play([{ type: 'embeddings', embeddings: vectors.slice(0, 1) }, done('stop', usage)]);
    expect((await api.post('/api/embeddings', { model: 'tiny', prompt: 'a' })).text).toBe(
      '{"embedding":[0.6,0.8]}',
    );
    api.play([{ type: 'done', reason: 'load', usage }]);
    expect((await api.post('/api/embeddings', { model: 'tiny' })).text).toBe('{"embedding":[]}');
  });
});
