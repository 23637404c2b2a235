import type { TokenLogprob } from '@ollamamax/api';
import type { AnswerForm } from '../runner/answer-form.ts';
import type { Job } from '../runner/protocol.ts';
import { controlMarksOf } from '../runner/thinking-formats.ts';
import type { ServerPrompt } from './server-prompt.ts';
import type { Slot } from './slots.ts';

interface Likelihood {
  readonly id: number;
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
}

/** What llama-server streams from /completion: a text at a time, at the end an empty one that says why. */
export interface CompletionEvent {
  readonly content: string;
  readonly stop: boolean;
  /** Tokens of the answer and of the prompt so far; images count as what they are made into. */
  readonly tokens_predicted: number;
  readonly tokens_evaluated: number;
  readonly stop_type?: 'eos' | 'limit' | 'word' | 'none';
  readonly completion_probabilities?: readonly (Likelihood & {
    readonly top_logprobs: readonly Likelihood[];
  })[];
  readonly timings?: {
    readonly cache_n: number;
    readonly prompt_ms: number;
    readonly predicted_ms: number;
  };
}

/** Control tokens of some vocabularies that are to show as text all the same: our own parsers read them. */
const shownMarks = ({ tools, thinking }: AnswerForm): readonly string[] => [
  ...(tools === undefined ? [] : [...tools.openings, ...tools.marks, ...(tools.noise ?? [])]),
  ...(thinking === undefined ? [] : controlMarksOf(thinking)),
];

export interface CompletionRequest {
  readonly job: Job;
  readonly prompt: ServerPrompt['prompt'];
  /** GBNF that the answer follows. */
  readonly grammar: string | undefined;
  readonly form: AnswerForm;
  readonly slot: Pick<Slot, 'id' | 'mayReuse'>;
}

/** From here down a bias forbids its token. */
const forbidding = -100;

/** The body for /completion. Stop sequences are not in it: the answer is cut here, where thinking is known. */
export const completionBody = ({
  job: { sampling, input },
  prompt,
  grammar,
  form,
  slot,
}: CompletionRequest): object => ({
  prompt,
  stream: true,
  id_slot: slot.id,
  cache_prompt: slot.mayReuse,
  timings_per_token: true,
  n_predict: sampling.maxTokens ?? -1,
  temperature: sampling.temperature,
  top_k: sampling.topK,
  top_p: sampling.topP,
  min_p: sampling.minP,
  typical_p: sampling.typicalP,
  mirostat: sampling.mirostat,
  mirostat_tau: sampling.mirostatTau,
  mirostat_eta: sampling.mirostatEta,
  seed: sampling.seed,
  repeat_penalty: sampling.repeatPenalty,
  repeat_last_n: sampling.repeatLastN,
  presence_penalty: sampling.presencePenalty,
  frequency_penalty: sampling.frequencyPenalty,
  logit_bias: Object.entries(sampling.logitBias).map(([token, bias]) => [
    Number(token),
    bias <= forbidding ? false : bias,
  ]),
  ...(grammar === undefined ? {} : { grammar }),
  ...(sampling.topLogprobs === undefined ? {} : { n_probs: Math.max(1, sampling.topLogprobs) }),
  ...(input.kind === 'chat' ? { preserved_tokens: shownMarks(form) } : {}),
});

const described = ({ id, token, bytes, logprob }: Likelihood): Omit<TokenLogprob, 'top'> => ({
  token: id,
  text: token,
  bytes: [...bytes],
  logprob,
});

/** @param most alternatives that were asked for */
export const toLogprobs = (
  { completion_probabilities: all = [] }: CompletionEvent,
  most: number,
): readonly TokenLogprob[] =>
  all.map((one) => ({ ...described(one), top: one.top_logprobs.slice(0, most).map(described) }));
