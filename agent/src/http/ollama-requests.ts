import {
  ApiError,
  canonicalModelName,
  type ChatBody,
  type ChatMessage,
  type EmbedBody,
  type EmbeddingsBody,
  type GenerateBody,
  type InferenceRequest,
  type OllamaMessage,
  type Think,
  type ToolCall,
} from '@ollamamax/api';
import { parseKeepAlive } from './keep-alive.ts';
import { VerbatimError } from './ollama-errors.ts';
import { readOptions } from './ollama-options.ts';
import { toJinja } from './ollama-template.ts';
import type { RequestContext } from './request-context.ts';

/** A request for the engine, and the options in it that nobody knows. */
export interface ReadRequest {
  readonly request: InferenceRequest;
  readonly unknownOptions: readonly string[];
}

type Input = InferenceRequest['input'];

const toFormat = (format: ChatBody['format']): Pick<InferenceRequest, 'format'> => {
  if (format === undefined || format === null || format === '') return {};
  if (format === 'json') return { format: { type: 'json' } };
  if (typeof format === 'string')
    throw new VerbatimError(
      `invalid format: ${JSON.stringify(JSON.stringify(format))}; expected "json" or a valid JSON Schema object`,
      'format',
      'invalid_format',
    );
  return { format: { type: 'json_schema', schema: format } };
};

const levels: readonly unknown[] = ['low', 'medium', 'high'] satisfies Think[];
const isLevel = (value: unknown): value is Think => levels.includes(value);

const toThink = (think: ChatBody['think']): { readonly think?: Think } => {
  if (think === undefined || think === null) return {};
  if (typeof think === 'boolean' || isLevel(think)) return { think };
  // No model here knows more than high.
  if (think === 'max') return { think: 'high' };
  throw new VerbatimError(
    `invalid think value: ${JSON.stringify(think)} (must be "high", "medium", "low", "max", true, or false)`,
    'think',
  );
};

const roles: readonly string[] = ['system', 'user', 'assistant', 'tool'] satisfies ChatMessage['role'][];
const isRole = (role: string): role is ChatMessage['role'] => roles.includes(role);

const toRole = (given: string, index: number): ChatMessage['role'] => {
  const role = given.toLowerCase();
  if (isRole(role)) return role;
  throw new ApiError('invalid_request', `messages[${index}].role must be one of ${roles.join(', ')}.`, {
    param: `messages[${index}].role`,
  });
};

const toMessage = (message: OllamaMessage, index: number): ChatMessage => {
  const images = message.images ?? [];
  const toolCalls = (message.tool_calls ?? []).map((call): ToolCall => ({
    ...(call.id === undefined ? {} : { id: call.id }),
    name: call.function.name,
    arguments: call.function.arguments,
  }));
  return {
    role: toRole(message.role, index),
    content: message.content ?? '',
    ...(images.length === 0 ? {} : { images: images.map((data) => ({ data, at: 0 })) }),
    ...(message.thinking === undefined ? {} : { thinking: message.thinking }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(message.tool_name === undefined ? {} : { toolName: message.tool_name }),
    ...(message.tool_call_id === undefined ? {} : { toolCallId: message.tool_call_id }),
  };
};

/** What requests of all routes have: who asks which model, with which options, and how long it stays. */
const base = (body: EmbeddingsBody, context: RequestContext) => {
  const { sampling, contextSize, unknown } = readOptions(body.options);
  return {
    unknownOptions: unknown,
    shared: {
      id: context.id,
      model: canonicalModelName(body.model),
      sampling,
      ...contextSize,
      ...(body.keep_alive === undefined ? {} : { keepAliveSeconds: parseKeepAlive(body.keep_alive) }),
      ...(context.user === undefined ? {} : { user: context.user.name }),
    },
  };
};

/** What generate and chat have in common. */
const answerBase = (body: ChatBody | GenerateBody, context: RequestContext) => {
  const { top_logprobs: top = 0 } = body;
  if (top < 0 || top > 20) throw new VerbatimError('top_logprobs must be between 0 and 20', 'top_logprobs');
  const { shared, unknownOptions } = base(body, context);
  return {
    unknownOptions,
    shared: {
      ...shared,
      sampling: { ...shared.sampling, ...(body.logprobs === true ? { topLogprobs: top } : {}) },
      ...toFormat(body.format),
      ...(body.truncate === undefined ? {} : { truncate: body.truncate }),
      ...(body.shift === undefined ? {} : { shift: body.shift }),
    },
  };
};

/** A request without content loads the model, or unloads it when keep_alive is 0, as with Ollama. */
const loadOrUnload = (keepAlive: number | undefined): Input =>
  keepAlive === 0 ? { kind: 'unload' } : { kind: 'load' };

/** @throws ApiError for what cannot be asked for */
export const fromChat = (body: ChatBody, context: RequestContext): ReadRequest => {
  const { shared, unknownOptions } = answerBase(body, context);
  const think = toThink(body.think);
  const messages = body.messages ?? [];
  const tools = body.tools ?? [];
  const input: Input =
    messages.length === 0
      ? loadOrUnload(shared.keepAliveSeconds)
      : {
          kind: 'chat',
          messages: messages.map(toMessage),
          ...(tools.length === 0 ? {} : { tools: tools.map((tool) => tool.function) }),
          ...think,
        };
  return { request: { ...shared, input }, unknownOptions };
};

const given = (text: string | undefined): text is string => text !== undefined && text !== '';

/** @throws ApiError for what cannot be asked for */
export const fromGenerate = (body: GenerateBody, context: RequestContext): ReadRequest => {
  const { shared, unknownOptions } = answerBase(body, context);
  const think = toThink(body.think);
  const { prompt, system, suffix, raw, template } = body;
  const tokens = body.context ?? [];
  const images = body.images ?? [];
  if (raw === true && (given(template) || given(system) || tokens.length > 0))
    throw new VerbatimError('raw mode does not support template, system, or context', 'raw');
  const input: Input = !given(prompt)
    ? loadOrUnload(shared.keepAliveSeconds)
    : {
        kind: 'prompt',
        prompt,
        ...(given(system) ? { system } : {}),
        ...(raw === undefined ? {} : { raw }),
        ...(given(suffix) ? { suffix } : {}),
        ...(given(template) ? { template: toJinja(template) } : {}),
        ...(tokens.length === 0 ? {} : { context: tokens }),
        ...(images.length === 0 ? {} : { images }),
        ...think,
      };
  return { request: { ...shared, input }, unknownOptions };
};

const isTexts = (values: readonly unknown[]): values is string[] =>
  values.every((value) => typeof value === 'string');

const toTexts = (input: EmbedBody['input']): string[] => {
  const values = typeof input === 'string' ? [input].filter((text) => text !== '') : (input ?? []);
  if (!isTexts(values)) throw new VerbatimError('invalid input type', 'input');
  return values;
};

/** @throws ApiError for what cannot be asked for */
export const fromEmbed = (body: EmbedBody, context: RequestContext): ReadRequest => {
  const inputs = toTexts(body.input);
  const { shared, unknownOptions } = base(body, context);
  const { dimensions = 0, truncate = true } = body;
  const input: Input =
    inputs.length === 0
      ? loadOrUnload(shared.keepAliveSeconds)
      : { kind: 'embed', inputs, truncate, normalize: true, ...(dimensions > 0 ? { dimensions } : {}) };
  return { request: { ...shared, input }, unknownOptions };
};

/** @throws ApiError for what cannot be asked for */
export const fromEmbeddings = (body: EmbeddingsBody, context: RequestContext): ReadRequest => {
  const { shared, unknownOptions } = base(body, context);
  const input: Input = given(body.prompt)
    ? { kind: 'embed', inputs: [body.prompt], truncate: false, normalize: false }
    : loadOrUnload(shared.keepAliveSeconds);
  return { request: { ...shared, input }, unknownOptions };
};
