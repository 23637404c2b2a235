import type { ChatBody, EmbedBody, EmbeddingsBody, GenerateBody, QueuedLine } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import type { Handler, Handlers } from './handlers.ts';
import type { Collected, InferenceCalls, StreamEvent } from './inference-calls.ts';
import {
  chatShape,
  embedCounters,
  generateShape,
  toCalls,
  toLogprobs,
  type Part,
  type Shape,
} from './ollama-answers.ts';
import { inOllamaWords, ollamaErrorBody } from './ollama-errors.ts';
import { fromChat, fromEmbed, fromEmbeddings, fromGenerate, type ReadRequest } from './ollama-requests.ts';

type Call = Parameters<Handler>[0];

const whole = (result: Collected): Part => ({
  text: result.text,
  thinking: result.thinking,
  calls: toCalls(result.calls),
  logprobs: toLogprobs(result.logprobs),
  end: { reason: result.reason, usage: result.usage, context: result.context },
});

/** Turns the events of one answer into the parts that are written; undefined: nothing is. */
const partsOf = (): ((event: StreamEvent) => Part | undefined) => {
  let calls = 0;
  return (event) => {
    switch (event.type) {
      case 'text':
        return { text: event.text, logprobs: toLogprobs(event.logprobs ?? []) };
      case 'thinking':
        return { thinking: event.text };
      case 'tool_calls': {
        const first = calls;
        calls += event.calls.length;
        return { calls: toCalls(event.calls, first) };
      }
      case 'done':
        return { end: event };
      default:
        return undefined;
    }
  };
};

const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** Ollama's routes that make a model work, over the cluster. @param logger told of options nobody knows */
export const ollamaInferenceHandlers = (
  calls: InferenceCalls,
  logger: Pick<Logger, 'warn'>,
): Handlers<'generate' | 'chat' | 'embed' | 'embeddings'> => {
  const tellUnknown = ({ request, unknownOptions }: ReadRequest): void => {
    for (const option of unknownOptions.slice(0, 10))
      logger.warn('unknown option ignored', { requestId: request.id, model: request.model, option });
  };

  const answer = async (
    call: Call,
    read: ReadRequest,
    route: 'generate' | 'chat',
    shape: Shape,
  ): Promise<void> => {
    const { request } = read;
    tellUnknown(read);
    // The name as the client wrote it, as Ollama answers.
    const { model, stream } = call.body as ChatBody;
    const onlyLoads = request.input.kind === 'load' || request.input.kind === 'unload';
    if (onlyLoads || stream === false) {
      call.response.json(shape(model, whole(await calls.collect(call, request))));
      return;
    }
    const toPart = partsOf();
    await calls.stream(call, request, {
      contentType: 'application/x-ndjson',
      encode: (event) => {
        if (event.type === 'queue')
          return line({
            status: 'queued',
            position: event.position,
            expected_wait: event.expectedWaitSeconds,
          } satisfies QueuedLine);
        const part = toPart(event);
        return part === undefined ? '' : line(shape(model, part));
      },
      encodeError: (error) => line(ollamaErrorBody(error, { route, model }, call.context.id)),
    });
  };

  const embed = async (call: Call, read: ReadRequest): Promise<Collected> => {
    tellUnknown(read);
    return calls.collect(call, read.request);
  };

  return {
    chat: inOllamaWords('chat', (call) =>
      answer(call, fromChat(call.body as ChatBody, call.context), 'chat', chatShape),
    ),
    generate: inOllamaWords('generate', (call) =>
      answer(call, fromGenerate(call.body as GenerateBody, call.context), 'generate', generateShape),
    ),
    embed: inOllamaWords('embed', async (call) => {
      const body = call.body as EmbedBody;
      const read = fromEmbed(body, call.context);
      const { embeddings, usage } = await embed(call, read);
      call.response.json({
        model: body.model,
        embeddings,
        ...(read.request.input.kind === 'embed' ? embedCounters(usage) : {}),
      });
    }),
    embeddings: inOllamaWords('embeddings', async (call) => {
      const { embeddings } = await embed(call, fromEmbeddings(call.body as EmbeddingsBody, call.context));
      call.response.json({ embedding: embeddings[0] ?? [] });
    }),
  };
};
