import type { InferenceUsage } from '@ollamamax/api';

/** Counters of a request that computed nothing: a load or an unload. */
export const noUsage: InferenceUsage = {
  promptTokens: 0,
  cachedPromptTokens: 0,
  completionTokens: 0,
  loadNs: 0,
  queueNs: 0,
  promptNs: 0,
  evalNs: 0,
  totalNs: 0,
};
