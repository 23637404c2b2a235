import {
  ApiError,
  type ChatCompletionBody,
  type ChatMessage,
  type FinishReason,
  type InferenceRequest,
  type InferenceUsage,
  type OpenAiMessage,
  type OpenAiToolCall,
  type OutputFormat,
  type ToolCall,
} from '@ollamamax/api';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { Collected, InferenceCalls, Logprobs, StreamEvent, StreamForm } from './inference-calls.ts';
import { answersOf, parseArguments, requestHead, toolInput, type ToolWishes } from './inference-request.ts';
import { eventStream, sseData, sseQueue } from './inference-sse.ts';
import { answerHead, callId, toLogprobs, toUsage } from './openai-answer.ts';
import { contentOfParts, nothingLeftOut, toFormat, toSampling, toThink, toTool } from './openai-request.ts';
import type { RequestContext } from './request-context.ts';

const toCall = (call: OpenAiToolCall, param: string): ToolCall => ({
  name: call.function.name,
  arguments: parseArguments(call.function.arguments, `${param}.function.arguments`),
  ...(call.id === undefined ? {} : { id: call.id }),
});

const toMessage = (message: OpenAiMessage, index: number, model: string): ChatMessage => {
  const { content } = message;
  const at = `messages[${index}]`;
  const toolCalls = (message.tool_calls ?? []).map((call, callIndex) =>
    toCall(call, `${at}.tool_calls[${callIndex}]`),
  );
  const thinking = message.reasoning_content ?? message.reasoning ?? '';
  return {
    role: message.role === 'developer' ? 'system' : message.role,
    ...(Array.isArray(content)
      ? contentOfParts(content, `${at}.content`, model)
      : { content: content ?? '' }),
    ...(thinking === '' ? {} : { thinking }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(message.name === undefined ? {} : { toolName: message.name }),
    ...(message.tool_call_id === undefined ? {} : { toolCallId: message.tool_call_id }),
  };
};

const formatOf = (format: ChatCompletionBody['response_format']): OutputFormat | undefined => {
  if (format === undefined || format === null || format.type === 'text') return undefined;
  return format.type === 'json_object'
    ? { type: 'json' }
    : { type: 'json_schema', schema: format.json_schema.schema };
};

const wishesOf = (body: ChatCompletionBody): ToolWishes => {
  const tools = (body.tools ?? []).map((tool) => toTool(tool.function));
  const parallel = body.parallel_tool_calls ?? undefined;
  const choice = body.tool_choice ?? 'auto';
  if (typeof choice === 'string') return { tools, choice, parallel };
  if (choice.type === 'function') return { tools, choice: { name: choice.function.name }, parallel };
  const { mode, tools: allowed } = choice.allowed_tools;
  return { tools, choice: mode, allowed: allowed.map((tool) => tool.function.name), parallel };
};

const predictionOf = ({ prediction }: ChatCompletionBody): { prediction?: string } => {
  if (prediction === undefined || prediction === null) return {};
  const { content } = prediction;
  return { prediction: typeof content === 'string' ? content : content.map(({ text }) => text).join('') };
};

const isPredicted = ({ prediction }: ChatCompletionBody): boolean =>
  prediction !== undefined && prediction !== null;

const toRequest = (body: ChatCompletionBody, context: RequestContext): InferenceRequest => {
  const topLogprobs = body.top_logprobs ?? undefined;
  if (topLogprobs !== undefined && body.logprobs !== true)
    throw new ApiError('invalid_request', 'top_logprobs needs logprobs: true.', { param: 'top_logprobs' });
  return {
    ...requestHead(body.model, context),
    ...nothingLeftOut,
    sampling: toSampling(body, {
      maxTokens: body.max_completion_tokens ?? body.max_tokens,
      topLogprobs: body.logprobs === true ? (topLogprobs ?? 0) : undefined,
    }),
    input: {
      kind: 'chat',
      messages: body.messages.map((message, index) => toMessage(message, index, body.model)),
      ...toolInput(wishesOf(body)),
      ...toThink(body.reasoning_effort),
    },
    ...toFormat(formatOf(body.response_format), body.grammar),
    ...predictionOf(body),
  };
};

const toToolCall = (call: ToolCall, requestId: string, index: number) => ({
  id: callId(call, requestId, index),
  type: 'function',
  function: { name: call.name, arguments: JSON.stringify(call.arguments) },
});

/** A call as a stream has it: first which it is, then its arguments. */
const callDeltas = (call: ToolCall, requestId: string, index: number): object[] => {
  const { function: made, ...head } = toToolCall(call, requestId, index);
  return [
    { index, ...head, function: { ...made, arguments: '' } },
    { index, function: { arguments: made.arguments } },
  ];
};

const logprobsOf = (wanted: boolean, logprobs: Logprobs | undefined): object | null =>
  wanted ? { content: toLogprobs(logprobs ?? []), refusal: null } : null;

const finishReason = (reason: FinishReason): string =>
  reason === 'length' || reason === 'tool_calls' ? reason : 'stop';

const toChoice = (result: Collected, index: number, request: InferenceRequest): object => ({
  index,
  message: {
    role: 'assistant',
    content: result.calls.length > 0 && result.text === '' ? null : result.text,
    refusal: null,
    ...(result.thinking === '' ? {} : { reasoning_content: result.thinking }),
    ...(result.calls.length === 0
      ? {}
      : { tool_calls: result.calls.map((call, at) => toToolCall(call, request.id, at)) }),
  },
  logprobs: logprobsOf(request.sampling.topLogprobs !== undefined, result.logprobs),
  finish_reason: finishReason(result.reason),
});

/** One of the answers of a stream, as far as it has come. */
interface Answer {
  begun: boolean;
  calls: number;
  usage: InferenceUsage | undefined;
}

/** Writes the events of all answers as chunks. */
const chunkForm = (
  body: ChatCompletionBody,
  requests: readonly InferenceRequest[],
  head: object,
  requestId: string,
): StreamForm => {
  const withUsage = body.stream_options?.include_usage === true;
  const answers = requests.map((): Answer => ({
    begun: false,
    calls: 0,
    usage: undefined,
  }));
  const chunk = (choices: object[], usage: object | null): string =>
    sseData({ ...head, object: 'chat.completion.chunk', choices, ...(withUsage ? { usage } : {}) });
  const delta = (index: number, value: object, logprobs: object | null, finish: string | null): string =>
    chunk([{ index, delta: value, logprobs, finish_reason: finish }], null);
  const content = (event: StreamEvent, index: number, answer: Answer): string => {
    switch (event.type) {
      case 'text': {
        const logprobs = event.logprobs === undefined ? null : logprobsOf(true, event.logprobs);
        return delta(index, { content: event.text }, logprobs, null);
      }
      case 'thinking':
        return delta(index, { reasoning_content: event.text }, null, null);
      case 'tool_calls': {
        const first = answer.calls;
        answer.calls += event.calls.length;
        const id = requests[index]?.id ?? requestId;
        return event.calls
          .flatMap((call, at) => callDeltas(call, id, first + at))
          .map((toolCall) => delta(index, { tool_calls: [toolCall] }, null, null))
          .join('');
      }
      case 'done':
        answer.usage = event.usage;
        return delta(index, {}, null, finishReason(event.reason));
      default:
        return '';
    }
  };
  return {
    contentType: eventStream,
    encode: (event, index) => {
      if (event.type === 'queue') return sseQueue(event);
      const answer = answers[index];
      if (answer === undefined) return '';
      const opening = answer.begun ? '' : delta(index, { role: 'assistant', content: '' }, null, null);
      answer.begun = true;
      return opening + content(event, index, answer);
    },
    encodeEnd: () => {
      const done = answers.flatMap((answer) => answer.usage ?? []);
      const usage = toUsage(done.slice(0, 1), done, isPredicted(body));
      return `${withUsage ? chunk([], usage) : ''}data: [DONE]\n\n`;
    },
    // OpenAI's clients read an `error` member of a data event as an exception.
    encodeError: (error) => sseData(errorBody(error, 'openai', requestId)),
  };
};

/** OpenAI's /v1/chat/completions over the cluster. */
export const openaiChatHandlers = (calls: InferenceCalls): Handlers<'chatCompletions'> => ({
  chatCompletions: async (call) => {
    const body = call.body as ChatCompletionBody;
    const { id } = call.context;
    const requests = answersOf(toRequest(body, call.context), body.n ?? 1);
    const head = answerHead(`chatcmpl-${id}`, body.model);
    if (body.stream === true) {
      await calls.streamAll(call, requests, chunkForm(body, requests, head, id));
      return;
    }
    const results = await calls.collectAll(call, requests);
    const usages = results.map(({ usage }) => usage);
    call.response.json({
      ...head,
      object: 'chat.completion',
      choices: requests.flatMap((request, index) => {
        const result = results[index];
        return result === undefined ? [] : [toChoice(result, index, request)];
      }),
      usage: toUsage(usages.slice(0, 1), usages, isPredicted(body)),
    });
  },
});
