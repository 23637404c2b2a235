import {
  ApiError,
  canonicalModelName,
  type ChatCompletionBody,
  type ChatMessage,
  type FinishReason,
  type InferenceEvent,
  type InferenceRequest,
  type InferenceUsage,
  type OpenAiMessage,
  type Sampling,
  type ToolCall,
} from '@ollamamax/api';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import type { RequestContext } from './request-context.ts';
import { unavailable } from './unavailable.ts';

const fingerprint = 'fp_ollamamax';

const toText = (message: OpenAiMessage, index: number, model: string): string => {
  const { content } = message;
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  return content
    .map((part, partIndex) => {
      if (part.type === 'text' && 'text' in part) return part.text;
      throw new ApiError('capability_missing', `"${model}" takes only text, not ${part.type}.`, {
        param: `messages[${index}].content[${partIndex}].type`,
      });
    })
    .join('');
};

const toToolCall = (
  call: NonNullable<NonNullable<OpenAiMessage['tool_calls']>>[number],
  param: string,
): ToolCall => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(call.function.arguments === '' ? '{}' : call.function.arguments);
  } catch (error) {
    throw new ApiError('invalid_request', `${param}.function.arguments is not valid JSON.`, {
      param,
      cause: error,
    });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ApiError('invalid_request', `${param}.function.arguments must be a JSON object.`, { param });
  return {
    name: call.function.name,
    arguments: parsed as Record<string, unknown>,
    ...(call.id === undefined ? {} : { id: call.id }),
  };
};

const toMessage = (message: OpenAiMessage, index: number, model: string): ChatMessage => {
  const toolCalls = (message.tool_calls ?? []).map((call, callIndex) =>
    toToolCall(call, `messages[${index}].tool_calls[${callIndex}]`),
  );
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    content: toText(message, index, model),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(message.name === undefined ? {} : { toolName: message.name }),
    ...(message.tool_call_id === undefined ? {} : { toolCallId: message.tool_call_id }),
  };
};

const toFormat = (format: ChatCompletionBody['response_format']): Pick<InferenceRequest, 'format'> => {
  if (format === undefined || format === null || format.type === 'text') return {};
  return format.type === 'json_object'
    ? { format: { type: 'json' } }
    : { format: { type: 'json_schema', schema: format.json_schema.schema } };
};

const toSampling = (body: ChatCompletionBody): Sampling => {
  const defined = {
    // OpenAI's defaults, which differ from Ollama's.
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    seed: body.seed,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
  };
  return Object.fromEntries(
    Object.entries(defined).filter(([, value]) => value !== undefined && value !== null),
  );
};

const toRequest = (body: ChatCompletionBody, context: RequestContext): InferenceRequest => {
  if ((body.n ?? 1) !== 1) throw unavailable('n', 'send one request per answer');
  if (body.logprobs === true) throw unavailable('logprobs', 'leave it out');
  const choice = body.tool_choice ?? 'auto';
  if (choice !== 'auto' && choice !== 'none') throw unavailable('tool_choice', 'use "auto" or "none"');
  const tools = choice === 'none' ? [] : (body.tools ?? []);
  return {
    id: context.id,
    model: canonicalModelName(body.model),
    sampling: toSampling(body),
    input: {
      kind: 'chat',
      messages: body.messages.map((message, index) => toMessage(message, index, body.model)),
      ...(tools.length === 0 ? {} : { tools: tools.map((tool) => tool.function) }),
    },
    ...toFormat(body.response_format),
    ...(context.user === undefined ? {} : { user: context.user.name }),
  };
};

const toUsage = (usage: InferenceUsage): object => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedPromptTokens },
});

const toToolCalls = (
  calls: readonly ToolCall[],
  firstIndex: number | undefined,
  requestId: string,
): object[] =>
  calls.map((call, offset) => ({
    ...(firstIndex === undefined ? {} : { index: firstIndex + offset }),
    id: call.id ?? `call_${requestId}_${(firstIndex ?? 0) + offset}`,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));

const finishReason = (reason: FinishReason): string =>
  reason === 'length' || reason === 'tool_calls' ? reason : 'stop';

/** OpenAI's /v1/chat/completions over the cluster. */
export const openaiInferenceHandlers = (calls: InferenceCalls): Handlers<'chatCompletions'> => ({
  chatCompletions: async (call) => {
    const body = call.body as ChatCompletionBody;
    const request = toRequest(body, call.context);
    const head = {
      id: `chatcmpl-${call.context.id}`,
      created: Math.floor(Date.now() / 1000),
      model: body.model,
      system_fingerprint: fingerprint,
    };
    if (body.stream !== true) {
      const result = await calls.collect(call, request);
      const toolCalls = toToolCalls(result.calls, undefined, call.context.id);
      call.response.json({
        ...head,
        object: 'chat.completion',
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: toolCalls.length > 0 && result.text === '' ? null : result.text,
              ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
            },
            logprobs: null,
            finish_reason: finishReason(result.reason),
          },
        ],
        usage: toUsage(result.usage),
      });
      return;
    }
    const withUsage = body.stream_options?.include_usage === true;
    const chunk = (choices: object[], usage?: object): string =>
      `data: ${JSON.stringify({
        ...head,
        object: 'chat.completion.chunk',
        choices,
        ...(withUsage ? { usage: usage ?? null } : {}),
      })}\n\n`;
    const delta = (value: object, finish: string | null): string =>
      chunk([{ index: 0, delta: value, logprobs: null, finish_reason: finish }]);
    let first = true;
    let toolIndex = 0;
    const encode = (event: InferenceEvent): string => {
      const opening = first ? delta({ role: 'assistant', content: '' }, null) : '';
      first = false;
      switch (event.type) {
        case 'text':
          return opening + delta({ content: event.text }, null);
        case 'tool_calls': {
          const text = delta({ tool_calls: toToolCalls(event.calls, toolIndex, call.context.id) }, null);
          toolIndex += event.calls.length;
          return opening + text;
        }
        case 'done':
          return `${opening}${delta({}, finishReason(event.reason))}${
            withUsage ? chunk([], toUsage(event.usage)) : ''
          }data: [DONE]\n\n`;
        case 'error':
          throw new ApiError(event.error.code, event.error.message);
      }
    };
    await calls.stream(call, request, {
      contentType: 'text/event-stream; charset=utf-8',
      encode,
      // OpenAI's clients read an `error` member of a data event as an exception.
      encodeError: (error) => `data: ${JSON.stringify(errorBody(error, 'openai', call.context.id))}\n\n`,
    });
  },
});
