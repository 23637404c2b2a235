import type { Sampling } from '@ollamamax/api';
import { randomInt } from 'node:crypto';
import type { ResolvedSampling } from './runner/protocol.ts';

/** Ollama's defaults, except for the penalties it no longer applies. */
const defaults = {
  temperature: 0.8,
  topK: 40,
  topP: 0.9,
  minP: 0,
  typicalP: 1,
  mirostat: 0,
  mirostatTau: 5,
  mirostatEta: 0.1,
  repeatPenalty: 1,
  repeatLastN: 64,
  presencePenalty: 0,
  frequencyPenalty: 0,
} as const;

const seedRange = 2 ** 32;

/** Settings of the request, else those of the model (Ollama's parameter names), else Ollama's defaults. */
export const resolveSampling = (
  request: Sampling,
  parameters: Readonly<Record<string, unknown>>,
): ResolvedSampling => {
  const number = (name: string): number | undefined => {
    const value = parameters[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  };
  const maxTokens = request.maxTokens ?? number('num_predict');
  return {
    temperature: request.temperature ?? number('temperature') ?? defaults.temperature,
    topK: request.topK ?? number('top_k') ?? defaults.topK,
    topP: request.topP ?? number('top_p') ?? defaults.topP,
    minP: request.minP ?? number('min_p') ?? defaults.minP,
    typicalP: request.typicalP ?? number('typical_p') ?? defaults.typicalP,
    mirostat: request.mirostat ?? number('mirostat') ?? defaults.mirostat,
    mirostatTau: request.mirostatTau ?? number('mirostat_tau') ?? defaults.mirostatTau,
    mirostatEta: request.mirostatEta ?? number('mirostat_eta') ?? defaults.mirostatEta,
    seed: resolveSeed(request.seed ?? number('seed')),
    repeatPenalty: request.repeatPenalty ?? number('repeat_penalty') ?? defaults.repeatPenalty,
    repeatLastN: request.repeatLastN ?? number('repeat_last_n') ?? defaults.repeatLastN,
    presencePenalty: request.presencePenalty ?? number('presence_penalty') ?? defaults.presencePenalty,
    frequencyPenalty: request.frequencyPenalty ?? number('frequency_penalty') ?? defaults.frequencyPenalty,
    logitBias: request.logitBias ?? {},
    topLogprobs: request.topLogprobs,
    stop: request.stop ?? stopsOf(parameters.stop),
    maxTokens: maxTokens === undefined || maxTokens < 0 ? undefined : maxTokens,
  };
};

/** An explicit seed always: llama.cpp's own default is the current second, the same for concurrent requests. */
const resolveSeed = (seed: number | undefined): number =>
  seed === undefined || seed === -1
    ? randomInt(seedRange)
    : ((Math.trunc(seed) % seedRange) + seedRange) % seedRange;

const stopsOf = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
};
