import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, tinyModel } from '../harness/local-cluster.ts';
import { TestRegistry } from '../../agent/src/models/registry/registry.fixture.ts';
import { ask, card, model, weatherFunction } from './model-card.ts';
import { embedder, startOneHolderCluster, type OneHolderCluster } from './one-holder-cluster.ts';

/*
 * Open WebUI itself brings some gigabytes of Python packages. These are the calls that its server makes to a
 * connection of kind Ollama and of kind OpenAI, with the headers and bodies that its source sends, and checks
 * of the fields that it reads from the answers.
 */

const admin = { name: 'olga', password: 'correct horse battery', role: 'admin' } as const;

let setup: OneHolderCluster;
let registry: TestRegistry;

beforeAll(async () => {
  setup = await startOneHolderCluster({ user: admin, more: [embedder] });
  registry = await new TestRegistry().start();
  registry.publish('library/fetched:v1', readFileSync(tinyModel));
}, 120_000);

afterAll(async () => {
  await registry.stop();
  await setup.cluster.stop();
});

const call = (path: string, body?: object | Buffer, method = body === undefined ? 'GET' : 'POST') =>
  fetch(`${setup.door.api}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${setup.token ?? ''}`,
      // With ENABLE_FORWARD_USER_INFO_HEADERS.
      'x-openwebui-user-name': 'Anna%20B',
      'x-openwebui-user-id': '9b2f7c0e',
      'x-openwebui-user-email': 'anna@example.com',
      'x-openwebui-user-role': 'admin',
      'x-openwebui-chat-id': 'e2c1',
    },
    ...(body === undefined
      ? {}
      : { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) }),
  });

const json = async (...args: Parameters<typeof call>): Promise<Record<string, unknown>> => {
  const response = await call(...args);
  if (!response.ok) throw new Error(`${args[0]} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
};

/** The objects of a stream of lines, which Open WebUI hands on as they come. */
const lines = async (...args: Parameters<typeof call>): Promise<Record<string, unknown>[]> => {
  const response = await call(...args);
  return (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

const last = (statuses: readonly Record<string, unknown>[]): unknown => statuses.at(-1);
const number: unknown = expect.any(Number);
const name = `${model}:latest`;

const names = async (): Promise<unknown[]> => {
  const { models } = (await json('/api/tags')) as { models: { model: string }[] };
  return models.map((one) => one.model);
};

describe('a connection of kind Ollama', () => {
  test('is verified by its version, in which numbers alone stand between dots', async () => {
    const { version } = await json('/api/version');
    expect(String(version).replace(/^v|-.*/g, '')).toMatch(/^\d+(\.\d+)*$/);
  });

  test('lists its models, and until when those in memory stay there', async () => {
    const { models } = await json('/api/tags');
    expect(models).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name,
          model: name,
          size: number,
          digest: expect.stringMatching(/^[0-9a-f]{64}$/),
          modified_at: expect.any(String),
          details: expect.objectContaining({ family: 'llama', parameter_size: '2.75M' }),
        }),
      ]),
    );
    await json('/api/generate', { model: name, prompt: '', stream: false, keep_alive: '10m' });
    await eventually('it is in memory', async () => {
      const { models: loaded } = (await json('/api/ps')) as {
        models: { name: string; model: string; expires_at: string }[];
      };
      const found = loaded.find((one) => one.model === name && one.name === name);
      return Date.parse(found?.expires_at ?? '') > Date.now();
    });
  });

  test('shows a model, and unloads it', async () => {
    expect(await json('/api/show', { name: model, model })).toMatchObject({
      details: { quantization_level: 'Q8_0' },
      model_info: { 'llama.context_length': 2048 },
      capabilities: expect.arrayContaining(['completion', 'tools']),
    });
    const unload = { model: name, keep_alive: 0, prompt: '' };
    expect(last(await lines('/api/generate', unload))).toMatchObject({ done: true, done_reason: 'unload' });
  });

  test('streams a chat, with the counters that are shown below it', async () => {
    const answer = await lines('/api/chat', {
      model: name,
      messages: ask(card.france.question),
      stream: true,
      keep_alive: '5m',
      // Some of these are of older versions of Ollama; all are settings of the page.
      options: { temperature: 0, top_k: 40, mirostat: 0, tfs_z: 1, num_ctx: 2048, new_topic_penalty: 0 },
      chat_id: 'e2c1',
      session_id: 's1',
      id: 'm1',
      features: { web_search: false, code_interpreter: false },
      background_tasks: { title_generation: true, tags_generation: true },
    });
    const text = answer.map(({ message }) => (message as { content?: string } | undefined)?.content ?? '');
    expect(text.join('')).toBe(card.france.answer);
    expect(last(answer)).toMatchObject({
      model: name,
      done: true,
      done_reason: 'stop',
      total_duration: number,
      load_duration: number,
      prompt_eval_count: 15,
      prompt_eval_duration: number,
      eval_count: 7,
      eval_duration: number,
    });
  });

  test('answers whole, as titles, tags and questions of follow-up are asked for', async () => {
    const title = await json('/api/chat', {
      model: name,
      messages: ask(card.hello.question),
      stream: false,
      options: { temperature: 0, num_predict: 1000 },
    });
    expect(title).toMatchObject({ message: { role: 'assistant', content: card.hello.answer }, done: true });
  });

  test('calls tools with an object of arguments, and goes on with their results', async () => {
    const messages = ask(card.weather.question);
    const body = { model: name, stream: true, options: { temperature: 0 } };
    const tools = [{ type: 'function', function: weatherFunction }];
    const called = await lines('/api/chat', { ...body, messages, tools });
    const calls = called.flatMap(
      ({ message }) => (message as { tool_calls?: object[] } | undefined)?.tool_calls ?? [],
    );
    expect(calls).toMatchObject([{ function: { name: 'get_weather', arguments: card.weather.arguments } }]);
    const answer = await lines('/api/chat', {
      ...body,
      messages: [
        ...messages,
        { role: 'assistant', content: '', tool_calls: calls },
        { role: 'tool', tool_call_id: 'call_1', content: '{"temperature": 20, "sky": "sunny"}' },
      ],
    });
    expect(last(answer)).toMatchObject({ done: true });
  });

  test('embeds the pieces of a document', async () => {
    const { embeddings } = await json('/api/embed', { model: embedder.name, input: ['One.', 'Two.'] });
    expect(embeddings).toEqual([expect.any(Array), expect.any(Array)]);
    expect(await json('/api/embeddings', { model: embedder.name, prompt: 'One.' })).toHaveProperty(
      'embedding',
    );
  });

  test('says in "error" what is wrong, with a status', async () => {
    const response = await call('/api/chat', { model: 'nope:latest', messages: ask('Hi'), stream: true });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: "model 'nope:latest' not found" });
  });
});

describe('the page of models of a connection of kind Ollama', () => {
  test('pulls a model with its progress, copies and deletes it', async () => {
    const pulled = `${registry.host}/library/fetched:v1`;
    const progress = await lines('/api/pull', { model: `http://${pulled}`, insecure: true });
    const blob = expect.objectContaining({ digest: expect.any(String), total: number, completed: number });
    expect(progress).toEqual(expect.arrayContaining([blob]));
    expect(last(progress)).toEqual({ status: 'success' });
    await eventually('it is listed', async () => (await names()).includes(pulled));
    expect((await call('/api/copy', { source: pulled, destination: 'copied' })).status).toBe(200);
    for (const one of [pulled, 'copied:latest']) {
      await eventually(`${one} is listed`, async () => (await names()).includes(one));
      expect((await call('/api/delete', { name: one, model: one }, 'DELETE')).status).toBe(200);
    }
    await eventually('only the declared ones are left', async () => (await names()).length === 2);
  });

  test('uploads a file and creates a model of it', async () => {
    const file = readFileSync(tinyModel);
    const digest = `sha256:${createHash('sha256').update(file).digest('hex')}`;
    expect([200, 201]).toContain((await call(`/api/blobs/${digest}`, file)).status);
    const created = {
      model: 'uploaded',
      files: { 'tiny.gguf': digest },
      system: 'You are a pirate.',
      stream: true,
    };
    expect(last(await lines('/api/create', created))).toEqual({ status: 'success' });
    const answer = await json('/api/chat', {
      model: 'uploaded:latest',
      messages: ask(card.hello.question),
      stream: false,
      options: { temperature: 0 },
    });
    expect(answer).toMatchObject({ message: { content: expect.stringContaining('Arr, matey!') } });
    expect((await call('/api/delete', { model: 'uploaded' }, 'DELETE')).status).toBe(200);
  });
});

describe('a connection of kind OpenAI', () => {
  test('lists its models', async () => {
    const { data } = (await json('/v1/models')) as { data: { id: string; object: string }[] };
    expect(data).toEqual(expect.arrayContaining([expect.objectContaining({ id: name, object: 'model' })]));
  });

  test('streams a chat, with its usage', async () => {
    const response = await call('/v1/chat/completions', {
      model: name,
      messages: [{ role: 'user', content: [{ type: 'text', text: card.france.question }] }],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      max_tokens: 100,
      user: 'anna@example.com',
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text()).trim().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    const chunks = events
      .slice(0, -1)
      .map((event) => JSON.parse(event.replace(/^data: /, '')) as Record<'choices' | 'usage', unknown>);
    const text = chunks.flatMap(({ choices }) => choices as { delta: { content?: string } }[]);
    expect(text.map(({ delta }) => delta.content ?? '').join('')).toBe(card.france.answer);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 15, completion_tokens: 7, total_tokens: 22 });
  });

  test('embeds the pieces of a document', async () => {
    const { data } = await json('/v1/embeddings', { model: embedder.name, input: ['One.', 'Two.'] });
    expect(data).toMatchObject([{ embedding: expect.any(Array) }, { embedding: expect.any(Array) }]);
  });
});
