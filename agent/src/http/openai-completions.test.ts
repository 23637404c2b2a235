import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, usageOf, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() =>
  api.play(({ input }) =>
    input.kind === 'detokenize'
      ? [{ type: 'text', text: `<${input.tokens.join(' ')}>` }, done()]
      : [{ type: 'text', text: '!' }, done()],
  ),
);

const path = '/v1/completions';
const body = { model: 'm', prompt: 'Hi' };

interface Choice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: unknown;
}
const choicesOf = (answer: Record<string, unknown>): Choice[] => answer.choices as Choice[];

describe('prompts', () => {
  test.each([
    ['a text', 'Hi', ['Hi']],
    ['texts', ['a', 'b'], ['a', 'b']],
    ['tokens', [1, 2], [[1, 2]]],
    ['lists of tokens', [[1], [2, 3]], [[1], [2, 3]]],
  ])('%s', async (_what, prompt, expected) => {
    const answer = await api.post(path, { ...body, prompt });
    expect(api.requests.map(({ input }) => input)).toEqual(
      expected.map((one) => ({ kind: 'prompt', prompt: one, raw: true })),
    );
    expect(choicesOf(answer.json()).map(({ index, text }) => [index, text])).toEqual(
      expected.map((_one, index) => [index, '!']),
    );
    expect(new Set(api.requests.map(({ id }) => id)).size).toBe(expected.length);
  });

  test('come back with echo, tokens as the text they stand for', async () => {
    const answer = await api.post(path, { ...body, prompt: [[1, 2], [3]], echo: true, n: 2 });
    expect(choicesOf(answer.json()).map(({ text }) => text)).toEqual(['<1 2>!', '<1 2>!', '<3>!', '<3>!']);
    expect(answer.json()).toMatchObject({ usage: { prompt_tokens: 20, completion_tokens: 16 } });

    const streamed = await api.post(path, { ...body, echo: true, stream: true });
    expect(streamed.events().flatMap((chunk) => choicesOf(chunk).map(({ text }) => text))).toEqual([
      'Hi',
      '!',
      '',
    ]);
  });

  test('with a suffix have the gap filled, and answers are short unless told', async () => {
    await api.post(path, { ...body, suffix: ' end' });
    await api.post(path, { ...body, max_tokens: 99 });
    expect(api.requests[0]).toMatchObject({
      input: { kind: 'prompt', prompt: 'Hi', suffix: ' end' },
      sampling: { maxTokens: 16 },
    });
    expect(api.requests[1]?.sampling.maxTokens).toBe(99);
  });
});

const token = (text: string, bytes: number[], logprob: number) => ({ token: 1, text, bytes, logprob });
const one = token('He', [72, 101], -1);
const half = token('\uFFFD', [0xe2, 0x82], -2);
const withLogprobs: readonly InferenceEvent[] = [
  { type: 'text', text: 'He', logprobs: [{ ...one, top: [one, token('Ho', [72, 111], -3)] }] },
  { type: 'text', text: '€', logprobs: [{ ...half, top: [] }] },
  done('length', usageOf(10, 2)),
];

describe('log probabilities', () => {
  test('are lists side by side', async () => {
    api.play(withLogprobs);
    const answer = await api.post(path, { ...body, logprobs: 2 });
    expect(api.requests[0]?.sampling.topLogprobs).toBe(2);
    expect(answer.json()).toMatchObject({
      object: 'text_completion',
      choices: [
        {
          text: 'He€',
          finish_reason: 'length',
          logprobs: {
            tokens: ['He', 'bytes:\\xe2\\x82'],
            token_logprobs: [-1, -2],
            top_logprobs: [{ He: -1, Ho: -3 }, { 'bytes:\\xe2\\x82': -2 }],
            text_offset: [0, 2],
          },
        },
      ],
    });
  });

  test('go on counting in a stream', async () => {
    api.play(withLogprobs);
    const streamed = await api.post(path, {
      ...body,
      logprobs: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = streamed.events();
    expect(chunks.flatMap((chunk) => choicesOf(chunk).map(({ logprobs }) => logprobs))).toMatchObject([
      { text_offset: [0] },
      { text_offset: [2] },
      null as unknown as object,
    ]);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
    });
  });
});

test.each([
  ['more candidates than answers', { best_of: 3 }, 'best_of'],
  ['more answers than can be held', { prompt: Array.from({ length: 100 }, () => 'a'), n: 100 }, 'n'],
  ['echo with log probabilities', { echo: true, logprobs: 1 }, 'echo'],
  ['six alternatives', { logprobs: 6 }, 'logprobs'],
  ['no prompt at all', { prompt: [] }, 'prompt'],
  ['texts and tokens in one', { prompt: ['a', 1] }, 'prompt[1]'],
])('%s is refused', async (_what, fields, param) => {
  const answer = await api.post(path, { ...body, ...fields });
  expect([answer.status, answer.json()]).toMatchObject([
    400,
    { error: { code: 'invalid_request', param: expect.stringContaining(param.split('[')[0] ?? '') } },
  ]);
});

describe('embeddings', () => {
  const vectors = [
    [0.5, -1],
    [0.25, 2],
  ];
  const input = ['a', 'b'];
  beforeEach(() => api.play([{ type: 'embeddings', embeddings: vectors }, done('stop', usageOf(5, 0))]));

  test('as numbers and as 32-bit floats', async () => {
    const answer = await api.post('/v1/embeddings', { model: 'm', input, dimensions: 2 });
    expect(api.requests[0]?.input).toEqual({
      kind: 'embed',
      inputs: input,
      truncate: false,
      normalize: true,
      dimensions: 2,
    });
    expect(answer.json()).toEqual({
      object: 'list',
      data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
      model: 'm',
      usage: { prompt_tokens: 5, total_tokens: 5 },
    });
    const packed = await api.post('/v1/embeddings', { model: 'm', input, encoding_format: 'base64' });
    const { data } = packed.json() as { data: { embedding: string }[] };
    expect(data.map(({ embedding }) => Buffer.from(embedding, 'base64').toString('hex'))).toEqual([
      '0000003f000080bf',
      '0000803e00000040',
    ]);
  });

  test('of tokens', async () => {
    await api.post('/v1/embeddings', { model: 'm', input: [1, 2] });
    await api.post('/v1/embeddings', { model: 'm', input: [[1], [2]] });
    expect(api.requests.map((request) => request.input)).toMatchObject([
      { inputs: [[1, 2]] },
      { inputs: [[1], [2]] },
    ]);
  });
});

test('documents are ranked, best first, with their text when asked for', async () => {
  api.play([{ type: 'scores', scores: [-1, 3, 2] }, done('stop', usageOf(9, 0))]);
  const documents = ['a', { text: 'b' }, 'c'];
  const answer = await api.post('/v1/rerank', {
    model: 'm',
    query: 'q',
    documents,
    top_n: 2,
    return_documents: true,
  });
  expect(api.requests[0]?.input).toEqual({ kind: 'rerank', query: 'q', documents: ['a', 'b', 'c'] });
  expect(answer.json()).toEqual({
    model: 'm',
    object: 'list',
    usage: { prompt_tokens: 9, total_tokens: 9 },
    results: [
      { index: 1, relevance_score: 3, document: { text: 'b' } },
      { index: 2, relevance_score: 2, document: { text: 'c' } },
    ],
  });
  const all = await api.post('/v1/rerank', { model: 'm', query: 'q', documents });
  expect(all.json()).toMatchObject({ results: [{ index: 1 }, { index: 2 }, { index: 0 }] });
});
