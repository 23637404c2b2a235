import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routes, type InferenceEvent, type InferenceRequest, type InferenceUsage } from '@ollamamax/api';
import { silentLogger } from '@ollamamax/common';
import { createApp, type AppOptions } from './app.ts';
import { InferenceCalls } from './inference-calls.ts';
import { ollamaInferenceHandlers } from './ollama-inference.ts';

export const usage: InferenceUsage = {
  promptTokens: 10,
  cachedPromptTokens: 4,
  completionTokens: 3,
  loadNs: 1_000,
  queueNs: 0,
  promptNs: 2_000,
  evalNs: 3_000,
  totalNs: 7_000,
};

export const done: InferenceEvent = { type: 'done', reason: 'stop', usage };

/** What the engine yields; an error is thrown before anything, as the dispatcher does. */
export type Script = readonly InferenceEvent[] | Error;

export interface OllamaApi {
  readonly url: string;
  /** Of the requests so far, as the engine got them. */
  readonly requests: InferenceRequest[];
  /** Warnings in the log. */
  readonly warnings: (readonly [string, object])[];
  /** What the engine does from now on. */
  play(script: Script): void;
  /** Posts a body and reads the whole answer. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  /** Each line as JSON, without its time. */
  readonly lines: Record<string, unknown>[];
}

const toLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { created_at: _time, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });

/** The gateway's HTTP server with Ollama's inference routes, over an engine that does as it is told. */
export const startOllamaApi = async (): Promise<OllamaApi> => {
  const requests: InferenceRequest[] = [];
  const warnings: (readonly [string, object])[] = [];
  let script: Script = [done];
  const runner = {
    async *run(request: InferenceRequest): AsyncIterable<InferenceEvent> {
      requests.push(request);
      await Promise.resolve();
      if (script instanceof Error) throw script;
      yield* script;
    },
  };
  const calls = new InferenceCalls({
    runner,
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
      ...ollamaInferenceHandlers(calls, {
        warn: (message, fields) => void warnings.push([message, fields ?? {}]),
      }),
    } as unknown as AppOptions['handlers'],
    logger: silentLogger,
    authenticate: undefined,
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
      script = next;
    },
    post: async (path, body, headers = {}) => {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        text,
        lines: toLines(text),
      };
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};
