import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { layerTypes } from '../../../agent/src/models/own/layer-types.ts';
import { TestRegistry } from '../../../agent/src/models/registry/registry.fixture.ts';
import {
  startLocalCluster,
  tinyModel,
  untilServing,
  type LocalCluster,
} from '../../harness/local-cluster.ts';
import { pictures } from '../../harness/pictures.ts';
import { tokensOfImage } from '../../harness/random-projector.ts';
import { modelCalls } from '../model-calls.ts';
import { seeingModel, type SeeingModel } from './seeing-model.ts';

let seeing: SeeingModel;
let cluster: LocalCluster;

beforeAll(async () => {
  seeing = await seeingModel();
  cluster = await startLocalCluster({
    models: [
      {
        name: 'seer',
        source: { file: tinyModel },
        projector: { source: { file: seeing.projector } },
        parameters: { num_ctx: 1024, temperature: 0 },
      },
      { name: 'blind', source: { file: tinyModel } },
    ],
    environment: { OLLAMAMAX_LLAMA_SERVER: seeing.llamaServer },
  });
  await untilServing(cluster);
}, 120_000);
afterAll(async () => {
  await cluster.stop();
  seeing.remove();
});

const { json, send, statuses } = modelCalls(() => cluster);
const ask = (path: string, body: object): Promise<unknown> => json('agent-0', 'POST', path, body);

const limits = { num_predict: 4 };

/** Tokens of the prompt of a question with so many images, as each dialect counts them. */
const dialects: Readonly<
  Record<string, (model: string, images: string[]) => Promise<{ answer: unknown; tokens: unknown }>>
> = {
  'chat of Ollama': async (model, images) => {
    const messages = [{ role: 'user', content: 'What is this?', images }];
    const answer = await ask('/api/chat', { model, messages, options: limits, stream: false });
    return { answer, tokens: (answer as { prompt_eval_count?: number }).prompt_eval_count };
  },
  'generate of Ollama': async (model, images) => {
    const body = { model, prompt: 'What is this?', images, options: limits, stream: false };
    const answer = await ask('/api/generate', body);
    return { answer, tokens: (answer as { prompt_eval_count?: number }).prompt_eval_count };
  },
  "OpenAI's chat": async (model, images) => {
    const content = [
      { type: 'text', text: 'What is this?' },
      ...images.map((data) => ({
        type: 'image_url',
        image_url: { url: `data:image/png;base64,${data}`, detail: 'low' },
      })),
    ];
    const messages = [{ role: 'user', content }];
    const answer = await ask('/v1/chat/completions', { model, messages, max_tokens: 4 });
    return { answer, tokens: (answer as { usage?: { prompt_tokens: number } }).usage?.prompt_tokens };
  },
  "OpenAI's responses": async (model, images) => {
    const content = [
      ...images.map((data) => ({ type: 'input_image', image_url: `data:image/png;base64,${data}` })),
      { type: 'input_text', text: 'What is this?' },
    ];
    const input = [{ role: 'user', content }];
    const answer = await ask('/v1/responses', { model, input, max_output_tokens: 16 });
    return { answer, tokens: (answer as { usage?: { input_tokens: number } }).usage?.input_tokens };
  },
  "Anthropic's messages": async (model, images) => {
    const content = [
      { type: 'text', text: 'What is this?' },
      ...images.map((data) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } })),
    ];
    const messages = [{ role: 'user', content }];
    const answer = await ask('/v1/messages', { model, messages, max_tokens: 4 });
    const { input_tokens: fresh = 0, cache_read_input_tokens: cached = 0 } =
      (answer as { usage?: { input_tokens?: number; cache_read_input_tokens?: number } }).usage ?? {};
    return { answer, tokens: fresh + cached };
  },
};

describe.each(Object.entries(dialects))('in the %s', (_name, question) => {
  test('an image is shown to a model that can see, and counted', async () => {
    const none = await question('seer', []);
    const one = await question('seer', [pictures.red]);
    expect(one.answer).toMatchObject({ http: 200 });
    expect(Number(one.tokens) - Number(none.tokens)).toBeGreaterThanOrEqual(tokensOfImage);
  });

  test('a model that cannot see says so', async () => {
    const { answer } = await question('blind', [pictures.red]);
    expect(JSON.stringify(answer)).toMatch(/blind(:latest)?\\" does not support images/);
    expect(answer).toMatchObject({ http: 400 });
  });
});

describe('a model with a projector', () => {
  test('is shown with the capability, the other one without', async () => {
    const capabilities = async (model: string): Promise<unknown> =>
      ((await ask('/api/show', { model })) as { capabilities?: unknown }).capabilities;
    expect(await capabilities('seer')).toEqual(['completion', 'tools', 'vision']);
    expect(await capabilities('blind')).toEqual(['completion', 'tools']);
  });

  test('streams what it says of an image', async () => {
    const messages = [{ role: 'user', content: 'What is this?', images: [pictures.red] }];
    const response = await send('agent-0', 'POST', '/api/chat', { model: 'seer', messages, options: limits });
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines[0]).toMatchObject({ done: false, message: { role: 'assistant' } });
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: 'length', eval_count: 4 });
  });

  test('sees images in what a tool gives', async () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pictures.red } };
    const turn = (content: object[]) => [
      { role: 'user', content: 'Look at the camera.' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'camera', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content }] },
    ];
    const asked = (content: object[]): Promise<unknown> =>
      ask('/v1/messages', { model: 'seer', max_tokens: 4, messages: turn(content) });
    const tokens = (answer: unknown): number => {
      const { input_tokens: fresh = 0, cache_read_input_tokens: cached = 0 } =
        (answer as { usage?: { input_tokens?: number; cache_read_input_tokens?: number } }).usage ?? {};
      return fresh + cached;
    };
    const without = tokens(await asked([{ type: 'text', text: '' }]));
    expect(tokens(await asked([image])) - without).toBeGreaterThanOrEqual(tokensOfImage);
  });

  test('is pulled from a registry with its projector', async () => {
    const registry = await new TestRegistry().start();
    try {
      const files = { [layerTypes.projector]: readFileSync(seeing.projector) };
      registry.publish('library/seer:v1', readFileSync(tinyModel), files);
      const model = `http://${registry.host}/library/seer:v1`;
      expect((await statuses('agent-0', '/api/pull', { model, insecure: true })).at(-1)).toBe('success');
      expect(await ask('/api/show', { model: `${registry.host}/library/seer:v1` })).toMatchObject({
        capabilities: ['completion', 'tools', 'vision'],
      });
      registry.publish('library/wrong:v1', readFileSync(tinyModel), {
        [layerTypes.projector]: readFileSync(tinyModel),
      });
      const wrong = await statuses('agent-0', '/api/pull', {
        model: `http://${registry.host}/library/wrong:v1`,
        insecure: true,
      });
      expect(wrong.at(-1)).toContain('The projector is a model of its own');
    } finally {
      await registry.stop();
    }
  });

  test('is made of two uploaded files, too', async () => {
    const upload = async (path: string): Promise<string> => {
      const bytes = readFileSync(path);
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      expect((await send('agent-0', 'POST', `/api/blobs/${digest}`, bytes)).ok).toBe(true);
      return digest;
    };
    const [model, projector] = [await upload(tinyModel), await upload(seeing.projector)];
    const both = { 'model.gguf': model, 'mmproj.gguf': projector };
    expect((await statuses('agent-0', '/api/create', { model: 'made', files: both })).at(-1)).toBe('success');
    const derived = { model: 'derived', from: 'made', system: 'Be kind.' };
    expect((await statuses('agent-0', '/api/create', derived)).at(-1)).toBe('success');
    for (const name of ['made', 'derived']) {
      const shown = await ask('/api/show', { model: name });
      expect(shown).toMatchObject({ capabilities: ['completion', 'tools', 'vision'] });
    }
    const messages = [{ role: 'user', content: 'What is this?', images: [pictures.red] }];
    expect(
      await ask('/api/chat', {
        model: 'made',
        messages,
        options: { ...limits, num_ctx: 1024 },
        stream: false,
      }),
    ).toMatchObject({ http: 200, done: true });
    expect(await statuses('agent-0', '/api/create', { model: 'x', files: { 'a.gguf': projector } })).toEqual([
      'parsing GGUF',
      expect.stringContaining('Exactly one of the files must be the model'),
    ]);
  });
});

test.each([
  ['an image elsewhere', { url: 'http://127.0.0.1:1/secret.png' }, 'not fetched'],
  ['a data URL of something else', { url: 'data:text/plain;base64,aGk=' }, 'data:image/png;base64'],
])('%s is refused', async (_what, image, says) => {
  const content = [{ type: 'image_url', image_url: image }];
  const body = { model: 'seer', messages: [{ role: 'user', content }] };
  expect(await ask('/v1/chat/completions', body)).toMatchObject({
    http: 400,
    error: {
      message: expect.stringContaining(says),
      code: 'invalid_request',
      param: 'messages[0].content[0].image_url',
    },
  });
});
