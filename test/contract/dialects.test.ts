import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { routes, type InferenceEvent, type InferenceRequest, type Route, type RouteId } from '@ollamamax/api';
import {
  done,
  startInferenceApi,
  usageOf,
  type InferenceApi,
} from '../../agent/src/http/inference-api.fixture.ts';
import { errorProblems } from './agent-client.ts';
import { routeCalls } from './route-calls.ts';
import { problemsOf } from './strict-validator.ts';

/*
 * Every field that an engine can bring, in the dialects that tell of it: the models of the other tests neither think
 * nor rank. An answer that has a field its schema does not name fails.
 */

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());

const token = { token: 7, text: 'He', bytes: [72, 101], logprob: -0.5 };

const everything = ({ input, sampling }: InferenceRequest): InferenceEvent[] => {
  const logprobs = sampling.topLogprobs === undefined ? {} : { logprobs: [{ ...token, top: [token] }] };
  switch (input.kind) {
    case 'chat':
      return [
        { type: 'thinking', text: 'Hm' },
        { type: 'thinking', text: 'm.' },
        { type: 'text', text: 'He', ...logprobs },
        { type: 'text', text: 'He', ...logprobs },
        {
          type: 'tool_calls',
          calls: [
            { id: 'one', name: 'a', arguments: { b: 1 } },
            { name: 'a', arguments: {} },
          ],
        },
        { type: 'done', reason: 'tool_calls', usage: usageOf(10, 20, 3), stopSequence: 'end' },
      ];
    case 'embed':
      return [{ type: 'embeddings', embeddings: input.inputs.map(() => [0.6, 0.8]) }, done()];
    case 'rerank':
      return [{ type: 'scores', scores: input.documents.map((_, index) => index) }, done()];
    case 'tokenize':
      return [{ type: 'tokens', tokens: [1, 2] }, done()];
    case 'render':
      return [{ type: 'text', text: 'Hi' }, { type: 'tokens', tokens: [1, 2] }, done()];
    default:
      return [{ type: 'text', text: 'He', ...logprobs }, done('length')];
  }
};

/** Fields that make a route tell all it can. */
const asksForAll: Partial<Record<RouteId, object>> = {
  chatCompletions: { n: 2, logprobs: true, top_logprobs: 1 },
  responses: {
    include: ['message.output_text.logprobs'],
    top_logprobs: 1,
    instructions: 'Be brief.',
    tools: [{ type: 'function', name: 'a', parameters: { type: 'object' }, defer_loading: true }],
    tool_choice: { type: 'function', name: 'a' },
    reasoning: { effort: 'low', summary: 'auto' },
    text: { format: { type: 'json_schema', name: 'n', schema: { type: 'object' } }, verbosity: 'low' },
    metadata: { a: 'b' },
    user: 'u',
  },
  completions: { n: 2, logprobs: 1 },
  openaiEmbeddings: { encoding_format: 'base64' },
  rerank: { return_documents: true },
  messages: { stop_sequences: ['end'] },
  nativeGenerate: { options: { topLogprobs: 1 } },
  nativeChat: { options: { topLogprobs: 1 } },
};

const ours = (Object.entries(routes) as [RouteId, Route][]).filter(
  ([id, route]) =>
    route.method === 'post' &&
    (route.dialect === 'openai' ||
      route.dialect === 'anthropic' ||
      [
        'nativeGenerate',
        'nativeChat',
        'nativeEmbeddings',
        'tokenize',
        'detokenize',
        'applyTemplate',
      ].includes(id)),
);
const streaming = ours.filter(([, route]) => route.streams !== undefined);

const bodyOf = (id: RouteId): object => ({ ...routeCalls[id].body, ...asksForAll[id] });

describe('an engine that brings everything', () => {
  beforeAll(() => api.play(everything));

  test.each(ours)('is told whole by %s as its schema says', async (id, route) => {
    const answer = await api.post(route.path, bodyOf(id));
    expect(answer.status).toBe(200);
    expect(problemsOf(route.response ?? {}, answer.json())).toEqual([]);
  });

  test.each(streaming)('is told in pieces by %s as its schema says', async (id, route) => {
    const usage = route.dialect === 'openai' ? { stream_options: { include_usage: true } } : {};
    const answer = await api.post(route.path, { ...bodyOf(id), stream: true, ...usage });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = answer.events();
    expect(events.length).toBeGreaterThan(1);
    expect(events.flatMap((event) => problemsOf(route.streamItem ?? {}, event))).toEqual([]);
  });
});

test.each(streaming)('an engine that breaks off is told by %s in its dialect', async (id, route) => {
  api.play([
    { type: 'text', text: 'He' },
    { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
  ]);
  const answer = await api.post(route.path, { ...bodyOf(id), stream: true });
  const events = answer.events();
  expect(answer.text).toContain('The runner crashed.');
  // Of OpenAI's own shape is the error of the older routes, which is no chunk.
  const isChunk = id !== 'chatCompletions' && id !== 'completions';
  const last = events.at(-1);
  expect(isChunk ? problemsOf(route.streamItem ?? {}, last) : errorProblems('openai', last)).toEqual([]);
});
