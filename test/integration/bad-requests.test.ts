import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorCatalogue } from '@ollamamax/api';
import { startLocalCluster, tinyModel, untilServing, type LocalCluster } from '../harness/local-cluster.ts';
import type { BadRequest } from './bad-requests/bad-request.ts';
import { anthropicRequests } from './bad-requests/anthropic.ts';
import { bodyRequests } from './bad-requests/bodies.ts';
import { inferenceRequests } from './bad-requests/inference.ts';
import { ollamaRequests } from './bad-requests/ollama.ts';
import { openaiRequests } from './bad-requests/openai.ts';
import { transportRequests } from './bad-requests/transport.ts';

let cluster: LocalCluster;
let api: string;

beforeAll(async () => {
  cluster = await startLocalCluster({
    models: [
      { name: 'ollamamax-tiny', source: { file: tinyModel } },
      { name: 'ollamamax-tiny-embed', source: { file: tinyModel.replace('q8_0', 'embed-f16') } },
    ],
    config: { limits: { bodyBytes: 256 * 1024 } },
  });
  await untilServing(cluster);
  api = cluster.agent('agent-0').api;
});

afterAll(async () => {
  await cluster.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

// node:http, because fetch does not let a caller set Host.
const send = (bad: BadRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { body } = bad;
    const bytes =
      body === undefined
        ? undefined
        : typeof body === 'string' || body instanceof Uint8Array
          ? Buffer.from(body)
          : Buffer.from(JSON.stringify(body));
    const request = httpRequest(`${api}${bad.path}`, {
      method: bad.method ?? (bytes === undefined ? 'GET' : 'POST'),
      headers: { ...(bytes === undefined ? {} : { 'content-length': bytes.length }), ...bad.headers },
      timeout: 30_000,
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        });
      });
    });
    request.end(bytes);
  });

/** Code and sentence, whichever dialect the error came in; Anthropic's has room for the sentence only. */
const readError = (text: string): { readonly code: unknown; readonly sentence: string } => {
  const body = JSON.parse(text) as Record<string, unknown>;
  const inner =
    typeof body.error === 'object' && body.error !== null ? (body.error as Record<string, unknown>) : body;
  const sentence = inner.message ?? inner.detail ?? inner.error;
  return { code: inner.code, sentence: String(sentence) };
};

const groups = {
  bodies: bodyRequests,
  'Ollama API': ollamaRequests,
  'OpenAI API': openaiRequests,
  'Anthropic API': anthropicRequests,
  'our own inference': inferenceRequests,
  'paths, hosts and our own API': transportRequests,
};

describe.each(Object.entries(groups))('bad requests: %s', (_group, requests) => {
  test.each(requests.map((bad) => [bad.name, bad] as const))('%s', async (_name, bad) => {
    const answer = await send(bad);
    const { code = answer.headers['x-ollamamax-error'], sentence } = readError(answer.text);
    expect({ status: answer.status, code }).toEqual({ status: bad.status, code: bad.code });
    expect(sentence).toContain(bad.says);
    expect(sentence.length).toBeLessThan(2000);
    expect(answer.headers['x-request-id']).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    expect(answer.status).toBe(errorCatalogue[bad.code].status);
    // A problem of ours never tells where it happened.
    expect(answer.text).not.toMatch(/node_modules|\.ts:\d+|at \w+ \(/);
  });
});

test('the corpus has at least 150 requests', () => {
  const all = Object.values(groups).flat();
  expect(new Set(all.map(({ name, path }) => `${path} ${name}`)).size).toBeGreaterThanOrEqual(150);
});

test('after all of them the agent still answers, and did not restart', async () => {
  const agent = cluster.agent('agent-0');
  expect(agent.process.exitCode).toBeNull();
  const response = await fetch(`${api}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'ollamamax-tiny',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      options: { temperature: 0 },
      stream: false,
    }),
  });
  const body = (await response.json()) as { message: { content: string } };
  expect(body.message.content).toBe('The capital of France is Paris.');
});
