import { randomBytes } from 'node:crypto';
import type { ChatMessage } from '@ollamamax/api';
import { answerFormOf } from './answer-form.ts';
import { RenderTime, type TemplateRenderer } from './chat-template.ts';
import { RunnerFailure } from './failure.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { ChatInput, Job } from './protocol.ts';
import { SpecialTextGuard } from './special-text.ts';
import { renderAccepted } from './template-concessions.ts';
import { templateMessages, templateTools } from './template-messages.ts';
import { thinkingVariables, type ThinkingFormat } from './thinking-formats.ts';

export interface PromptContext {
  readonly job: Job;
  readonly model: LoadedModel;
  readonly renderer: TemplateRenderer;
}

/** What rendering a conversation takes, wherever the model is. */
export interface RenderContext {
  readonly job: Job;
  readonly model: Pick<LoadedModel, 'chatTemplate' | 'controlTexts' | 'bosText' | 'eosText'>;
  readonly renderer: TemplateRenderer;
}

export interface Prompt {
  readonly tokens: readonly number[];
  /** Whether the answer begins inside the model's thinking. */
  readonly opensThinking: boolean;
}

/**
 * The prompt of a request that is answered token by token, in a length that leaves room for the answer.
 * @throws RunnerFailure template_failed, capability_missing, context_exceeded, invalid_request
 */
export const buildPrompt = async (context: PromptContext): Promise<Prompt> => {
  const { job, model } = context;
  const { input } = job;
  switch (input.kind) {
    case 'raw':
      return plain(
        fitted(
          context,
          typeof input.prompt === 'string' ? tokenized(context, [input.prompt]) : known(model, input.prompt),
        ),
      );
    case 'infill':
      return plain(fitted(context, infillTokens(context, input.prefix, input.suffix)));
    case 'chat':
      return fittingChat(context, input);
    default:
      throw new RunnerFailure('internal', `${input.kind} has no prompt.`);
  }
};

const plain = (tokens: readonly number[]): Prompt => ({ tokens, opensThinking: false });

type ChatJob = Extract<Job['input'], { kind: 'chat' }>;

/** A prompt that a template makes; the oldest messages go until it fits. */
const fittingChat = async (context: PromptContext, input: ChatJob): Promise<Prompt> => {
  const { job, model } = context;
  const template = input.template ?? model.chatTemplate;
  const render = async (messages: readonly ChatMessage[]): Promise<Rendered> =>
    template === undefined && input.plain !== undefined
      ? { pieces: [input.plain], opensThinking: false }
      : renderChat(context, { ...input, messages });
  const withContext = (tokens: readonly number[]): readonly number[] =>
    input.context.length === 0 ? tokens : [...known(model, input.context), ...tokens];
  const build = async (messages: readonly ChatMessage[]): Promise<Prompt> => {
    const { pieces, opensThinking } = await render(messages);
    const isFirst = input.context.length === 0;
    return { tokens: withContext(tokenized(context, pieces, isFirst)), opensThinking };
  };
  let messages = input.messages;
  for (;;) {
    const shorter = withoutOldest(messages);
    const mayDrop = job.truncate && shorter.length < messages.length;
    try {
      const prompt = await build(messages);
      if (prompt.tokens.length < model.contextSize || !mayDrop)
        return { tokens: fitted(context, prompt.tokens), opensThinking: prompt.opensThinking };
    } catch (error) {
      if (!(error instanceof RunnerFailure && error.code === 'context_exceeded') || !mayDrop) throw error;
    }
    messages = shorter;
  }
};

/** Half of the oldest messages go, so that few tries are enough; system messages and the last question stay. */
export const withoutOldest = (messages: readonly ChatMessage[]): readonly ChatMessage[] => {
  const droppable = messages.flatMap(({ role }, index) =>
    role === 'system' || index === messages.length - 1 ? [] : [index],
  );
  const dropped = new Set(droppable.slice(0, Math.ceil(droppable.length / 2)));
  const left = messages.filter((_message, index) => !dropped.has(index));
  // Answers and tool results without what they belong to would mislead the model.
  const first = left.findIndex(({ role }) => role !== 'system');
  const orphans = left.findIndex(({ role }, index) => index >= first && role === 'user');
  return first < 0 || orphans < 0 ? left : [...left.slice(0, first), ...left.slice(orphans)];
};

/** What does not fit loses its middle, the beginning that is to be kept and the end stay. */
export const fitted = (
  { job, model }: { readonly job: Job; readonly model: Pick<LoadedModel, 'contextSize'> },
  tokens: readonly number[],
): readonly number[] => {
  const { contextSize } = model;
  if (tokens.length === 0)
    throw new RunnerFailure('invalid_request', 'The prompt is empty: there is nothing to continue.');
  if (tokens.length < contextSize) return tokens;
  if (!job.truncate)
    throw new RunnerFailure(
      'context_exceeded',
      `The prompt has ${tokens.length} tokens and the context holds ${contextSize}, the answer included.`,
    );
  const most = Math.max(1, contextSize - 1 - Math.min(roomForAnswer, Math.floor(contextSize / 4)));
  const keep = Math.min(Math.max(0, job.keepOnShift ?? 0), Math.floor(most / 2));
  return [...tokens.slice(0, keep), ...tokens.slice(tokens.length - (most - keep))];
};

/** Tokens that a prompt which was cut leaves free, where the context allows it. */
const roomForAnswer = 256;

const infillTokens = (context: PromptContext, prefix: string, suffix: string): readonly number[] => {
  const { infill } = context.model;
  if (infill === undefined)
    throw new RunnerFailure(
      'capability_missing',
      'The model does not support insert: it has no tokens for gaps.',
    );
  return [
    ...tokenized(context, [''], true),
    infill.prefix,
    ...tokenized(context, [prefix], false),
    infill.suffix,
    ...tokenized(context, [suffix], false),
    infill.middle,
  ];
};

const tokenized = (
  { job, model }: PromptContext,
  pieces: readonly string[],
  addSpecial = true,
): readonly number[] => {
  // Tokenising blocks this process: what cannot fit in any case is refused before, or cut roughly.
  const units = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const fewest = Math.ceil(units / model.longestToken);
  if (fewest < model.contextSize) return model.tokenize(pieces, { addSpecial });
  if (!job.truncate || pieces.length > 1)
    throw new RunnerFailure(
      'context_exceeded',
      `The prompt has at least ${fewest} tokens and the context holds ${model.contextSize}, the answer included.`,
    );
  const [text = ''] = pieces;
  return model.tokenize([text.slice(-model.longestToken * model.contextSize)], { addSpecial });
};

/** @throws RunnerFailure invalid_request for what is no token of this model */
export const known = (model: LoadedModel, tokens: readonly number[]): readonly number[] => {
  const stranger = tokens.find((token) => token >= model.vocabularySize);
  if (stranger !== undefined)
    throw new RunnerFailure(
      'invalid_request',
      `${stranger} is no token of the model: it has ${model.vocabularySize}, from 0 on.`,
    );
  return tokens;
};

export interface Rendered {
  /** Tokenised each on its own. */
  readonly pieces: readonly string[];
  readonly opensThinking: boolean;
}

/** @throws RunnerFailure template_failed, capability_missing */
export const renderChat = async (
  { job, model, renderer }: RenderContext,
  { messages, tools, template = model.chatTemplate, think }: ChatInput,
): Promise<Rendered> => {
  if (template === undefined)
    throw new RunnerFailure(
      'template_failed',
      'The model has no chat template; send a raw prompt or give it a template.',
    );
  const form = answerFormOf(template);
  if (tools.length > 0 && form.tools === undefined)
    throw new RunnerFailure(
      'capability_missing',
      'The model does not support tools: its chat template has calls in no form that is known here.',
    );
  const canThink = form.thinking !== undefined;
  if (think !== undefined && think !== false && !canThink)
    throw new RunnerFailure(
      'capability_missing',
      'The model does not support thinking: its chat template has no marks for it that are known here.',
    );
  const guard = new SpecialTextGuard(model.controlTexts, randomBytes(12).toString('hex'));
  // The answer goes on from an answer that the client has begun.
  const begun = messages.at(-1);
  const isBegun = begun?.role === 'assistant' && begun.toolCalls === undefined && messages.length > 1;
  const variables = {
    ...(tools.length === 0 ? {} : { tools: guard.guard(templateTools(tools)) }),
    add_generation_prompt: true,
    ...(form.thinking === undefined ? {} : thinkingVariables(form.thinking, think)),
    bos_token: model.bosText,
    eos_token: model.eosText,
  };
  const time = new RenderTime(job.renderTimeoutMs);
  const rendered = await renderAccepted(
    isBegun ? messages.slice(0, -1) : messages,
    form.tools !== undefined,
    (told) =>
      renderer.render(
        template,
        { ...variables, messages: guard.guard(templateMessages(told, template, form)) },
        time,
      ),
  );
  const pieces = guard.split(rendered);
  const isOpen = form.thinking !== undefined && rendered.trimEnd().endsWith(form.thinking.open);
  // Some templates have no way to leave thinking out: it is over as soon as it begins.
  const closing = isOpen && (isBegun || think === false) ? [`${form.thinking.close}\n\n`] : [];
  const start = isBegun
    ? [...headed(form.thinking, rendered, closing), ...guard.split(guard.guard(begun.content))]
    : closing;
  return {
    pieces: [...pieces, ...start],
    opensThinking: isOpen && closing.length === 0,
  };
};

/** The end of thinking and what the model's family has before an answer, where the template has not written it. */
const headed = (
  thinking: ThinkingFormat | undefined,
  rendered: string,
  closing: readonly string[],
): readonly string[] => {
  const { head, close } = thinking ?? {};
  if (head === undefined) return closing;
  if (closing.length > 0) return [`${close}${head.next}`];
  return rendered.trimEnd().endsWith(head.first.trim()) ? [] : [head.first];
};
