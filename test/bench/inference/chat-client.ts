import { Agent, request as httpRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { BenchRefused } from '../harness/bench.ts';
import type { Engine } from './engine.ts';

/** One chat as it is sent to every engine. */
export interface ChatRequest {
  readonly system?: string;
  readonly prompt: string;
  /** Exactly so many tokens are to be generated. */
  readonly tokens: number;
  /** JSON schema that the answer is held to. */
  readonly schema?: object;
}

/** When a piece of the answer came, and how long the answer was with it. */
interface Mark {
  readonly at: number;
  readonly characters: number;
}

/** Times are milliseconds of `performance.now`. */
export interface ChatOutcome {
  readonly sentAt: number;
  /** First piece of text. */
  readonly firstAt: number;
  readonly endAt: number;
  readonly marks: readonly Mark[];
  readonly text: string;
  readonly promptTokens: number;
  readonly tokens: number;
}

export interface ChatOptions {
  readonly signal: AbortSignal;
  /** Called with the number of pieces so far. */
  readonly onPiece?: (pieces: number) => void;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly error?: { readonly message?: string };
}

/** A connection for each request: a kept one may be closed by a server just when it is used again. */
const connections = new Agent({ keepAlive: false });

const bodyOf = (engine: Engine, request: ChatRequest): string =>
  JSON.stringify({
    model: engine.model,
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    max_tokens: request.tokens,
    messages: [
      ...(request.system === undefined ? [] : [{ role: 'system', content: request.system }]),
      { role: 'user', content: request.prompt },
    ],
    ...(request.schema === undefined
      ? {}
      : {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'answer', schema: request.schema },
          },
        }),
  });

/** What of an answer is known before it has ended. */
class AnswerReader {
  readonly marks: Mark[] = [];
  text = '';
  finish: string | undefined;
  usage: Exclude<Chunk['usage'], null>;
  problem: string | undefined;
  #rest = '';

  read(piece: string, onPiece: ChatOptions['onPiece']): void {
    const at = performance.now();
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
      const chunk = JSON.parse(line.slice('data: '.length)) as Chunk;
      if (chunk.error !== undefined) this.problem = chunk.error.message ?? 'the stream carried an error';
      this.usage = chunk.usage ?? this.usage;
      const choice = chunk.choices?.[0];
      this.finish = choice?.finish_reason ?? this.finish;
      const content = choice?.delta?.content ?? '';
      if (content === '') continue;
      this.text += content;
      this.marks.push({ at, characters: this.text.length });
      onPiece?.(this.marks.length);
    }
  }
}

/**
 * Streams one answer through OpenAI's API, which all engines speak.
 * @throws BenchRefused when the answer failed or has another number of tokens than was asked for
 */
export const chat = (engine: Engine, request: ChatRequest, options: ChatOptions): Promise<ChatOutcome> =>
  new Promise((resolve, reject) => {
    const body = bodyOf(engine, request);
    const answer = new AnswerReader();
    const sentAt = performance.now();
    const problemOf = (status: number): string | undefined => {
      if (status !== 200) return answer.problem ?? `HTTP status ${status}`;
      if (answer.problem !== undefined) return answer.problem;
      const tokens = answer.usage?.completion_tokens ?? 0;
      return tokens === request.tokens && answer.finish === 'length'
        ? undefined
        : `an answer ended with ${tokens} of ${request.tokens} tokens (${answer.finish ?? 'no reason'})`;
    };
    const finish = (status: number): void => {
      const [first] = answer.marks;
      const problem = problemOf(status);
      const { usage } = answer;
      if (problem !== undefined) reject(new BenchRefused(`${engine.name}: ${problem}`));
      else if (first === undefined || usage === undefined)
        reject(new BenchRefused(`${engine.name}: an answer without text or usage`));
      else
        resolve({
          sentAt,
          firstAt: first.at,
          endAt: performance.now(),
          marks: answer.marks,
          text: answer.text,
          promptTokens: usage.prompt_tokens,
          tokens: usage.completion_tokens,
        });
    };
    const sent = httpRequest(new URL('/v1/chat/completions', engine.url), {
      agent: connections,
      method: 'POST',
      signal: options.signal,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.setEncoding('utf8');
      response.once('error', reject);
      let refusal = '';
      response.on('data', (piece: string) => {
        if (status === 200) answer.read(piece, options.onPiece);
        else refusal += piece;
      });
      response.once('end', () => {
        if (status !== 200) answer.problem = `HTTP status ${status}: ${refusal.slice(0, 300)}`;
        finish(status);
      });
    });
    sent.end(body);
  });

/** A chat whose client goes away before the answer has ended. */
export interface LeavableChat {
  /** When pieces of the answer came. */
  readonly times: readonly number[];
  /** Settles when nothing more will come. */
  readonly ended: Promise<void>;
  /** Closes the connection. @throws BenchRefused when the answer had failed or ended by itself */
  leave(): Promise<void>;
}

/** Starts such a chat; `onPiece` may call `leave`. */
export const leavableChat = (engine: Engine, request: ChatRequest, options: ChatOptions): LeavableChat => {
  const gone = new AbortController();
  const times: number[] = [];
  const settled = chat(engine, request, {
    signal: AbortSignal.any([options.signal, gone.signal]),
    onPiece: (pieces) => {
      times.push(performance.now());
      options.onPiece?.(pieces);
    },
  }).then(
    () => new BenchRefused(`${engine.name}: an answer ended before its client could leave`),
    (error: unknown) => (gone.signal.aborted ? undefined : error),
  );
  return {
    times,
    ended: settled.then(() => undefined),
    leave: async () => {
      gone.abort();
      const problem = await settled;
      options.signal.throwIfAborted();
      if (problem !== undefined) throw problem as Error;
    },
  };
};
