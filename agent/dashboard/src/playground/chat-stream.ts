import { callAgent } from '../api/http.ts';
import { ProblemError } from '../api/problem.ts';
import { messages } from '../messages.ts';
import { readNdjson } from './ndjson.ts';

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly {
    readonly role: 'system' | 'user' | 'assistant';
    readonly content: string;
  }[];
  readonly stream: true;
  readonly options: { readonly temperature?: number; readonly num_predict?: number };
}

export interface ChatStats {
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly totalMs: number;
  /** Agent that answered, when it says so. */
  readonly agent: string | undefined;
}

export type ChatPart =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'end'; readonly stats: ChatStats };

interface ChatLine {
  readonly message?: { readonly content?: string; readonly thinking?: string };
  readonly error?: string;
  readonly done?: boolean;
  readonly eval_count?: number;
  readonly eval_duration?: number;
  readonly total_duration?: number;
}

/** Ollama counts in nanoseconds. */
const toMs = (nanoseconds: number | undefined): number => (nanoseconds ?? 0) / 1e6;

/** One answer as it comes. @throws ProblemError; an error of the signal when it was stopped */
export async function* streamChat(
  request: ChatRequest,
  token: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ChatPart, void, void> {
  const response = await callAgent('/api/chat', { method: 'POST', body: request, token, signal });
  const agent = response.headers.get('x-ollamamax-agent') ?? undefined;
  let ended = false;
  if (response.body !== null) {
    for await (const value of readNdjson(response.body)) {
      const line = value as ChatLine;
      if (line.error !== undefined)
        throw new ProblemError({ status: 500, code: 'stream', message: line.error, action: '' });
      const text = line.message?.content ?? '';
      if (text !== '') yield { kind: 'text', text };
      if (line.done !== true) continue;
      ended = true;
      const tokens = line.eval_count ?? 0;
      const seconds = toMs(line.eval_duration) / 1000;
      yield {
        kind: 'end',
        stats: {
          tokens,
          tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
          totalMs: toMs(line.total_duration),
          agent,
        },
      };
    }
  }
  if (!ended)
    throw new ProblemError({
      status: 0,
      code: 'broken',
      message: messages.playground.broken,
      action: messages.playground.brokenAction,
    });
}
