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

export interface StreamForm {
  readonly contentType: string;
  /** Text to write for an event; may be empty. */
  encode(event: InferenceEvent): string;
  /** Text to write when the stream breaks after its first byte. */
  encodeError(error: ApiError): string;
}

export interface Collected {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly reason: FinishReason;
  readonly usage: InferenceUsage;
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

/** What both dialects share: cancel with the client, deadlines, back-pressure, errors before and after the first byte. */
export class InferenceCalls {
  readonly #options: InferenceCallsOptions;
  /** Requests that run now; a set and no AbortSignal.any: composing signals costs more than the rest of a call. */
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
    let text = '';
    const calls: ToolCall[] = [];
    const { reason, usage } = await this.#run(call, request, clientGone(call.response), (event) => {
      if (event.type === 'text') text += event.text;
      else if (event.type === 'tool_calls') calls.push(...event.calls);
      return undefined;
    });
    return { text, calls, reason, usage };
  }

  /**
   * Streams the request. Errors before the first event are thrown, so that they become a plain error answer;
   * later ones are written in the form's own way and end the stream.
   */
  async stream(call: Call, request: InferenceRequest, form: StreamForm): Promise<void> {
    const { response, context } = call;
    const { observer } = this.#options;
    const writer = new StreamWriter(response, this.#options.writeStallMs);
    const controller = clientGone(response);
    const state = { begun: false };
    observer.streamOpened(request.model);
    try {
      await this.#run(call, request, controller, (event) => {
        if (!state.begun) startStream(response, form.contentType);
        state.begun = true;
        const text = form.encode(event);
        return text === '' ? undefined : writer.write(text);
      });
      writer.end();
    } catch (thrown) {
      const error = toApiError(thrown, this.#options.logger, context.id);
      context.errorCode = error.code;
      if (error.code === 'cancelled') {
        observer.clientLeft(state.begun ? 'streaming' : 'before_first_byte');
      } else if (state.begun) {
        observer.truncated(request.model, error.code);
        this.#options.logger.warn('stream ended with an error', {
          requestId: context.id,
          model: request.model,
          code: error.code,
          detail: error.message,
        });
      }
      if (!state.begun) throw error;
      writer.end(form.encodeError(error));
    } finally {
      observer.streamClosed(request.model);
    }
  }

  /**
   * Gives each event to `take` and waits when that returns a promise.
   * @returns the last event
   * @param controller stops the work when it aborts; its reason is then what is thrown
   */
  async #run(
    call: Call,
    request: InferenceRequest,
    controller: AbortController,
    take: (event: InferenceEvent) => Promise<void> | undefined,
  ): Promise<DoneEvent> {
    const { context, response } = call;
    const { requestMs, runner, shutdown } = this.#options;
    const { signal } = controller;
    if (shutdown.aborted) controller.abort(shutdown.reason);
    const timer = setTimeout(
      () =>
        controller.abort(
          new ApiError('deadline_exceeded', `The request took longer than ${requestMs / 1000} s.`),
        ),
      requestMs,
    );
    this.#running.add(controller);
    try {
      const events = runner.run(request, signal, (agentId) => {
        context.servedBy = agentId;
        if (!response.headersSent) response.setHeader(headers.servedBy, agentId);
      });
      for await (const event of events) {
        if (event.type === 'error') throw fromWireError(event.error);
        const taken = take(event);
        if (taken !== undefined) await taken;
        if (event.type === 'done') return event;
      }
      throw new ApiError('agent_unreachable');
    } catch (thrown) {
      // The reason of an abort is more precise than what the aborted parts say of it.
      throw signal.aborted && isApiError(signal.reason) ? signal.reason : thrown;
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }
}

const startStream = (response: ServerResponse, contentType: string): void => {
  response.statusCode = 200;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-cache, no-transform');
  // nginx and compatible ingresses would otherwise hold tokens back.
  response.setHeader('x-accel-buffering', 'no');
};
