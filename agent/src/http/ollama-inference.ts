import {
  ApiError,
  canonicalModelName,
  type ChatBody,
  type FinishReason,
  type GenerateBody,
  type InferenceEvent,
  type InferenceRequest,
  type InferenceUsage,
  type OllamaMessage,
  type OllamaOptions,
  type Sampling,
  type ToolCall,
} from '@ollamamax/api';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { parseKeepAlive } from './keep-alive.ts';
import type { RequestContext } from './request-context.ts';
import { unavailable } from './unavailable.ts';

const toSampling = (options: OllamaOptions | null | undefined): Sampling => {
  if (options === null || options === undefined) return {};
  const defined = {
    temperature: options.temperature,
    topK: options.top_k,
    topP: options.top_p,
    minP: options.min_p,
    seed: options.seed,
    repeatPenalty: options.repeat_penalty,
    repeatLastN: options.repeat_last_n,
    presencePenalty: options.presence_penalty,
    frequencyPenalty: options.frequency_penalty,
    stop: options.stop ?? undefined,
    maxTokens: options.num_predict,
  };
  return Object.fromEntries(Object.entries(defined).filter(([, value]) => value !== undefined));
};

const toFormat = (format: ChatBody['format']): Pick<InferenceRequest, 'format'> => {
  if (format === undefined || format === null || format === '') return {};
  if (format === 'json') return { format: { type: 'json' } };
  return { format: { type: 'json_schema', schema: format } };
};

const refuseUnsupported = (body: ChatBody | GenerateBody): void => {
  if (body.logprobs === true) throw unavailable('logprobs', 'leave it out');
  if (body.think !== undefined && body.think !== null && body.think !== false)
    throw new ApiError('capability_missing', `"${body.model}" does not support thinking.`, {
      param: 'think',
    });
};

const refuseImages = (images: readonly string[] | null | undefined, model: string, param: string): void => {
  if (images !== null && images !== undefined && images.length > 0)
    throw new ApiError('capability_missing', `"${model}" does not support images.`, { param });
};

const toMessage = (message: OllamaMessage, index: number, model: string) => {
  refuseImages(message.images, model, `messages[${index}].images`);
  const toolCalls = (message.tool_calls ?? []).map((call): ToolCall => ({
    name: call.function.name,
    arguments: call.function.arguments,
    ...(call.id === undefined ? {} : { id: call.id }),
  }));
  return {
    role: message.role,
    content: message.content ?? '',
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(message.tool_name === undefined ? {} : { toolName: message.tool_name }),
    ...(message.tool_call_id === undefined ? {} : { toolCallId: message.tool_call_id }),
  };
};

const base = (body: ChatBody | GenerateBody, context: RequestContext) => ({
  id: context.id,
  model: canonicalModelName(body.model),
  sampling: toSampling(body.options),
  ...toFormat(body.format),
  ...(body.options?.num_ctx === undefined ? {} : { contextSize: body.options.num_ctx }),
  ...(body.keep_alive === undefined ? {} : { keepAliveSeconds: parseKeepAlive(body.keep_alive) }),
  ...(context.user === undefined ? {} : { user: context.user.name }),
});

/** An empty chat or prompt loads the model, or unloads it when keep_alive is 0, as Ollama does. */
const loadOrUnload = (keepAlive: number | undefined): { kind: 'load' } | { kind: 'unload' } =>
  keepAlive === 0 ? { kind: 'unload' } : { kind: 'load' };

const fromChat = (body: ChatBody, context: RequestContext): InferenceRequest => {
  refuseUnsupported(body);
  const shared = base(body, context);
  const messages = body.messages ?? [];
  if (messages.length === 0) return { ...shared, input: loadOrUnload(shared.keepAliveSeconds) };
  const tools = body.tools ?? [];
  return {
    ...shared,
    input: {
      kind: 'chat',
      messages: messages.map((message, index) => toMessage(message, index, body.model)),
      ...(tools.length === 0 ? {} : { tools: tools.map((tool) => tool.function) }),
    },
  };
};

const fromGenerate = (body: GenerateBody, context: RequestContext): InferenceRequest => {
  refuseUnsupported(body);
  refuseImages(body.images, body.model, 'images');
  if (body.suffix !== undefined && body.suffix !== '') throw unavailable('suffix', 'send only a prompt');
  if (body.template !== undefined && body.template !== '')
    throw unavailable('template', 'set the template of the model, or send raw: true with a finished prompt');
  if (body.context !== undefined && body.context !== null && body.context.length > 0)
    throw unavailable('context', 'send the conversation to /api/chat');
  if (body.raw === true && body.system !== undefined && body.system !== '')
    throw new ApiError('invalid_request', 'raw does not go with system: a raw prompt is used as it is.', {
      param: 'raw',
    });
  const shared = base(body, context);
  const prompt = body.prompt ?? '';
  if (prompt === '') return { ...shared, input: loadOrUnload(shared.keepAliveSeconds) };
  return {
    ...shared,
    input: {
      kind: 'prompt',
      prompt,
      ...(body.system === undefined ? {} : { system: body.system }),
      ...(body.raw === undefined ? {} : { raw: body.raw }),
    },
  };
};

const counters = (reason: FinishReason, usage: InferenceUsage): object => ({
  done: true,
  // Ollama has no reason of its own for tool calls.
  done_reason: reason === 'tool_calls' ? 'stop' : reason,
  ...(reason === 'load' || reason === 'unload'
    ? {}
    : {
        total_duration: usage.totalNs,
        load_duration: usage.loadNs,
        prompt_eval_count: usage.promptTokens,
        prompt_eval_duration: usage.promptNs,
        eval_count: usage.completionTokens,
        eval_duration: usage.evalNs,
      }),
});

interface Shape {
  /** The part of a line that carries text and tool calls. */
  content(text: string, calls: readonly ToolCall[]): object;
}

const generateShape: Shape = { content: (text) => ({ response: text }) };

const chatShape: Shape = {
  content: (text, calls) => ({
    message: {
      role: 'assistant',
      content: text,
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map((call, index) => ({
              ...(call.id === undefined ? {} : { id: call.id }),
              function: { index, name: call.name, arguments: call.arguments },
            })),
          }),
    },
  }),
};

/** Ollama's /api/generate and /api/chat over the cluster. */
export const ollamaInferenceHandlers = (calls: InferenceCalls): Handlers<'generate' | 'chat'> => {
  const answer = async (
    call: Parameters<Handlers['chat']>[0],
    request: InferenceRequest,
    body: ChatBody | GenerateBody,
    shape: Shape,
  ): Promise<void> => {
    // The name as the client wrote it, as Ollama answers.
    const head = (): object => ({ model: body.model, created_at: new Date().toISOString() });
    const line = (value: object): string => `${JSON.stringify({ ...head(), ...value })}\n`;
    const onlyLoads = request.input.kind === 'load' || request.input.kind === 'unload';
    if (onlyLoads || body.stream === false) {
      const result = await calls.collect(call, request);
      call.response.json({
        ...head(),
        ...shape.content(result.text, result.calls),
        ...counters(result.reason, result.usage),
      });
      return;
    }
    const toLine = (event: InferenceEvent): string => {
      switch (event.type) {
        case 'text':
          return line({ ...shape.content(event.text, []), done: false });
        case 'tool_calls':
          return line({ ...shape.content('', event.calls), done: false });
        case 'done':
          return line({ ...shape.content('', []), ...counters(event.reason, event.usage) });
        case 'error':
          throw new ApiError(event.error.code, event.error.message);
      }
    };
    await calls.stream(call, request, {
      contentType: 'application/x-ndjson',
      encode: toLine,
      encodeError: (error) => `${JSON.stringify(errorBody(error, 'ollama', call.context.id))}\n`,
    });
  };
  return {
    chat: async (call) => {
      const body = call.body as ChatBody;
      await answer(call, fromChat(body, call.context), body, chatShape);
    },
    generate: async (call) => {
      const body = call.body as GenerateBody;
      await answer(call, fromGenerate(body, call.context), body, generateShape);
    },
  };
};
