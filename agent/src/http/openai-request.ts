import {
  ApiError,
  type ChatCompletionBody,
  type OutputFormat,
  type ReasoningEffort,
  type Sampling,
  type Think,
  type ToolDefinition,
} from '@ollamamax/api';
import { ContentParts, imageOfUrl } from './image-input.ts';
import { present } from './inference-request.ts';

type SamplingFields = Partial<
  Pick<
    ChatCompletionBody,
    | 'temperature'
    | 'top_p'
    | 'seed'
    | 'stop'
    | 'presence_penalty'
    | 'frequency_penalty'
    | 'logit_bias'
    | 'top_k'
    | 'min_p'
    | 'typical_p'
    | 'repeat_penalty'
  >
>;

/** Sampling with OpenAI's defaults, which differ from Ollama's. */
export const toSampling = (
  body: SamplingFields,
  limits: { readonly maxTokens: number | null | undefined; readonly topLogprobs: number | undefined },
): Sampling =>
  present({
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    topK: body.top_k,
    minP: body.min_p,
    typicalP: body.typical_p,
    seed: body.seed,
    repeatPenalty: body.repeat_penalty,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    logitBias: body.logit_bias,
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    maxTokens: limits.maxTokens,
    topLogprobs: limits.topLogprobs,
  });

/** OpenAI refuses what is too long and ends when the context is full: nothing is left out in silence. */
export const nothingLeftOut = { truncate: false, shift: false } as const;

const efforts: Readonly<Record<ReasoningEffort, Think>> = {
  none: false,
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
};

export const toThink = (effort: ReasoningEffort | null | undefined): { think?: Think } =>
  effort === undefined || effort === null ? {} : { think: efforts[effort] };

interface FunctionFields {
  readonly name: string;
  readonly description?: string | null;
  readonly parameters?: Record<string, unknown> | null;
}

export const toTool = ({ name, description, parameters }: FunctionFields): ToolDefinition => ({
  name,
  ...present({ description, parameters }),
});

/** The form of the answer: what the format field says, or a grammar. @throws ApiError invalid_request */
export const toFormat = (
  format: OutputFormat | undefined,
  grammar: string | null | undefined,
): { format?: OutputFormat } => {
  if (grammar === undefined || grammar === null) return format === undefined ? {} : { format };
  if (format !== undefined)
    throw new ApiError('invalid_request', 'grammar does not go with a response format: send one of them.', {
      param: 'grammar',
    });
  return { format: { type: 'gbnf', grammar } };
};

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: string | { readonly url: string } | null;
}

const urlOf = (given: Exclude<Part['image_url'], undefined>): string =>
  typeof given === 'string' ? given : (given?.url ?? '');

/**
 * Text and images of content in parts.
 * @throws ApiError capability_missing for anything else, invalid_request for an image that is not sent along
 */
export const contentOfParts = (
  parts: readonly Part[],
  param: string,
  model: string,
): ReturnType<ContentParts['content']> => {
  const content = new ContentParts('');
  for (const [index, { type, text, image_url }] of parts.entries())
    if (text !== undefined) content.addText(text);
    else if (type === 'image_url' || type === 'input_image')
      content.addImage(imageOfUrl(urlOf(image_url ?? null), `${param}[${index}].image_url`));
    else
      throw new ApiError('capability_missing', `"${model}" takes only text and images, not ${type}.`, {
        param: `${param}[${index}].type`,
      });
  return content.content();
};
