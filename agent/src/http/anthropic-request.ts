import {
  ApiError,
  type AnthropicBlock,
  type AnthropicCountBody,
  type AnthropicMessage,
  type AnthropicMessagesBody,
  type ChatMessage,
  type InferenceRequest,
  type Think,
  type ToolCall,
  type ToolDefinition,
} from '@ollamamax/api';
import { ContentParts } from './image-input.ts';
import { present, requestHead, toolInput } from './inference-request.ts';
import type { RequestContext } from './request-context.ts';

/** Blocks are paragraphs: nothing else keeps one from running into the next. */
const betweenBlocks = '\n\n';

const refuse = (param: string, message: string): never => {
  throw new ApiError('invalid_request', message, { param });
};

type TextBlock = { readonly type: string } | { readonly type: string; readonly text: string };

/** @throws ApiError capability_missing for a block of another kind */
const textOf = (block: TextBlock, param: string, model: string): string => {
  if ('text' in block) return block.text;
  throw new ApiError('capability_missing', `"${model}" takes only text here, not ${block.type}.`, {
    param: `${param}.type`,
  });
};

interface ImageBlock {
  readonly type: 'image';
  readonly source: { readonly type: string } | { readonly type: string; readonly data: string };
}

/** Content of the image in base64. @throws ApiError invalid_request */
const imageOf = ({ source }: ImageBlock, param: string): string =>
  'data' in source
    ? source.data
    : refuse(
        `${param}.source.type`,
        `An image of type ${source.type} is not fetched: send it with a source of type base64.`,
      );

/** Turns messages of blocks into messages of one kind each. */
class Conversation {
  readonly messages: ChatMessage[] = [];
  readonly #model: string;
  readonly #names = new Map<string, string>();

  constructor(model: string) {
    this.#model = model;
  }

  /** @throws ApiError invalid_request, capability_missing */
  add({ role, content }: AnthropicMessage, param: string): void {
    if (typeof content === 'string') this.messages.push({ role, content });
    else if (role === 'assistant') this.#addAnswer(content, param);
    else this.#addOther(role, content, param);
  }

  #addAnswer(blocks: readonly AnthropicBlock[], param: string): void {
    const texts: string[] = [];
    const thoughts: string[] = [];
    const toolCalls: ToolCall[] = [];
    for (const [index, block] of blocks.entries())
      switch (block.type) {
        case 'thinking':
          thoughts.push(block.thinking);
          break;
        case 'redacted_thinking':
          break;
        case 'tool_use':
          this.#names.set(block.id, block.name);
          toolCalls.push({ id: block.id, name: block.name, arguments: block.input });
          break;
        case 'tool_result':
          refuse(`${param}[${index}].type`, 'A tool_result belongs into a message of the user.');
          break;
        default:
          texts.push(textOf(block, `${param}[${index}]`, this.#model));
      }
    this.messages.push({
      role: 'assistant',
      content: texts.join(betweenBlocks),
      ...(thoughts.length === 0 ? {} : { thinking: thoughts.join(betweenBlocks) }),
      ...(toolCalls.length === 0 ? {} : { toolCalls }),
    });
  }

  #addOther(role: 'user' | 'system', blocks: readonly AnthropicBlock[], param: string): void {
    let parts = new ContentParts(betweenBlocks);
    const flush = (): void => {
      if (!parts.isEmpty) this.messages.push({ role, ...parts.content() });
      parts = new ContentParts(betweenBlocks);
    };
    for (const [index, block] of blocks.entries()) {
      const at = `${param}[${index}]`;
      switch (block.type) {
        case 'tool_result': {
          flush();
          const name = this.#names.get(block.tool_use_id);
          this.messages.push({
            role: 'tool',
            ...this.#resultOf(block, `${at}.content`),
            toolCallId: block.tool_use_id,
            ...(name === undefined ? {} : { toolName: name }),
          });
          break;
        }
        case 'image':
          parts.addImage(imageOf(block, at));
          break;
        case 'tool_use':
        case 'thinking':
        case 'redacted_thinking':
          refuse(`${at}.type`, `A block of type ${block.type} belongs into a message of the assistant.`);
          break;
        default:
          parts.addText(textOf(block, at, this.#model));
      }
    }
    flush();
  }

  #resultOf(
    { content = '', is_error: isError }: Extract<AnthropicBlock, { type: 'tool_result' }>,
    param: string,
  ): ReturnType<ContentParts['content']> {
    const parts = new ContentParts(betweenBlocks, isError === true ? 'Error: ' : '');
    if (typeof content === 'string') parts.addText(content);
    else
      for (const [index, block] of content.entries()) {
        const at = `${param}[${index}]`;
        if (block.type === 'image') parts.addImage(imageOf(block, at));
        else parts.addText(textOf(block, at, this.#model));
      }
    return parts.content();
  }
}

const systemOf = ({ system = '', model }: AnthropicCountBody): string =>
  typeof system === 'string'
    ? system
    : system.map((block, index) => textOf(block, `system[${index}]`, model)).join(betweenBlocks);

const messagesOf = (body: AnthropicCountBody): ChatMessage[] => {
  const conversation = new Conversation(body.model);
  const system = systemOf(body);
  if (system !== '') conversation.messages.push({ role: 'system', content: system });
  for (const [index, message] of body.messages.entries())
    conversation.add(message, `messages[${index}].content`);
  return conversation.messages;
};

const toolsOf = (body: AnthropicCountBody): ToolDefinition[] =>
  (body.tools ?? []).map((tool) => ({
    name: tool.name,
    parameters: tool.input_schema,
    ...present({ description: tool.description }),
  }));

const toolFields = (body: AnthropicCountBody): ReturnType<typeof toolInput> => {
  const choice = body.tool_choice ?? { type: 'auto' };
  const shared = {
    tools: toolsOf(body),
    parallel: 'disable_parallel_tool_use' in choice ? !choice.disable_parallel_tool_use : undefined,
  };
  switch (choice.type) {
    case 'any':
      return toolInput({ ...shared, choice: 'required' });
    case 'tool':
      return toolInput({ ...shared, choice: { name: choice.name } });
    default:
      return toolInput({ ...shared, choice: choice.type });
  }
};

// Budgets are counted in tokens there and in words here.
const smallBudget = 4096;
const largeBudget = 16_384;

/** Without a word of it models do not think, as at Anthropic. */
const thinkOf = (body: Pick<AnthropicMessagesBody, 'thinking' | 'output_config'>): Think => {
  const { thinking } = body;
  const effort = body.output_config?.effort ?? undefined;
  if (thinking?.type === 'disabled') return false;
  if (thinking?.type === 'enabled') {
    if (thinking.budget_tokens < smallBudget) return 'low';
    return thinking.budget_tokens < largeBudget ? 'medium' : 'high';
  }
  if (effort === undefined) return thinking?.type === 'adaptive';
  return effort === 'low' || effort === 'medium' ? effort : 'high';
};

/** The request of a message. @throws ApiError invalid_request, capability_missing, invalid_model_name */
export const toMessageRequest = (body: AnthropicMessagesBody, context: RequestContext): InferenceRequest => {
  const { thinking } = body;
  if (thinking?.type === 'enabled' && thinking.budget_tokens >= body.max_tokens)
    refuse('thinking.budget_tokens', 'thinking.budget_tokens must be less than max_tokens.');
  const format = body.output_config?.format ?? undefined;
  return {
    ...requestHead(body.model, context),
    // Anthropic refuses what is too long and ends when the context is full.
    truncate: false,
    shift: false,
    sampling: present({
      temperature: body.temperature ?? 1,
      topP: body.top_p ?? 1,
      topK: body.top_k,
      stop: body.stop_sequences,
      maxTokens: body.max_tokens,
    }),
    input: { kind: 'chat', messages: messagesOf(body), ...toolFields(body), think: thinkOf(body) },
    ...(format === undefined ? {} : { format }),
  };
};

/** The request that counts the tokens of a message. Same errors. */
export const toCountRequest = (body: AnthropicCountBody, context: RequestContext): InferenceRequest => {
  const tools = toolFields(body).tools ?? [];
  return {
    ...requestHead(body.model, context),
    input: {
      kind: 'render',
      messages: messagesOf(body),
      ...(tools.length === 0 ? {} : { tools }),
      think: thinkOf(body),
    },
  };
};
