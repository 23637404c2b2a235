import {
  ApiError,
  type ChatMessage,
  type InferenceRequest,
  type OutputFormat,
  type ResponseBody,
  type ResponseInputContent,
  type ResponseInputItem,
  type ToolCall,
} from '@ollamamax/api';
import { parseArguments, requestHead, toolInput, type ToolWishes } from './inference-request.ts';
import { contentOfParts, toFormat, toSampling, toThink, toTool } from './openai-request.ts';
import type { RequestContext } from './request-context.ts';

const refuse = (param: string, message: string): never => {
  throw new ApiError('invalid_request', message, { param });
};

const refuseMemory = (body: ResponseBody): void => {
  const instead = 'No conversations are stored here: send the whole input with every request.';
  if ((body.previous_response_id ?? undefined) !== undefined) refuse('previous_response_id', instead);
  if ((body.conversation ?? undefined) !== undefined) refuse('conversation', instead);
  if (body.store === true) refuse('store', `${instead} Set store to false.`);
  if (body.background === true)
    refuse('background', 'Nothing runs in the background here: leave it out and wait for the answer.');
};

const contentOf = (
  content: ResponseInputContent,
  param: string,
  model: string,
): ReturnType<typeof contentOfParts> =>
  typeof content === 'string' ? { content } : contentOfParts(content, param, model);

/** Puts items together to messages: what the model said, thought and called between two of others is one message. */
class Conversation {
  readonly messages: ChatMessage[] = [];
  readonly #names = new Map<string, string>();
  #own: { content: string; thinking: string; calls: ToolCall[] } | undefined;

  /** @throws ApiError invalid_request, capability_missing */
  add(item: ResponseInputItem, param: string, model: string): void {
    switch (item.type) {
      case 'item_reference':
        return refuse(param, 'No items are stored here: send the item itself instead of a reference.');
      case 'reasoning': {
        if (this.#own !== undefined && (this.#own.content !== '' || this.#own.calls.length > 0)) this.close();
        const parts = item.content ?? item.summary ?? [];
        this.#open().thinking += parts.map(({ text }) => text).join('');
        return;
      }
      case 'function_call':
        this.#names.set(item.call_id, item.name);
        this.#open().calls.push({
          id: item.call_id,
          name: item.name,
          arguments: parseArguments(item.arguments, `${param}.arguments`),
        });
        return;
      case 'function_call_output': {
        this.close();
        const name = this.#names.get(item.call_id);
        this.messages.push({
          role: 'tool',
          ...contentOf(item.output, `${param}.output`, model),
          toolCallId: item.call_id,
          ...(name === undefined ? {} : { toolName: name }),
        });
        return;
      }
      default: {
        const said = contentOf(item.content, `${param}.content`, model);
        if (item.role === 'assistant') {
          if (this.#own !== undefined && (this.#own.content !== '' || this.#own.calls.length > 0))
            this.close();
          this.#open().content = said.content;
          return;
        }
        this.close();
        this.messages.push({ role: item.role === 'developer' ? 'system' : item.role, ...said });
      }
    }
  }

  close(): void {
    const own = this.#own;
    if (own === undefined) return;
    this.#own = undefined;
    this.messages.push({
      role: 'assistant',
      content: own.content,
      ...(own.thinking === '' ? {} : { thinking: own.thinking }),
      ...(own.calls.length === 0 ? {} : { toolCalls: own.calls }),
    });
  }

  #open(): { content: string; thinking: string; calls: ToolCall[] } {
    this.#own ??= { content: '', thinking: '', calls: [] };
    return this.#own;
  }
}

const messagesOf = (body: ResponseBody): ChatMessage[] => {
  const conversation = new Conversation();
  if ((body.instructions ?? '') !== '')
    conversation.messages.push({ role: 'system', content: body.instructions ?? '' });
  if (typeof body.input === 'string') conversation.messages.push({ role: 'user', content: body.input });
  else
    for (const [index, item] of body.input.entries()) conversation.add(item, `input[${index}]`, body.model);
  conversation.close();
  return conversation.messages;
};

const formatOf = (body: ResponseBody): OutputFormat | undefined => {
  const format = body.text?.format;
  if (format === undefined || format === null || format.type === 'text') return undefined;
  return format.type === 'json_object' ? { type: 'json' } : { type: 'json_schema', schema: format.schema };
};

const wishesOf = (body: ResponseBody): ToolWishes => {
  const tools = (body.tools ?? []).map(toTool);
  const parallel = body.parallel_tool_calls ?? undefined;
  const choice = body.tool_choice ?? 'auto';
  if (typeof choice === 'string') return { tools, choice, parallel };
  return choice.type === 'function'
    ? { tools, choice: { name: choice.name }, parallel }
    : { tools, choice: choice.mode, allowed: choice.tools.map(({ name }) => name), parallel };
};

const topLogprobsOf = (body: ResponseBody): number | undefined =>
  body.top_logprobs ?? (body.include?.includes('message.output_text.logprobs') === true ? 0 : undefined);

/**
 * The request of a response.
 * @throws ApiError invalid_request, also for everything that needs a memory; capability_missing, invalid_model_name
 */
export const toResponseRequest = (body: ResponseBody, context: RequestContext): InferenceRequest => {
  refuseMemory(body);
  return {
    ...requestHead(body.model, context),
    truncate: body.truncation === 'auto',
    shift: false,
    sampling: toSampling(body, { maxTokens: body.max_output_tokens, topLogprobs: topLogprobsOf(body) }),
    input: {
      kind: 'chat',
      messages: messagesOf(body),
      ...toolInput(wishesOf(body)),
      ...toThink(body.reasoning?.effort),
    },
    ...toFormat(formatOf(body), undefined),
  };
};
