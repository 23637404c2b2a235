import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '@ollamamax/api';
import type { InferenceEvent, InferenceRequest, ResidentModel } from '@ollamamax/api';
import type { EngineModel, InferenceEngine } from '../../../agent/src/inference/engine.ts';

interface Chunk {
  readonly choices: readonly [
    { readonly delta: { readonly content?: string }; readonly finish_reason: string | null },
  ];
}

const dataPrefix = 'data: ';

/** Data of the events in a stream of server-sent events, up to its last one; what follows is read and dropped. */
async function* serverSentEvents(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const part of response.iterator({ destroyOnReturn: false })) {
    const lines = (rest + (part as Buffer).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith(dataPrefix)) continue;
      const data = line.slice(dataPrefix.length);
      if (data === '[DONE]') {
        // The connection is kept; waiting for its end would hold the answer up.
        response.resume();
        return;
      }
      yield data;
    }
  }
  throw new Error('the answer ended early');
}

/** An engine elsewhere that speaks OpenAI's chat completions, over kept-alive connections. ASCII answers only. */
export const createHttpEngine = (baseUrl: string): InferenceEngine => {
  const url = new URL('/v1/chat/completions', baseUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: 4096, maxFreeSockets: 256, scheduling: 'lifo' });
  const busy = new Map<string, number>();
  const loadedAt = new Date().toISOString();

  const open = (request: InferenceRequest, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { input, sampling } = request;
      const messages =
        input.kind === 'chat'
          ? input.messages.map(({ role, content }) => ({ role, content }))
          : [{ role: 'user', content: input.kind === 'prompt' ? input.prompt : '' }];
      const body = JSON.stringify({
        model: request.model,
        stream: true,
        messages,
        ...(sampling.maxTokens === undefined ? {} : { max_tokens: sampling.maxTokens }),
      });
      const call = httpRequest(url, {
        agent,
        method: 'POST',
        signal,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      });
      call.once('response', resolve);
      call.on('error', reject);
      call.end(body);
    });

  async function* run(
    model: EngineModel,
    request: InferenceRequest,
    signal: AbortSignal,
  ): AsyncGenerator<InferenceEvent> {
    const started = process.hrtime.bigint();
    busy.set(model.name, (busy.get(model.name) ?? 0) + 1);
    let completionTokens = 0;
    let response: IncomingMessage | undefined;
    let complete = false;
    try {
      response = await open(request, signal);
      if (response.statusCode !== 200)
        throw new ApiError('model_load_failed', `The engine answered ${response.statusCode ?? 0}.`);
      for await (const data of serverSentEvents(response)) {
        const text = (JSON.parse(data) as Chunk).choices[0].delta.content ?? '';
        if (text === '') continue;
        completionTokens += 1;
        yield { type: 'text', text };
      }
      complete = true;
    } catch (error) {
      if (signal.aborted) throw new ApiError('cancelled', undefined, { cause: error });
      if (error instanceof ApiError) throw error;
      throw new ApiError('runner_crashed', undefined, { cause: error });
    } finally {
      if (!complete) response?.destroy();
      busy.set(model.name, (busy.get(model.name) ?? 1) - 1);
    }
    const totalNs = Number(process.hrtime.bigint() - started);
    yield {
      type: 'done',
      reason: 'stop',
      usage: {
        promptTokens: 12,
        cachedPromptTokens: 0,
        completionTokens,
        loadNs: 0,
        queueNs: 0,
        promptNs: 0,
        evalNs: totalNs,
        totalNs,
      },
    };
  }

  const resident = (): ReadonlyMap<string, ResidentModel> =>
    new Map(
      [...busy].map(([name, busySlots]) => [
        name,
        {
          contextSize: 4096,
          slots: 4096,
          busySlots,
          queued: 0,
          memoryBytes: 0,
          loadedAt,
          restarts: 0,
          state: 'ready',
        },
      ]),
    );

  return {
    run,
    load: async (model) => {
      busy.set(model.name, busy.get(model.name) ?? 0);
    },
    unload: async (name) => {
      busy.delete(name);
    },
    resident,
    stop: async () => agent.destroy(),
  };
};
