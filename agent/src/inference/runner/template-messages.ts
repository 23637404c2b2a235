import { createHash } from 'node:crypto';
import type { ChatMessage, ToolDefinition } from '@ollamamax/api';
import type { AnswerForm } from './answer-form.ts';

/** Messages in the form that a chat template expects. */
export const templateMessages = (
  messages: readonly ChatMessage[],
  template: string,
  form: AnswerForm,
): readonly object[] => messages.map((message) => toTemplate(message, wishesOf(template, form)));

/** What templates of some families insist on. */
interface Wishes {
  /** Ids of calls have nine letters and digits. */
  readonly shortIds: boolean;
  /** Arguments are put behind text as they are, so they must be text. */
  readonly textArguments: boolean;
  /** A message with calls is told by its content, which is none. */
  readonly noContent: boolean;
  /** Thinking goes by the name of the channel's template. */
  readonly channels: boolean;
  /** Thinking is `reasoning` and nothing else. */
  readonly reasoning: boolean;
}

const wishesOf = (template: string, { tools, thinking }: AnswerForm): Wishes => {
  const textArguments = template.includes('arguments') && !/tojson|items/.test(template);
  return {
    shortIds: tools?.hasShortIds === true,
    textArguments,
    // Both are DeepSeek's; other templates that speak of no content go on to measure it.
    noContent: textArguments && /content['"]?\]? is none/.test(template),
    channels: thinking?.hasChannels === true,
    reasoning: /message\.reasoning\b/.test(template) && !template.includes('reasoning_content'),
  };
};

const toTemplate = (message: ChatMessage, wishes: Wishes): object => {
  const { role, content, thinking, toolCalls, toolName, toolCallId } = message;
  const idOf = (id: string): string => (wishes.shortIds ? shortId(id) : id);
  return {
    role,
    content: wishes.noContent && toolCalls !== undefined && content === '' ? null : content,
    ...(thinking === undefined ? {} : { reasoning_content: thinking }),
    ...(thinking !== undefined && wishes.channels && content === '' ? { thinking } : {}),
    ...(thinking !== undefined && wishes.reasoning ? { reasoning: thinking } : {}),
    ...(toolCalls === undefined
      ? {}
      : {
          tool_calls: toolCalls.map((call) => ({
            ...(call.id === undefined ? {} : { id: idOf(call.id) }),
            type: 'function',
            function: {
              name: call.name,
              arguments: wishes.textArguments ? JSON.stringify(call.arguments) : call.arguments,
            },
          })),
        }),
    ...(toolName === undefined ? {} : { name: toolName }),
    ...(toolCallId === undefined ? {} : { tool_call_id: idOf(toolCallId) }),
  };
};

/** An id of another maker as nine letters and digits, the same for the same id. */
const shortId = (id: string): string =>
  /^[A-Za-z0-9]{9}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 9);

/** Tools as OpenAI writes them, which is what chat templates expect. */
export const templateTools = (tools: readonly ToolDefinition[]): readonly unknown[] =>
  tools.map((tool) => ({
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description ?? '',
      parameters: tool.parameters ?? { type: 'object', properties: {} },
    },
  }));
