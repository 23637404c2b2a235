import type { ToolFormat } from '../tool-formats/tool-format.ts';
import { toolFormatOf } from '../tool-formats/tool-formats.ts';
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
