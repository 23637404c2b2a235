import type { InferenceUsage, ToolCall } from '@ollamamax/api';
import type { Logprobs } from './inference-calls.ts';

const fingerprint = 'fp_ollamamax';

/** What every object of an answer begins with. */
export const answerHead = (id: string, model: string) => ({
  id,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: fingerprint,
});

/**
 * Usage of one or several answers.
 * @param prompts usage of one answer to each prompt: prompts count once
 * @param answers usage of all answers
 * @param isPredicted whether the client has said what they will probably be
 */
export const toUsage = (
  prompts: readonly InferenceUsage[],
  answers: readonly InferenceUsage[],
  isPredicted = false,
) => {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const promptTokens = sum(prompts.map((usage) => usage.promptTokens));
  const completionTokens = sum(answers.map((usage) => usage.completionTokens));
  const thinkingTokens = sum(answers.map((usage) => usage.thinkingTokens ?? 0));
  const predicted = isPredicted
    ? {
        accepted_prediction_tokens: sum(answers.map(({ guesses }) => guesses?.right ?? 0)),
        rejected_prediction_tokens: sum(answers.map(({ guesses }) => guesses?.wrong ?? 0)),
      }
    : {};
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum(prompts.map((usage) => usage.cachedPromptTokens)) },
    ...(thinkingTokens === 0 && !isPredicted
      ? {}
      : { completion_tokens_details: { reasoning_tokens: thinkingTokens, ...predicted } }),
  };
};

/** Log probabilities in the form of chat completions and responses. */
export const toLogprobs = (logprobs: Logprobs) =>
  logprobs.map(({ text, logprob, bytes, top }) => ({
    token: text,
    logprob,
    bytes: [...bytes],
    top_logprobs: top.map((other) => ({
      token: other.text,
      logprob: other.logprob,
      bytes: [...other.bytes],
    })),
  }));

/** The id of a call; models whose calls have none get one that is unique in the answer. */
export const callId = (call: ToolCall, requestId: string, index: number): string =>
  call.id ?? `call_${requestId}_${index}`;
