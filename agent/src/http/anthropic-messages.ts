import type { AnthropicCountBody, AnthropicMessagesBody } from '@ollamamax/api';
import { toCountRequest, toMessageRequest } from './anthropic-request.ts';
import { MessageWriter } from './anthropic-writer.ts';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { eventStream, sseData, sseNamed, sseQueue } from './inference-sse.ts';

/** Anthropic's /v1/messages over the cluster. */
export const anthropicHandlers = (calls: InferenceCalls): Handlers<'messages' | 'countTokens'> => ({
  messages: async (call) => {
    const body = call.body as AnthropicMessagesBody;
    const request = toMessageRequest(body, call.context);
    const writer = new MessageWriter(body, call.context.id);
    if (body.stream === true) {
      await calls.stream(call, request, {
        contentType: eventStream,
        encode: (event) =>
          event.type === 'queue' ? sseQueue(event) : writer.take(event).map(sseNamed).join(''),
        encodeError: (error) => `event: error\n${sseData(errorBody(error, 'anthropic', call.context.id))}`,
      });
      return;
    }
    const { text, thinking, calls: made, reason, usage, stopSequence } = await calls.collect(call, request);
    writer.take({ type: 'thinking', text: thinking });
    writer.take({ type: 'text', text });
    if (made.length > 0) writer.take({ type: 'tool_calls', calls: made });
    writer.take({ type: 'done', reason, usage, ...(stopSequence === undefined ? {} : { stopSequence }) });
    call.response.json(writer.message());
  },
  countTokens: async (call) => {
    const body = call.body as AnthropicCountBody;
    const { tokens } = await calls.collect(call, toCountRequest(body, call.context));
    call.response.json({ input_tokens: tokens.length });
  },
});
