import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { InferenceRequest } from '@ollamamax/api';
import { done, startInferenceApi, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.play([done()]);
});

const requestOf = async (path: string, body: object): Promise<Omit<InferenceRequest, 'id' | 'user'>> => {
  const answer = await api.post(path, { model: 'tiny', stream: false, ...body });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  const [request] = api.requests.splice(0);
  if (request === undefined) throw new Error('nothing was asked of the engine');
  const { id: _id, user, ...rest } = request;
  expect(user).toBe('anna');
  return rest;
};

const model = 'tiny:latest';

describe('generate asks the engine for', () => {
  test.each<[string, object, object]>([
    ['a prompt', {}, {}],
    ['a system message', { system: 'Be kind.' }, { system: 'Be kind.' }],
    ['an empty system message', { system: '' }, {}],
    ['a gap that is filled', { suffix: 'end' }, { suffix: 'end' }],
    [
      'a Jinja template',
      { template: '{{ messages[0].content }}' },
      { template: '{{ messages[0].content }}' },
    ],
    ['an earlier exchange', { context: [1, 2, 3] }, { context: [1, 2, 3] }],
    ['no earlier exchange', { context: [] }, {}],
    ['a raw prompt', { raw: true }, { raw: true }],
    ['images', { images: ['AAAA'] }, { images: ['AAAA'] }],
    ['no images', { images: null }, {}],
    ['thinking', { think: true }, { think: true }],
    ['no thinking', { think: false }, { think: false }],
    ['a little thinking', { think: 'low' }, { think: 'low' }],
    ['as much thinking as there is', { think: 'max' }, { think: 'high' }],
    ['thinking as the model likes', { think: null }, {}],
  ])('%s', async (_what, body, input) => {
    expect(await requestOf('/api/generate', { prompt: 'Hi', ...body })).toEqual({
      model,
      input: { kind: 'prompt', prompt: 'Hi', ...input },
      sampling: {},
    });
  });

  test.each<[string, object, object]>([
    ['an empty prompt', { prompt: '' }, { input: { kind: 'load' } }],
    ['no prompt', {}, { input: { kind: 'load' } }],
    ['no prompt and a time', { keep_alive: '10m' }, { input: { kind: 'load' }, keepAliveSeconds: 600 }],
    ['no prompt and no time', { keep_alive: 0 }, { input: { kind: 'unload' }, keepAliveSeconds: 0 }],
  ])('the model alone with %s', async (_what, body, expected) => {
    expect(await requestOf('/api/generate', body)).toEqual({ model, sampling: {}, ...expected });
  });
});

describe('chat asks the engine for', () => {
  test('messages with everything they can have', async () => {
    const { input } = await requestOf('/api/chat', {
      messages: [
        { role: 'SYSTEM', content: 'Be kind.' },
        { role: 'user', content: 'Weather?', images: ['AAAA', 'BBBB'] },
        {
          role: 'assistant',
          content: null,
          thinking: 'Ask.',
          tool_calls: [{ id: 'c1', function: { index: 0, name: 'weather', arguments: { b: 1, a: 2 } } }],
        },
        { role: 'tool', content: 'sunny', tool_name: 'weather', tool_call_id: 'c1' },
      ],
      tools: [{ function: { name: 'weather', parameters: { type: 'object' } } }],
      think: 'high',
    });
    expect(input).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be kind.' },
        {
          role: 'user',
          content: 'Weather?',
          images: [
            { data: 'AAAA', at: 0 },
            { data: 'BBBB', at: 0 },
          ],
        },
        {
          role: 'assistant',
          content: '',
          thinking: 'Ask.',
          toolCalls: [{ id: 'c1', name: 'weather', arguments: { b: 1, a: 2 } }],
        },
        { role: 'tool', content: 'sunny', toolName: 'weather', toolCallId: 'c1' },
      ],
      tools: [{ name: 'weather', parameters: { type: 'object' } }],
      think: 'high',
    });
    expect(JSON.stringify(input)).toContain('{"b":1,"a":2}');
  });

  test('the model alone without messages', async () => {
    expect((await requestOf('/api/chat', { messages: [] })).input).toEqual({ kind: 'load' });
    expect((await requestOf('/api/chat', { messages: null })).input).toEqual({ kind: 'load' });
    expect((await requestOf('/api/chat', { keep_alive: '0s' })).input).toEqual({ kind: 'unload' });
  });
});

test('every option reaches the engine, and what has no meaning there only its type is looked at', async () => {
  const options = {
    num_keep: 5,
    seed: 7,
    num_predict: 9,
    top_k: 11,
    top_p: 0.5,
    min_p: 0.1,
    typical_p: 0.7,
    mirostat: 2,
    mirostat_tau: 4,
    mirostat_eta: 0.2,
    repeat_last_n: 33,
    temperature: 0.3,
    repeat_penalty: 1.2,
    presence_penalty: 0.4,
    frequency_penalty: 0.6,
    stop: ['\n'],
    num_ctx: 512,
    num_batch: 2,
    num_gpu: 0,
    main_gpu: 0,
    num_thread: 2,
    use_mmap: true,
  };
  expect(await requestOf('/api/generate', { options })).toEqual({
    model,
    input: { kind: 'load' },
    contextSize: 512,
    sampling: {
      keepTokens: 5,
      seed: 7,
      maxTokens: 9,
      topK: 11,
      topP: 0.5,
      minP: 0.1,
      typicalP: 0.7,
      mirostat: 2,
      mirostatTau: 4,
      mirostatEta: 0.2,
      repeatLastN: 33,
      temperature: 0.3,
      repeatPenalty: 1.2,
      presencePenalty: 0.4,
      frequencyPenalty: 0.6,
      stop: ['\n'],
    },
  });
  expect(api.warnings).toEqual([]);
});

test('unknown options are ignored with a warning, null ones silently, and numbers of whole options are cut', async () => {
  const { sampling } = await requestOf('/api/chat', {
    options: { tfs_z: 2, seed: 1.9, top_p: null, constructor: 1 },
  });
  expect(sampling).toEqual({ seed: 1 });
  expect(api.warnings).toMatchObject([
    ['unknown option ignored', { model, option: 'tfs_z' }],
    ['unknown option ignored', { model, option: 'constructor' }],
  ]);
});

test('logprobs, format, truncate, shift and keep_alive are passed on by generate and chat', async () => {
  for (const path of ['/api/generate', '/api/chat'])
    expect(
      await requestOf(path, {
        logprobs: true,
        top_logprobs: 20,
        format: { type: 'object' },
        truncate: false,
        shift: false,
        keep_alive: -1,
      }),
    ).toEqual({
      model,
      input: { kind: 'load' },
      sampling: { topLogprobs: 20 },
      format: { type: 'json_schema', schema: { type: 'object' } },
      truncate: false,
      shift: false,
      keepAliveSeconds: -1,
    });
  expect(await requestOf('/api/generate', { logprobs: true, format: 'json' })).toMatchObject({
    sampling: { topLogprobs: 0 },
    format: { type: 'json' },
  });
  expect(await requestOf('/api/generate', { top_logprobs: 3, format: '' })).toEqual({
    model,
    input: { kind: 'load' },
    sampling: {},
  });
});

describe('embed asks the engine for', () => {
  test.each<[string, object, object]>([
    ['a text', { input: 'a' }, { kind: 'embed', inputs: ['a'], truncate: true, normalize: true }],
    [
      'texts, short vectors and none cut',
      { input: ['a', 'b'], dimensions: 8, truncate: false },
      { kind: 'embed', inputs: ['a', 'b'], truncate: false, normalize: true, dimensions: 8 },
    ],
    [
      'whole vectors when no number of dimensions makes sense',
      { input: 'a', dimensions: 0 },
      { kind: 'embed', inputs: ['a'], truncate: true, normalize: true },
    ],
    ['the model with an empty text', { input: '' }, { kind: 'load' }],
    ['the model with an empty list', { input: [] }, { kind: 'load' }],
    ['the model with nothing', {}, { kind: 'load' }],
  ])('%s', async (_what, body, input) => {
    expect((await requestOf('/api/embed', body)).input).toEqual(input);
  });

  test('a text of the old route, not scaled, with its options', async () => {
    expect(
      await requestOf('/api/embeddings', { prompt: 'a', options: { num_ctx: 64 }, keep_alive: 5 }),
    ).toEqual({
      model,
      input: { kind: 'embed', inputs: ['a'], truncate: false, normalize: false },
      sampling: {},
      contextSize: 64,
      keepAliveSeconds: 5,
    });
    expect((await requestOf('/api/embeddings', { prompt: '' })).input).toEqual({ kind: 'load' });
  });
});
