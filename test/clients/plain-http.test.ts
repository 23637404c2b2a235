import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { card, model } from './model-card.ts';
import { startOneHolderCluster, type OneHolderCluster } from './one-holder-cluster.ts';

let setup: OneHolderCluster;

beforeAll(async () => {
  setup = await startOneHolderCluster();
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
});

const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** One request with exactly these headers: curl's `-d` alone calls JSON a form, other programs name no type. */
const call = async (
  path: string,
  body?: string,
  headers: OutgoingHttpHeaders = body === undefined ? {} : form,
  method = body === undefined ? 'GET' : 'POST',
): Promise<{ readonly status: number | undefined; readonly text: string }> => {
  const request = httpRequest(new URL(path, setup.door.api), {
    method,
    headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
    signal: AbortSignal.timeout(60_000),
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
  return { status: response.statusCode, text };
};

const json = async (path: string, body?: string, headers?: OutgoingHttpHeaders): Promise<unknown> =>
  JSON.parse((await call(path, body, headers)).text);

// What Java's HttpClient and `curl --http2` send with every first request.
const offersHttp2 = {
  'content-type': 'application/json',
  connection: 'Upgrade, HTTP2-Settings',
  upgrade: 'h2c',
  'http2-settings': 'AAMAAABkAAQCAAAAAAIAAAAA',
};

interface Line {
  readonly response?: string;
  readonly message?: { readonly content: string };
  readonly done?: boolean;
}

const lines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test('a client that offers to go on with HTTP/2 is answered with HTTP/1.1', async () => {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], stream: false });
  expect(await json('/api/chat', body, offersHttp2)).toMatchObject({ done: true });
  expect((await call('/api/tags', undefined, offersHttp2)).status).toBe(200);
});

describe('requests as curl sends them in the documents of Ollama', () => {
  test('generate', async () => {
    const { text } = await call(
      '/api/generate',
      `{
  "model": "${model}",
  "prompt": "${card.france.question}",
  "options": { "temperature": 0 }
}`,
    );
    const parts = lines(text);
    expect(parts.map(({ response }) => response).join('')).toBe(card.france.answer);
    expect(parts.at(-1)?.done).toBe(true);
  });

  test('chat without a stream and without a content type', async () => {
    const answer = await json(
      '/api/chat',
      `{ "model": "${model}", "messages": [{ "role": "user", "content": "${card.hello.question}" }],
         "options": { "temperature": 0 }, "stream": false }`,
      {},
    );
    expect(answer).toMatchObject({
      model,
      message: { role: 'assistant', content: card.hello.answer },
      done: true,
    });
  });

  test('load and unload', async () => {
    expect(await json('/api/generate', `{"model": "${model}"}`)).toMatchObject({
      response: '',
      done: true,
      done_reason: 'load',
    });
    const unload = await json('/api/chat', `{"model": "${model}", "messages": [], "keep_alive": 0}`);
    expect(unload).toMatchObject({ done: true, done_reason: 'unload' });
  });

  test('tags, ps, show, version, and a plain GET and HEAD of the root', async () => {
    expect(await json('/api/tags')).toMatchObject({ models: [{ name: `${model}:latest` }] });
    expect(await json('/api/ps')).toHaveProperty('models');
    expect(await json('/api/show', `{"model": "${model}"}`)).toMatchObject({
      details: { family: 'llama' },
    });
    expect(await json('/api/version')).toHaveProperty('version');
    expect(await call('/')).toEqual({ status: 200, text: 'Ollama is running' });
    expect(await call('/', undefined, {}, 'HEAD')).toEqual({ status: 200, text: '' });
  });

  test('a stream of the OpenAI dialect', async () => {
    const { text } = await call(
      '/v1/chat/completions',
      `{ "model": "${model}", "temperature": 0, "stream": true,
         "messages": [{ "role": "user", "content": "${card.hello.question}" }] }`,
    );
    const events = text
      .trim()
      .split('\n\n')
      .map((event) => event.replace(/^data: /, ''));
    expect(events.at(-1)).toBe('[DONE]');
    const content = events
      .slice(0, -1)
      .map((event) => JSON.parse(event) as { choices: { delta: { content?: string } }[] })
      .map(({ choices }) => choices[0]?.delta.content ?? '')
      .join('');
    expect(content).toBe(card.hello.answer);
  });
});
