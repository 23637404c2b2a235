import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ApiError,
  routes,
  type InferenceEvent,
  type InferenceRequest,
  type InferenceUsage,
} from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { anthropicHandlers } from './anthropic-messages.ts';
import { createApp, type AppOptions } from './app.ts';
import { InferenceCalls } from './inference-calls.ts';
import { inferenceHandlers } from './inference-handlers.ts';
import { openaiInferenceHandlers } from './openai-inference.ts';

/** What the engine yields for a request; it ends without a last event when the signal aborts. */
export type Script = (
  request: InferenceRequest,
  signal: AbortSignal,
) => Iterable<InferenceEvent> | AsyncIterable<InferenceEvent>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. */
  json(): Record<string, unknown>;
  /** Data of each event of a stream, without `[DONE]`. */
  events(): Record<string, unknown>[];
}

export interface InferenceApi {
  readonly url: string;
  /** Of the requests so far, as the engine got them. */
  readonly requests: InferenceRequest[];
  /** What the engine does from now on; forgets the requests. */
  play(script: Script | readonly InferenceEvent[]): void;
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

export const token = 'a-token';

export const usageOf = (promptTokens: number, completionTokens: number, cached = 0): InferenceUsage => ({
  promptTokens,
  cachedPromptTokens: cached,
  completionTokens,
  loadNs: 1,
  queueNs: 2,
  promptNs: 3,
  evalNs: 4,
  totalNs: 10,
});

export const done = (
  reason: 'stop' | 'length' | 'tool_calls' = 'stop',
  usage = usageOf(10, 4, 6),
): InferenceEvent => ({ type: 'done', reason, usage });

const eventsOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
    .map((line) => JSON.parse(line.slice('data: '.length)) as Record<string, unknown>);

/** The gateway's HTTP server with all routes that generate but Ollama's, over an engine that does as it is told. */
export const startInferenceApi = async (): Promise<InferenceApi> => {
  const requests: InferenceRequest[] = [];
  let script: Script = () => [done()];
  const calls = new InferenceCalls({
    runner: {
      async *run(request, signal) {
        requests.push(request);
        yield* script(request, signal);
      },
    },
    logger: silentLogger,
    observer: {
      streamOpened: () => undefined,
      streamClosed: () => undefined,
      clientLeft: () => undefined,
      truncated: () => undefined,
    },
    writeStallMs: 10_000,
    requestMs: 60_000,
    shutdown: new AbortController().signal,
  });
  const none = (): never => {
    throw new Error('this route is not part of the fixture');
  };
  const app = createApp({
    handlers: {
      ...Object.fromEntries(Object.keys(routes).map((id) => [id, none])),
      ...openaiInferenceHandlers(calls),
      ...anthropicHandlers(calls),
      ...inferenceHandlers(calls),
    } as unknown as AppOptions['handlers'],
    logger: silentLogger,
    authenticate: (given) => {
      if (given !== token) throw new ApiError('unauthenticated');
      return { name: 'anna', role: 'user' };
    },
    loopbackOnly: false,
    allowedHosts: [],
    allowedOrigins: [],
    bodyBytes: 1_000_000,
    onStarted: () => undefined,
    onFinished: () => undefined,
    draining: () => false,
  });
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    play: (next) => {
      requests.length = 0;
      script = typeof next === 'function' ? next : () => next;
    },
    post: async (path, body, headers = {}) => {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, ...headers },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: () => JSON.parse(text) as Record<string, unknown>,
        events: () => eventsOf(text),
      };
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
