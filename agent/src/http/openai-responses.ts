import type { ResponseBody } from '@ollamamax/api';
import { fullMessage } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls } from './inference-calls.ts';
import { eventStream, sseNamed, sseQueue } from './inference-sse.ts';
import { toResponseRequest } from './openai-response-input.ts';
import { ResponseWriter } from './openai-response-writer.ts';

/** OpenAI's /v1/responses over the cluster, without a memory. */
export const openaiResponseHandlers = (calls: InferenceCalls): Handlers<'responses'> => ({
  responses: async (call) => {
    const body = call.body as ResponseBody;
    const request = toResponseRequest(body, call.context);
    const writer = new ResponseWriter(body, call.context.id);
    if (body.stream === true) {
      await calls.stream(call, request, {
        contentType: eventStream,
        encode: (event) =>
          event.type === 'queue' ? sseQueue(event) : writer.take(event).map(sseNamed).join(''),
        encodeError: (error) => writer.fail(error, fullMessage(error)).map(sseNamed).join(''),
      });
      return;
    }
    const { text, thinking, calls: made, logprobs, reason, usage } = await calls.collect(call, request);
    if (thinking !== '') writer.take({ type: 'thinking', text: thinking });
    if (text !== '') writer.take({ type: 'text', text, logprobs });
    if (made.length > 0) writer.take({ type: 'tool_calls', calls: made });
    writer.take({ type: 'done', reason, usage });
    call.response.json(writer.response());
  },
});
