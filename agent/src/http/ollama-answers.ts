import { randomInt } from 'node:crypto';
import type { FinishReason, InferenceUsage, OllamaLogprob, OllamaToolCall, ToolCall } from '@ollamamax/api';

/** One part of an answer, or all of it. */
export interface Part {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly OllamaToolCall[];
  readonly logprobs?: readonly OllamaLogprob[];
  readonly end?: {
    readonly reason: FinishReason;
    readonly usage: InferenceUsage;
    readonly context?: readonly number[] | undefined;
  };
}

/** Writes a part as one JSON value, fields in Ollama's order and left out where Ollama leaves them out. */
export type Shape = (model: string, part: Part) => object;

/** A field that is left out when it is empty or zero. */
const optional = <Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> =>
  value === undefined || value === 0 || value === '' || (Array.isArray(value) && value.length === 0)
    ? {}
    : ({ [name]: value } as Partial<Record<Name, Value>>);

const loading = (reason: FinishReason): boolean => reason === 'load' || reason === 'unload';

const lineFields = ({ end }: Part): object =>
  end === undefined
    ? { done: false }
    : {
        done: true,
        // Ollama has no reason of its own for tool calls.
        done_reason: end.reason === 'tool_calls' ? 'stop' : end.reason,
      };

// With Ollama never zero and so never left out: clients may count on them.
const times = ({ totalNs, loadNs }: InferenceUsage): object => ({
  total_duration: totalNs,
  load_duration: loadNs,
});

const counters = ({ end }: Part): object => {
  if (end === undefined || loading(end.reason)) return {};
  const { usage } = end;
  return {
    ...times(usage),
    ...optional('prompt_eval_count', usage.promptTokens),
    ...optional('prompt_eval_duration', usage.promptNs),
    ...optional('eval_count', usage.completionTokens),
    ...optional('eval_duration', usage.evalNs),
  };
};

const now = (): string => new Date().toISOString();

export const generateShape: Shape = (model, part) => ({
  model,
  created_at: now(),
  response: part.text ?? '',
  ...optional('thinking', part.thinking),
  ...lineFields(part),
  ...optional('context', part.end?.context),
  ...counters(part),
  ...optional('tool_calls', part.calls),
  ...optional('logprobs', part.logprobs),
});

export const chatShape: Shape = (model, part) => ({
  model,
  created_at: now(),
  message: {
    role: 'assistant',
    content: part.text ?? '',
    ...optional('thinking', part.thinking),
    ...optional('tool_calls', part.calls),
  },
  ...lineFields(part),
  ...optional('logprobs', part.logprobs),
  ...counters(part),
});

const idLetters = 'abcdefghijklmnopqrstuvwxyz0123456789';

const newCallId = (): string =>
  `call_${Array.from({ length: 8 }, () => idLetters[randomInt(idLetters.length)]).join('')}`;

/** Calls with an id each. @param first index of the first of them in the answer */
export const toCalls = (calls: readonly ToolCall[], first = 0): OllamaToolCall[] =>
  calls.map((call, index) => ({
    id: call.id ?? newCallId(),
    function: { index: first + index, name: call.name, arguments: call.arguments },
  }));

interface Likely {
  readonly text: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

interface LikelyToken extends Likely {
  readonly top: readonly Likely[];
}

const toToken = ({ text, logprob, bytes }: Likely) => ({
  token: text,
  logprob,
  ...optional('bytes', [...bytes]),
});

export const toLogprobs = (logprobs: readonly LikelyToken[]): OllamaLogprob[] =>
  logprobs.map((one) => ({ ...toToken(one), ...optional('top_logprobs', one.top.map(toToken)) }));

/** Counters of an answer of /api/embed. */
export const embedCounters = (usage: InferenceUsage): object => ({
  ...times(usage),
  ...optional('prompt_eval_count', usage.promptTokens),
});
