import { randomBytes } from 'node:crypto';
import type { ChatMessage } from '@ollamamax/api';
import type { TemplateRenderer } from '../runner/chat-template.ts';
import { RunnerFailure } from '../runner/failure.ts';
import { fitted, renderChat, withoutOldest } from '../runner/prompt.ts';
import type { ChatInput, Job } from '../runner/protocol.ts';
import { tokenized, type ServerModel } from './server-model.ts';

export interface ServerPromptContext {
  readonly job: Job;
  readonly model: ServerModel;
  readonly renderer: TemplateRenderer;
}

/** Text with marks where images are, and the images in the order of the marks; in llama-server's words. */
interface TextWithImages {
  readonly prompt_string: string;
  /** Base64. */
  readonly multimodal_data: readonly string[];
}

export interface ServerPrompt {
  /** Tokens where there is no image, as then nothing a user writes can pass for a mark of the template. */
  readonly prompt: readonly number[] | TextWithImages;
  /** Whether the answer begins inside the model's thinking. */
  readonly opensThinking: boolean;
}

/** Parts a mark in two that a user wrote, where it cannot be tokenised piece by piece: a space without width. */
const breakInText = '\u200B';

/**
 * Makes prompts of a request, each shorter than the one before, until `use` takes one.
 * @param use @throws RunnerFailure context_exceeded when it is too long
 * @throws RunnerFailure also template_failed, capability_missing, invalid_request
 */
export const withFittingPrompt = async <T>(
  context: ServerPromptContext,
  use: (prompt: ServerPrompt) => Promise<T>,
): Promise<T> => {
  const { job, model } = context;
  const { input } = job;
  if (input.kind === 'raw') return use({ prompt: await rawPrompt(context, input), opensThinking: false });
  if (input.kind !== 'chat')
    throw new RunnerFailure('capability_missing', `The model does not support ${nameOf(input.kind)}: ${why}`);
  if (input.context.length > 0)
    throw new RunnerFailure('invalid_request', `context cannot be gone on from here: ${why}`);
  let messages = input.messages;
  for (;;) {
    const shorter = withoutOldest(messages);
    const mayDrop = job.truncate && shorter.length < messages.length;
    const { prompt, opensThinking } = await chatPrompt(context, { ...input, messages });
    const isLong = Array.isArray(prompt) && prompt.length >= model.contextSize;
    try {
      if (!isLong || !mayDrop)
        return await use({ prompt: isTokens(prompt) ? fitted(context, prompt) : prompt, opensThinking });
    } catch (error) {
      if (!(error instanceof RunnerFailure && error.code === 'context_exceeded') || !mayDrop) throw error;
    }
    messages = shorter;
  }
};

const why = 'it runs in llama-server because it has an image projector.';

const nameOf = (kind: Job['input']['kind']): string =>
  ({ infill: 'insert', embed: 'embeddings', rerank: 'reranking' })[kind as string] ?? kind;

const isTokens = (prompt: ServerPrompt['prompt']): prompt is readonly number[] => Array.isArray(prompt);

type Input<Kind> = Extract<Job['input'], { kind: Kind }>;

const rawPrompt = async (
  context: ServerPromptContext,
  { prompt, images = [] }: Input<'raw'>,
): Promise<ServerPrompt['prompt']> => {
  const { model } = context;
  if (typeof prompt !== 'string') return fitted(context, prompt);
  if (images.length > 0)
    return { prompt_string: model.mediaMarker.repeat(images.length) + prompt, multimodal_data: images };
  return fitted(context, await tokensOf(model, [prompt]));
};

/** Tokens of the pieces, one after the other, with what every prompt of the model begins with. */
export const tokensOf = async (model: ServerModel, pieces: readonly string[]): Promise<readonly number[]> => {
  const tokens: number[] = [];
  for (const piece of pieces)
    tokens.push(...(await tokenized(model.client, piece, { addSpecial: false, parseSpecial: true })));
  return tokens[0] === model.opening[0] ? tokens : [...model.opening, ...tokens];
};

const chatPrompt = async (context: ServerPromptContext, input: Input<'chat'>): Promise<ServerPrompt> => {
  const { model } = context;
  const images = input.messages.flatMap((message) => message.images ?? []).map(({ data }) => data);
  const nonce = randomBytes(12).toString('hex');
  const { pieces, opensThinking } =
    input.plain !== undefined && (input.template ?? model.chatTemplate) === undefined
      ? { pieces: [placeholdersOf(images, nonce) + input.plain], opensThinking: false }
      : await renderChat(context, { ...input, messages: withPlaceholders(input.messages, nonce) });
  if (images.length === 0) return { prompt: await tokensOf(model, pieces), opensThinking };
  const shown: string[] = [];
  const text = pieces
    .join(breakInText)
    .replaceAll(new RegExp(`\\uE002${nonce}:(\\d+)\\uE003`, 'g'), (_mark, index: string) => {
      shown.push(images[Number(index)] ?? '');
      return model.mediaMarker;
    });
  if (shown.length < images.length)
    throw new RunnerFailure('template_failed', 'The chat template has left images out.');
  return { prompt: { prompt_string: text, multimodal_data: shown }, opensThinking };
};

const placeholder = (nonce: string, index: number): string => `\uE002${nonce}:${index}\uE003`;

const placeholdersOf = (images: readonly string[], nonce: string): string =>
  images.map((_image, index) => placeholder(nonce, index)).join('');

/** Messages with something in the text, unguessable, where each image is. */
const withPlaceholders = (messages: readonly ChatMessage[], nonce: string): ChatMessage[] => {
  let next = 0;
  return messages.map((message) => {
    const { content, images = [] } = message;
    const numbered = images.map(({ at }) => ({ at, index: next++ }));
    // From the end, so that the places of those before stay right.
    const text = numbered.reduceRight(
      (rest, { at, index }) => rest.slice(0, at) + placeholder(nonce, index) + rest.slice(at),
      content,
    );
    return { ...message, content: text };
  });
};

/**
 * The text that a conversation becomes. What images are in tokens is known only when they are looked at.
 * @throws RunnerFailure template_failed, capability_missing
 */
export const renderedPieces = async (
  context: ServerPromptContext,
  input: ChatInput,
): Promise<readonly string[]> => {
  if (input.messages.some(({ images = [] }) => images.length > 0))
    throw new RunnerFailure(
      'capability_missing',
      'Tokens of images are not counted before they are looked at: ask without them.',
    );
  return (await renderChat(context, input)).pieces;
};
