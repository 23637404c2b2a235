import type { InferenceEvent, InferenceRequest, InferenceUsage, ToolCall } from '@ollamamax/api';
import type { LogFields, Logger } from '@ollamamax/common';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EngineModel, InferenceEngine } from './engine.ts';
import { createRunnerEngine, type RunnerEngineOptions } from './runner-engine.ts';

/** What the tests of the engine share: the bundled model, short ways to ask, and waiting without guessing. */
const tinyPath = fileURLToPath(new URL('../../../models/ollamamax-tiny-q8_0.gguf', import.meta.url));

export const tinyModel = (overrides: Partial<EngineModel> = {}): EngineModel => ({
  name: 'ollamamax-tiny:latest',
  digest: 'tiny',
  path: tinyPath,
  sizeBytes: statSync(tinyPath).size,
  contextSize: 1024,
  maxContextSize: 2048,
  parallel: 4,
  maxQueue: 16,
  speculation: true,
  keepAliveSeconds: -1,
  parameters: {},
  ...overrides,
});

export const tinyBytes = (): Buffer => readFileSync(tinyPath);

export interface TestEngine extends InferenceEngine {
  /** Process ids of the runners that were loaded, in order. */
  readonly pids: readonly number[];
  readonly logged: readonly string[];
}

export const createTestEngine = (options: Partial<RunnerEngineOptions> = {}): TestEngine => {
  const pids: number[] = [];
  const logged: string[] = [];
  const record = (message: string, fields?: LogFields | (() => LogFields)): void => {
    const given = typeof fields === 'function' ? fields() : fields;
    logged.push(`${message} ${JSON.stringify(given ?? {})}`);
    if (message === 'model loaded' && typeof given?.pid === 'number') pids.push(given.pid);
  };
  const logger: Logger = { debug: record, info: record, warn: record, error: record, child: () => logger };
  const engine = createRunnerEngine({
    logger,
    threads: 1,
    gpu: false,
    loadTimeoutMs: 120_000,
    queueTimeoutMs: 120_000,
    renderTimeoutMs: 10_000,
    maxLoadedModels: () => 3,
    ...options,
  });
  return { ...engine, pids, logged };
};

export type RequestOptions = Partial<Omit<InferenceRequest, 'input'>> & {
  readonly input?: InferenceRequest['input'];
};

let requests = 0;

export const chat = (content: string, options: RequestOptions = {}): InferenceRequest => ({
  id: `request-${++requests}`,
  model: 'ollamamax-tiny:latest',
  input: { kind: 'chat', messages: [{ role: 'user', content }] },
  ...options,
  sampling: { temperature: 0, ...options.sampling },
});

/** A request whose answer goes on until the context is full. */
export const endless = (options: RequestOptions = {}): InferenceRequest =>
  chat('List 3 fruits.', {
    format: {
      type: 'json_schema',
      schema: { type: 'array', items: { type: 'integer' }, minItems: 1000 },
    },
    ...options,
  });

export interface Answer {
  readonly text: string;
  readonly pieces: readonly string[];
  readonly calls: readonly ToolCall[];
  readonly reason: string;
  readonly usage: InferenceUsage;
}

export const collect = async (events: AsyncIterable<InferenceEvent>): Promise<Answer> => {
  const pieces: string[] = [];
  const calls: ToolCall[] = [];
  for await (const event of events) {
    if (event.type === 'text') pieces.push(event.text);
    else if (event.type === 'tool_calls') calls.push(...event.calls);
    else if (event.type === 'done')
      return { text: pieces.join(''), pieces, calls, reason: event.reason, usage: event.usage };
  }
  throw new Error('the stream ended without a last event');
};

export const ask = (
  engine: InferenceEngine,
  request: InferenceRequest,
  model: EngineModel = tinyModel(),
  signal: AbortSignal = new AbortController().signal,
): Promise<Answer> => collect(engine.run(model, request, signal));

/** Polls until the condition holds; fails after a generous while. */
export const until = async (what: string, condition: () => boolean, timeoutMs = 60_000): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
};
