import type {
  InferenceRequest,
  NativeChatBody,
  NativeDetokenizeBody,
  NativeEmbeddingsBody,
  NativeGenerateBody,
  NativeTemplateBody,
  NativeTokenizeBody,
} from '@ollamamax/api';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { Collected, InferenceCalls, StreamEvent } from './inference-calls.ts';
import { present, requestHead } from './inference-request.ts';
import { eventStream, sseData, sseQueue } from './inference-sse.ts';
import { parseKeepAlive } from './keep-alive.ts';
import type { RequestContext } from './request-context.ts';

type Call = Parameters<Handlers['nativeChat']>[0];
type GenerationBody = NativeChatBody | NativeGenerateBody;
type NativeRoute =
  'nativeGenerate' | 'nativeChat' | 'nativeEmbeddings' | 'tokenize' | 'detokenize' | 'applyTemplate';

const generationFields = (body: GenerationBody, context: RequestContext) => ({
  ...requestHead(body.model, context),
  sampling: body.options ?? {},
  ...present({
    format: body.format,
    contextSize: body.contextSize,
    truncate: body.truncate,
    shift: body.shift,
    keepAliveSeconds: body.keepAlive === undefined ? undefined : parseKeepAlive(body.keepAlive),
  }),
});

const ended = ({ reason, usage, stopSequence }: Pick<Collected, 'reason' | 'usage' | 'stopSequence'>) => ({
  finishReason: reason,
  ...(stopSequence === undefined ? {} : { stopSequence }),
  usage,
});

const optional = ({ thinking, logprobs }: Pick<Collected, 'thinking' | 'logprobs'>) => ({
  ...(thinking === '' ? {} : { thinking }),
  ...(logprobs.length === 0 ? {} : { logprobs }),
});

const encode = (event: StreamEvent): string => {
  switch (event.type) {
    case 'queue':
      return sseQueue(event);
    case 'text':
    case 'thinking':
      return sseData(event);
    case 'tool_calls':
      return sseData({ type: event.type, toolCalls: event.calls });
    case 'done':
      return sseData({ type: event.type, ...ended({ stopSequence: undefined, ...event }) });
    default:
      return '';
  }
};

/** OllamaMax's own inference routes. */
export const inferenceHandlers = (calls: InferenceCalls): Handlers<NativeRoute> => {
  const answer = async (
    call: Call,
    body: GenerationBody,
    request: InferenceRequest,
    shape: (result: Collected) => object,
  ): Promise<void> => {
    const { id } = call.context;
    if (body.stream === true) {
      await calls.stream(call, request, {
        contentType: eventStream,
        encode,
        encodeError: (error) =>
          sseData({ type: 'error', error: errorBody(error, 'native', id, call.request.path) }),
      });
      return;
    }
    const result = await calls.collect(call, request);
    call.response.json({ id, model: request.model, ...shape(result), ...ended(result) });
  };
  return {
    nativeGenerate: async (call) => {
      const body = call.body as NativeGenerateBody;
      const { prompt, system, suffix, template, raw, think } = body;
      const request: InferenceRequest = {
        ...generationFields(body, call.context),
        input: { kind: 'prompt', prompt, ...present({ system, suffix, template, raw, think }) },
      };
      await answer(call, body, request, (result) => ({ text: result.text, ...optional(result) }));
    },
    nativeChat: async (call) => {
      const body = call.body as NativeChatBody;
      const { messages, tools, toolChoice, parallelToolCalls, think } = body;
      const request: InferenceRequest = {
        ...generationFields(body, call.context),
        input: { kind: 'chat', messages, ...present({ tools, toolChoice, parallelToolCalls, think }) },
      };
      await answer(call, body, request, (result) => {
        const { thinking, logprobs } = result;
        return {
          message: {
            role: 'assistant',
            content: result.text,
            ...optional({ thinking, logprobs: [] }),
            ...(result.calls.length === 0 ? {} : { toolCalls: result.calls }),
          },
          ...optional({ thinking: '', logprobs }),
        };
      });
    },
    nativeEmbeddings: async (call) => {
      const body = call.body as NativeEmbeddingsBody;
      const { input } = body;
      const isOne = typeof input === 'string' || typeof input[0] === 'number';
      const head = requestHead(body.model, call.context);
      const { embeddings, usage } = await calls.collect(call, {
        ...head,
        input: {
          kind: 'embed',
          inputs: isOne ? [input as string | number[]] : (input as (string | number[])[]),
          truncate: body.truncate ?? true,
          normalize: body.normalize ?? true,
          ...present({ dimensions: body.dimensions }),
        },
      });
      call.response.json({ model: head.model, embeddings, usage: { promptTokens: usage.promptTokens } });
    },
    tokenize: async (call) => {
      const body = call.body as NativeTokenizeBody;
      const { tokens } = await calls.collect(call, {
        ...requestHead(body.model, call.context),
        input: {
          kind: 'tokenize',
          text: body.text,
          addSpecial: body.add_special ?? false,
          parseSpecial: body.parse_special ?? true,
        },
      });
      call.response.json({ tokens });
    },
    detokenize: async (call) => {
      const body = call.body as NativeDetokenizeBody;
      const { text } = await calls.collect(call, {
        ...requestHead(body.model, call.context),
        input: { kind: 'detokenize', tokens: body.tokens },
      });
      call.response.json({ text });
    },
    applyTemplate: async (call) => {
      const body = call.body as NativeTemplateBody;
      const { messages, tools, think } = body;
      const { text, tokens } = await calls.collect(call, {
        ...requestHead(body.model, call.context),
        input: { kind: 'render', messages, ...present({ tools, think }) },
      });
      call.response.json({ prompt: text, tokens });
    },
  };
};
