import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { performance } from 'node:perf_hooks';

/** Streams that are opened at an agent and read to their end. */
export interface HoldOptions {
  /** Base URL of the entry agent. */
  readonly api: string;
  readonly token: string;
  /** Streams held at once; every other one is OpenAI's SSE, the rest Ollama's NDJSON. */
  readonly streams: number;
  /** Tokens of each stream. */
  readonly tokens: number;
  /** New streams per second. */
  readonly openPerSecond: number;
  /** Longest time in milliseconds without a byte before a stream counts as lost. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once when every stream has had its first token and none has ended. */
  readonly onAllOpen?: () => void;
}

export interface Held {
  /** Most streams that were open, first token received, at one time. */
  readonly peak: number;
  /** One line per stream that failed, broke, or did not bring all its tokens. */
  readonly errors: readonly string[];
  /** Longest time between two tokens of each stream, in milliseconds. */
  readonly gapsMs: readonly number[];
}

interface Dialect {
  readonly path: string;
  readonly body: (tokens: number) => object;
  /** A line that carries a token. */
  readonly token: RegExp;
  /** The line that ends a whole answer. */
  readonly end: RegExp;
}

const messages = [{ role: 'user', content: 'Tell me a long story.' }];

const dialects: readonly [Dialect, Dialect] = [
  {
    path: '/v1/chat/completions',
    body: (tokens) => ({ model: 'ollamamax-tiny', stream: true, max_tokens: tokens, messages }),
    token: /^data: .*"content":"[^"]/,
    end: /^data: \[DONE\]$/,
  },
  {
    path: '/api/chat',
    body: (tokens) => ({ model: 'ollamamax-tiny', options: { num_predict: tokens }, messages }),
    token: /"content":"[^"]/,
    end: /"done":true/,
  },
];

interface StreamResult {
  readonly error?: string;
  readonly longestGapMs: number;
}

const readStream = (
  options: HoldOptions,
  dialect: Dialect,
  agent: Agent,
  open: { begun: () => void; ended: () => void },
): Promise<StreamResult> =>
  new Promise((resolve) => {
    let rest = '';
    let tokens = 0;
    let complete = false;
    let longestGapMs = 0;
    let lastTokenAt = Number.NaN;
    const settle = (error?: string): void => {
      if (tokens > 0) open.ended();
      resolve(error === undefined ? { longestGapMs } : { error, longestGapMs });
    };
    const onLine = (line: string): void => {
      if (dialect.end.test(line)) complete = true;
      else if (dialect.token.test(line)) {
        const now = performance.now();
        if (tokens === 0) open.begun();
        else longestGapMs = Math.max(longestGapMs, now - lastTokenAt);
        lastTokenAt = now;
        tokens += 1;
      }
    };
    const body = JSON.stringify(dialect.body(options.tokens));
    const request: ClientRequest = httpRequest(new URL(dialect.path, options.api), {
      agent,
      method: 'POST',
      signal: options.signal,
      headers: {
        authorization: `Bearer ${options.token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    request.setTimeout(options.silenceMs, () =>
      request.destroy(new Error(`no byte for ${options.silenceMs} ms after ${tokens} tokens`)),
    );
    let failed: string | undefined;
    request.on('error', (error) => {
      failed ??= error.message;
    });
    request.once('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
      response.on('error', (error) => {
        failed ??= error.message;
      });
      if (response.statusCode !== 200) failed = `HTTP status ${response.statusCode ?? 0}`;
    });
    request.once('close', () => {
      const whole = complete && tokens === options.tokens;
      settle(failed ?? (whole ? undefined : `ended after ${tokens} of ${options.tokens} tokens`));
    });
    request.end(body);
  });

/** Opens the streams one after the other and reads all to their end. */
export const holdStreams = async (options: HoldOptions): Promise<Held> => {
  const agent = new Agent({ keepAlive: false, maxSockets: options.streams });
  let open = 0;
  let peak = 0;
  const counter = {
    begun: () => {
      open += 1;
      peak = Math.max(peak, open);
      if (open === options.streams) options.onAllOpen?.();
    },
    ended: () => {
      open -= 1;
    },
  };
  const streams: Promise<StreamResult>[] = [];
  const start = performance.now();
  while (streams.length < options.streams) {
    options.signal.throwIfAborted();
    const wait = start + (streams.length * 1000) / options.openPerSecond - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const [sse, ndjson] = dialects;
    streams.push(readStream(options, streams.length % 2 === 0 ? sse : ndjson, agent, counter));
  }
  const results = await Promise.all(streams);
  options.signal.throwIfAborted();
  agent.destroy();
  return {
    peak,
    errors: results.map(({ error }) => error).filter((error) => error !== undefined),
    gapsMs: results.map(({ longestGapMs }) => longestGapMs),
  };
};
