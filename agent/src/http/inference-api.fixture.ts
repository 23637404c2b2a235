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
import { ollamaInferenceHandlers } from './ollama-inference.ts';
import { openaiInferenceHandlers } from './openai-inference.ts';

/** What the engine yields for a request; it ends without a last event when the signal aborts. */
export type Script = (
  request: InferenceRequest,
  signal: AbortSignal,
) => Iterable<InferenceEvent> | AsyncIterable<InferenceEvent>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Content type. */
  readonly type: string | null;
  readonly text: string;
  /** The body as JSON. */
  json(): Record<string, unknown>;
  /** Each line as JSON, without its time. */
  lines(): Record<string, unknown>[];
  /** Data of each event of a stream, without `[DONE]`. */
  events(): Record<string, unknown>[];
}

export interface InferenceApi {
  readonly url: string;
  /** Of the requests so far, as the engine got them. */
  readonly requests: InferenceRequest[];
  /** Warnings about requests so far. */
  readonly warnings: (readonly [string, object])[];
  /** What the engine does from now on; an error is thrown before anything. Forgets the requests and warnings. */
  play(script: Script | readonly InferenceEvent[] | Error): void;
  /** Posts a body, text as it is, and reads the whole answer. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

export const token = 'a-token';

export const usageOf = (promptTokens: number, completionTokens: number, cached = 0): InferenceUsage => ({
  promptTokens,
  cachedPromptTokens: cached,
  completionTokens,
  loadNs: 1_000,
  queueNs: 0,
  promptNs: 2_000,
  evalNs: 3_000,
  totalNs: 7_000,
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

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { created_at: _time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });

const scriptOf = (given: Script | readonly InferenceEvent[] | Error): Script => {
  if (given instanceof Error)
    return () => {
      throw given;
    };
  return typeof given === 'function' ? given : () => given;
};

/** The gateway's HTTP server with the routes of every API that generate, over an engine that does as it is told. */
export const startInferenceApi = async (): Promise<InferenceApi> => {
  const requests: InferenceRequest[] = [];
  const warnings: (readonly [string, object])[] = [];
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
      ...ollamaInferenceHandlers(calls, {
        warn: (message, fields) => void warnings.push([message, fields ?? {}]),
      }),
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
    warnings,
    play: (next) => {
      requests.length = 0;
      warnings.length = 0;
      script = scriptOf(next);
    },
    post: async (path, body, headers = {}) => {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        type: response.headers.get('content-type'),
        text,
        json: () => JSON.parse(text) as Record<string, unknown>,
        lines: () => linesOf(text),
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
