import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tokens } from './tokens.ts';

/*
 * An engine that computes nothing: OpenAI's chat completions with fixed tokens, all at once or one every
 * ENGINE_TOKEN_MS milliseconds. Tells its parent the port by IPC and ends with it.
 */

const tokenMs = Number(process.env.ENGINE_TOKEN_MS ?? 0);
const head = { id: 'chatcmpl-fake', created: 1, model: 'ollamamax-tiny' };

interface ChatBody {
  readonly stream?: boolean;
  readonly max_tokens?: number;
}

const chunk = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

// Made once: what is measured is the way to the engine, not the engine.
const firstChunk = chunk({ role: 'assistant', content: '' }, null);
const tokenChunks = tokens.map((content) => chunk({ content }, null));
const lastChunks = `${chunk({}, 'stop')}data: [DONE]\n\n`;
const whole = JSON.stringify({
  ...head,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: tokens.join('') }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: tokens.length, total_tokens: 12 + tokens.length },
});

const tokenChunk = (index: number): string => tokenChunks[index % tokenChunks.length] ?? '';

const stream = (response: ServerResponse, count: number): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(firstChunk);
  if (tokenMs === 0) {
    for (let index = 0; index < count; index += 1) response.write(tokenChunk(index));
    response.end(lastChunks);
    return;
  }
  let index = 0;
  const timer = setInterval(() => {
    response.write(tokenChunk(index));
    index += 1;
    if (index < count) return;
    clearInterval(timer);
    response.end(lastChunks);
  }, tokenMs);
  response.once('close', () => clearInterval(timer));
};

const json = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
};

const readBody = async (request: IncomingMessage): Promise<ChatBody> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString()) as ChatBody;
};

const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  if (request.method === 'POST' && request.url === '/v1/chat/completions') {
    const body = await readBody(request);
    if (body.stream === true) stream(response, body.max_tokens ?? tokens.length);
    else json(response, whole);
    return;
  }
  request.resume();
  if (request.url === '/health') json(response, '{}');
  else if (request.url === '/v1/models')
    json(response, JSON.stringify({ object: 'list', data: [{ id: head.model, object: 'model' }] }));
  else response.writeHead(404).end();
};

const server = createServer({ keepAliveTimeout: 600_000, noDelay: true }, (request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
