import type { ServerResponse } from 'node:http';
import {
  ApiError,
  fromWireError,
  headers,
  isApiError,
  type FinishReason,
  type InferenceEvent,
  type InferenceRequest,
  type InferenceUsage,
  type ToolCall,
} from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import { toApiError } from './error-response.ts';
import type { Handler } from './handlers.ts';
import { StreamWriter, clientGone } from './stream-writer.ts';

/** Finds an agent for a request and runs it there; the dispatcher of the scheduler. */
export interface InferenceRunner {
  run(
    request: InferenceRequest,
    signal: AbortSignal,
    onServedBy?: (agentId: string) => void,
  ): AsyncIterable<InferenceEvent>;
}

/** Counts streams that end badly and those a client left; metrics implement it. */
export interface StreamObserver {
  streamOpened(model: string): void;
  streamClosed(model: string): void;
  clientLeft(phase: 'before_first_byte' | 'streaming'): void;
  truncated(model: string, code: string): void;
}

type Call = Parameters<Handler>[0];
type DoneEvent = Extract<InferenceEvent, { type: 'done' }>;

/** What a form has to write: everything but errors, which have their own way. */
export type StreamEvent = Exclude<InferenceEvent, { type: 'error' }>;

/** Log probabilities of the tokens of a text. */
export type Logprobs = NonNullable<Extract<InferenceEvent, { type: 'text' }>['logprobs']>;

export interface StreamForm {
  readonly contentType: string;
  /**
   * Text to write for an event; may be empty. A `queue` event for which there is none does not begin the answer.
   * @param index which of the requests it is of
   */
  encode(event: StreamEvent, index: number): string;
  /** Text to write when all requests are done. */
  encodeEnd?(): string;
  /** Text to write when the stream breaks after its first byte. */
  encodeError(error: ApiError): string;
}

/** Everything that one request yielded. */
export interface Collected {
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly ToolCall[];
  /** Of all tokens of the text; empty when none were asked for. */
  readonly logprobs: Logprobs;
  readonly embeddings: readonly (readonly number[])[];
  readonly scores: readonly number[];
  readonly tokens: readonly number[];
  readonly reason: FinishReason;
  readonly usage: InferenceUsage;
  readonly context: readonly number[] | undefined;
  readonly stopSequence: string | undefined;
}

export interface InferenceCallsOptions {
  readonly runner: InferenceRunner;
  readonly logger: Logger;
  readonly observer: StreamObserver;
  readonly writeStallMs: number;
  readonly requestMs: number;
  /** Aborts when the grace time of a drain is over; its reason is an ApiError. */
  readonly shutdown: AbortSignal;
}

/** `true`: the client wants to know where its request stands while it waits. */
const reportQueueHeader = 'x-report-queue';

/** Where the request stood when that was first known; only with the header above. */
export const queuePositionHeader = 'x-queue-position';

/** Requests of one call that are under way at a time: more would only push other clients back in the queue. */
const mostAtOnce = 4;

/** What all dialects share: cancel with the client, deadlines, back-pressure, errors before and after the first byte. */
export class InferenceCalls {
  readonly #options: InferenceCallsOptions;
  /** Calls that run now; a set and no AbortSignal.any: composing signals costs more than the rest of a call. */
  readonly #running = new Set<AbortController>();

  constructor(options: InferenceCallsOptions) {
    this.#options = options;
    const { shutdown } = options;
    shutdown.addEventListener('abort', () => {
      for (const controller of this.#running) controller.abort(shutdown.reason);
    });
  }

  /** Runs the request to its end and returns everything at once. */
  async collect(call: Call, request: InferenceRequest): Promise<Collected> {
    const collector = new Collector();
    const [end] = await this.#within(call, [request], (event) => collector.take(event));
    return collector.result(end);
  }

  /** Runs several requests of one call; all end when one fails. @returns results in the order of the requests */
  async collectAll(call: Call, requests: readonly InferenceRequest[]): Promise<Collected[]> {
    const collectors = requests.map(() => new Collector());
    const ends = await this.#within(call, requests, (event, index) => collectors[index]?.take(event));
    return collectors.map((collector, index) => collector.result(ends[index]));
  }

  /** Streams one request, as `streamAll` does several. */
  stream(call: Call, request: InferenceRequest, form: StreamForm): Promise<void> {
    return this.streamAll(call, [request], form);
  }

  /**
   * Streams the requests, each event as it comes. Errors before the first event are thrown, so that they become a
   * plain error answer; later ones are written in the form's own way and end the stream.
   */
  async streamAll(call: Call, requests: readonly InferenceRequest[], form: StreamForm): Promise<void> {
    const { response, context } = call;
    const { observer } = this.#options;
    const model = requests[0]?.model ?? '';
    const writer = new StreamWriter(response, this.#options.writeStallMs);
    const state = { begun: false };
    observer.streamOpened(model);
    try {
      await this.#within(call, requests, (event, index) => {
        const text = form.encode(event, index);
        if (text === '' && event.type === 'queue') return undefined;
        if (!state.begun) startStream(response, form.contentType);
        state.begun = true;
        return text === '' ? undefined : writer.write(text);
      });
      writer.end(form.encodeEnd?.());
    } catch (thrown) {
      const error = toApiError(thrown, this.#options.logger, context.id);
      context.errorCode = error.code;
      if (error.code === 'cancelled') {
        observer.clientLeft(state.begun ? 'streaming' : 'before_first_byte');
      } else if (state.begun) {
        observer.truncated(model, error.code);
        this.#options.logger.warn('stream ended with an error', {
          requestId: context.id,
          model,
          code: error.code,
          detail: error.message,
        });
      }
      if (!state.begun) throw error;
      writer.end(form.encodeError(error));
    } finally {
      observer.streamClosed(model);
    }
  }

  /**
   * Runs the requests within one deadline, until the client leaves or the agent stops.
   * @param take gets each event; when it returns a promise, the request waits for it
   * @returns the last event of each
   */
  async #within(
    call: Call,
    requests: readonly InferenceRequest[],
    take: (event: StreamEvent, index: number) => Promise<void> | undefined,
  ): Promise<DoneEvent[]> {
    const { requestMs, shutdown } = this.#options;
    const controller = clientGone(call.response);
    if (shutdown.aborted) controller.abort(shutdown.reason);
    const timer = setTimeout(
      () =>
        controller.abort(
          new ApiError('deadline_exceeded', `The request took longer than ${requestMs / 1000} s.`),
        ),
      requestMs,
    );
    this.#running.add(controller);
    const reportQueue = call.request.headers[reportQueueHeader] === 'true';
    const ends: DoneEvent[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (;;) {
        const index = next++;
        const request = requests[index];
        if (request === undefined) return;
        controller.signal.throwIfAborted();
        try {
          ends[index] = await this.#run(
            call,
            reportQueue ? { ...request, reportQueue } : request,
            controller.signal,
            (event) => take(event, index),
          );
        } catch (thrown) {
          // The first failure ends the others and is what is told: theirs only follow from it.
          controller.abort(thrown);
          throw thrown;
        }
      }
    };
    try {
      const workers = Array.from({ length: Math.min(mostAtOnce, requests.length) }, work);
      await Promise.allSettled(workers);
      await Promise.all(workers);
      return ends;
    } catch (thrown) {
      // The reason of an abort is more precise than what the aborted parts say of it.
      throw isApiError(controller.signal.reason) ? controller.signal.reason : thrown;
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }

  /** Gives each event of one request to `take`. @returns the last one */
  async #run(
    { context, response }: Call,
    request: InferenceRequest,
    signal: AbortSignal,
    take: (event: StreamEvent) => Promise<void> | undefined,
  ): Promise<DoneEvent> {
    const events = this.#options.runner.run(request, signal, (agentId) => {
      context.servedBy = agentId;
      if (!response.headersSent) response.setHeader(headers.servedBy, agentId);
    });
    for await (const event of events) {
      if (event.type === 'error') throw fromWireError(event.error);
      if (event.type === 'queue') tellPosition(response, event.position);
      const taken = take(event);
      if (taken !== undefined) await taken;
      if (event.type === 'done') return event;
    }
    throw new ApiError('agent_unreachable');
  }
}

/** Adds up the events of one request. */
class Collector {
  #text = '';
  #thinking = '';
  readonly #calls: ToolCall[] = [];
  readonly #logprobs: Logprobs[number][] = [];
  #embeddings: readonly (readonly number[])[] = [];
  #scores: readonly number[] = [];
  #tokens: readonly number[] = [];

  take(event: StreamEvent): undefined {
    switch (event.type) {
      case 'text':
        this.#text += event.text;
        if (event.logprobs !== undefined) this.#logprobs.push(...event.logprobs);
        break;
      case 'thinking':
        this.#thinking += event.text;
        break;
      case 'tool_calls':
        this.#calls.push(...event.calls);
        break;
      case 'embeddings':
        this.#embeddings = event.embeddings;
        break;
      case 'scores':
        this.#scores = event.scores;
        break;
      case 'tokens':
        this.#tokens = event.tokens;
        break;
      case 'queue':
      case 'done':
        break;
    }
    return undefined;
  }

  result(end: DoneEvent | undefined): Collected {
    if (end === undefined) throw new ApiError('agent_unreachable');
    return {
      text: this.#text,
      thinking: this.#thinking,
      calls: this.#calls,
      logprobs: this.#logprobs,
      embeddings: this.#embeddings,
      scores: this.#scores,
      tokens: this.#tokens,
      reason: end.reason,
      usage: end.usage,
      context: end.context,
      stopSequence: end.stopSequence,
    };
  }
}

/** The first position that is known, while headers can still be sent. */
const tellPosition = (response: ServerResponse, position: number): void => {
  if (!response.headersSent && !response.hasHeader(queuePositionHeader))
    response.setHeader(queuePositionHeader, String(position));
};

const startStream = (response: ServerResponse, contentType: string): void => {
  response.statusCode = 200;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-cache, no-transform');
  // nginx and compatible ingresses would otherwise hold tokens back.
  response.setHeader('x-accel-buffering', 'no');
};
