import type { ToolFormat } from '../tool-formats/tool-format.ts';
import { toolFormatOf } from '../tool-formats/tool-formats.ts';
import type { JobInput } from './protocol.ts';
import { thinkingFormatOf, type ThinkingFormat } from './thinking-formats.ts';

/** How a model writes what is no plain text in its answers. */
export interface AnswerForm {
  /** Undefined: it calls no tools. */
  readonly tools: ToolFormat | undefined;
  /** Undefined: it does not think aloud. */
  readonly thinking: ThinkingFormat | undefined;
}

/** What a chat template tells of the answers of its models. */
export const answerFormOf = (template: string | undefined): AnswerForm => ({
  tools: template === undefined ? undefined : toolFormatOf(template),
  thinking: template === undefined ? undefined : thinkingFormatOf(template),
});

/** The form of the answer to a request. @param chatTemplate the model's own */
export const jobFormOf = (input: JobInput, chatTemplate: string | undefined): AnswerForm =>
  answerFormOf(input.kind === 'chat' ? (input.template ?? chatTemplate) : undefined);

/**
 * How an answer begins whose model thinks aloud; undefined: it does not, or is not to.
 * @param opensThinking whether the prompt ends inside of what it thinks
 */
export const thinkingOf = (
  input: JobInput,
  form: AnswerForm,
  opensThinking: boolean,
): { readonly isOpen: boolean } | undefined =>
  input.kind !== 'chat' || input.think === false || form.thinking === undefined
    ? undefined
    : { isOpen: opensThinking };
