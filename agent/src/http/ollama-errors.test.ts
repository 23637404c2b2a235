import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApiError, type ErrorCode } from '@ollamamax/api';
import { done, startInferenceApi, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => {
  api.play([done()]);
});

const messages = [{ role: 'user', content: 'Hi' }];
const bodies = {
  '/api/generate': { prompt: 'Hi' },
  '/api/chat': { messages },
  '/api/embed': { input: 'Hi' },
  '/api/embeddings': { prompt: 'Hi' },
} as const;
type Path = keyof typeof bodies;

/** Asks with a body that is right but for these fields. @returns status and sentence */
const refusal = async (path: Path, fields: object): Promise<readonly [number, unknown]> => {
  const { status, lines } = await api.post(path, { model: 'tiny', ...bodies[path], ...fields });
  const [line = {}] = lines();
  expect(line).toEqual({
    error: expect.any(String),
    code: expect.any(String),
    request_id: expect.any(String),
  });
  return [status, line.error];
};

describe('what cannot be asked for is said in the words of Ollama', () => {
  test.each<[Path, object, string]>([
    ['/api/generate', { options: { temperature: 'hot' } }, 'option "temperature" must be of type float32'],
    ['/api/generate', { options: { num_ctx: 'x' } }, 'option "num_ctx" must be of type integer'],
    ['/api/chat', { options: { top_k: true } }, 'option "top_k" must be of type integer'],
    ['/api/chat', { options: { use_mmap: 3 } }, 'option "use_mmap" must be of type boolean'],
    ['/api/embed', { options: { stop: 'x' } }, 'option "stop" must be of type array'],
    ['/api/embeddings', { options: { stop: [1] } }, 'option "stop" must be of an array of strings'],
    ['/api/generate', { options: { top_p: 7 } }, 'option "top_p" must be <= 1'],
    [
      '/api/generate',
      { options: { stop: ['a', ''] } },
      'option "stop"[1] must NOT have fewer than 1 characters',
    ],
    ['/api/generate', { top_logprobs: 21 }, 'top_logprobs must be between 0 and 20'],
    ['/api/chat', { top_logprobs: -1 }, 'top_logprobs must be between 0 and 20'],
    [
      '/api/chat',
      { think: 'odd' },
      'invalid think value: "odd" (must be "high", "medium", "low", "max", true, or false)',
    ],
    [
      '/api/generate',
      { think: '' },
      'invalid think value: "" (must be "high", "medium", "low", "max", true, or false)',
    ],
    [
      '/api/generate',
      { format: 'xml' },
      String.raw`invalid format: "\"xml\""; expected "json" or a valid JSON Schema object`,
    ],
    ['/api/generate', { keep_alive: 'soon' }, 'time: invalid duration "soon"'],
    ['/api/embed', { keep_alive: '' }, 'time: invalid duration ""'],
    ['/api/generate', { raw: true, system: 's' }, 'raw mode does not support template, system, or context'],
    ['/api/generate', { raw: true, template: 't' }, 'raw mode does not support template, system, or context'],
    ['/api/generate', { raw: true, context: [1] }, 'raw mode does not support template, system, or context'],
    ['/api/embed', { input: [7] }, 'invalid input type'],
  ])('%s with %j', async (path, fields, sentence) => {
    expect(await refusal(path, fields)).toEqual([400, sentence]);
    expect(api.requests).toEqual([]);
  });

  test('a Go template that cannot be used names what can', async () => {
    const [status, sentence] = await refusal('/api/generate', { template: '{{ range .Messages }}{{ end }}' });
    expect([status, sentence]).toEqual([400, expect.stringContaining('send a Jinja template')]);
  });

  test('fields of the wrong type and roles nobody knows are named by their path', async () => {
    expect(await refusal('/api/generate', { prompt: 7 })).toEqual([
      400,
      expect.stringContaining('prompt must be string'),
    ]);
    expect(await refusal('/api/chat', { messages: [{ role: 'nobody', content: 'x' }] })).toEqual([
      400,
      expect.stringContaining('messages[0].role must be one of system, user, assistant, tool.'),
    ]);
  });
});

describe('what the engine refuses is said in the words of Ollama', () => {
  const notFound = "model 'Nobody' not found";
  const notFoundToEmbed = 'model "Nobody" not found, try pulling it first';
  test.each<[Path, ErrorCode, string, string | undefined, number, string]>([
    ['/api/generate', 'model_not_found', 'x', 'model', 404, notFound],
    ['/api/chat', 'model_not_found', 'x', 'model', 404, notFound],
    ['/api/embed', 'model_not_found', 'x', 'model', 404, notFoundToEmbed],
    ['/api/embeddings', 'model_not_found', 'x', 'model', 404, notFoundToEmbed],
    ['/api/generate', 'capability_missing', 'x', 'model', 400, '"Nobody" does not support generate'],
    ['/api/chat', 'capability_missing', 'x', 'model', 400, '"Nobody" does not support chat'],
    ['/api/embed', 'capability_missing', 'x', undefined, 400, '"Nobody" does not support embeddings'],
    ['/api/chat', 'capability_missing', 'x', 'think', 400, '"Nobody" does not support thinking'],
    [
      '/api/chat',
      'capability_missing',
      'The model does not support tools: its template has none.',
      undefined,
      400,
      'registry.ollama.ai/library/Nobody:latest does not support tools',
    ],
    [
      '/api/chat',
      'capability_missing',
      '"nobody:latest" does not support images.',
      undefined,
      400,
      '"Nobody" does not support images',
    ],
    ['/api/chat', 'capability_missing', 'Install llama-server.', 'images', 400, 'Install llama-server.'],
    [
      '/api/generate',
      'capability_missing',
      'x',
      'suffix',
      400,
      'registry.ollama.ai/library/Nobody:latest does not support insert',
    ],
    ['/api/chat', 'context_exceeded', 'x', undefined, 400, 'the input length exceeds the context length'],
    ['/api/embed', 'context_exceeded', 'x', undefined, 400, 'input exceeds maximum context length'],
    [
      '/api/chat',
      'queue_full',
      'x',
      undefined,
      503,
      'server busy, please try again.  maximum pending requests exceeded',
    ],
  ])('%s: %s', async (path, code, message, param, status, sentence) => {
    api.play(new ApiError(code, message, param === undefined ? {} : { param }));
    expect(await refusal(path, { model: 'Nobody' })).toEqual([status, sentence]);
  });

  test('and what Ollama has no words for in ours, with what to do', async () => {
    api.play(new ApiError('model_not_ready', 'No agent can serve it yet.'));
    expect(await refusal('/api/chat', {})).toEqual([
      503,
      expect.stringMatching(/^No agent can serve it yet\. Wait;/),
    ]);
  });

  test('a full queue tells when to come again', async () => {
    api.play(new ApiError('queue_full', 'x', { retryAfterSeconds: 2.2 }));
    const { status, headers, type } = await api.post('/api/chat', { model: 'tiny', messages });
    expect([status, headers.get('retry-after'), headers.get('x-ollamamax-error')]).toEqual([
      503,
      '3',
      'queue_full',
    ]);
    expect(type).toBe('application/json; charset=utf-8');
  });

  test('in the middle of a stream, too', async () => {
    api.play([
      { type: 'text', text: 'x' },
      { type: 'error', error: { code: 'context_exceeded', message: 'too long' } },
    ]);
    const { lines } = await api.post('/api/chat', { model: 'tiny', messages });
    expect(lines().at(-1)).toMatchObject({ error: 'the input length exceeds the context length' });
  });
});
