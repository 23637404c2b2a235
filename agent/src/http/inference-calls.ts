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

  constructor(options: InferenceCallsOptions) {
    this.#options = options;
  }

  /** Runs the request to its end and returns everything at once. */
  async collect(call: Call, request: InferenceRequest): Promise<Collected> {
    let text = '';
    const calls: ToolCall[] = [];
    for await (const event of this.#events(call, request, clientGone(call.response))) {
      if (event.type === 'text') text += event.text;
      else if (event.type === 'tool_calls') calls.push(...event.calls);
      else if (event.type === 'done') return { text, calls, reason: event.reason, usage: event.usage };
    }
    throw new ApiError('agent_unreachable');
  }

  /**
   * Streams the request. Errors before the first event are thrown, so that they become a plain error answer;
   * later ones are written in the form's own way and end the stream.
   */
  async stream(call: Call, request: InferenceRequest, form: StreamForm): Promise<void> {
    const { response, context } = call;
    const { observer } = this.#options;
    const writer = new StreamWriter(response, this.#options.writeStallMs);
    const gone = clientGone(response);
    let begun = false;
    let ended = false;
    observer.streamOpened(request.model);
    try {
      for await (const event of this.#events(call, request, gone)) {
        if (!begun) startStream(response, form.contentType);
        begun = true;
        const text = form.encode(event);
        ended = event.type === 'done';
        if (text !== '') await writer.write(text);
      }
      if (!ended) throw new ApiError('agent_unreachable');
      writer.end();
    } catch (thrown) {
      const error = this.#settle(thrown, gone.signal, context.id);
      context.errorCode = error.code;
      if (error.code === 'cancelled') {
        observer.clientLeft(begun ? 'streaming' : 'before_first_byte');
        // Also reached by clients that stopped reading: stop the work behind the stream.
        gone.abort(error);
      } else if (begun) {
        observer.truncated(request.model, error.code);
        this.#options.logger.warn('stream ended with an error', {
          requestId: context.id,
          model: request.model,
          code: error.code,
          detail: error.message,
        });
      }
      if (!begun) throw error;
      writer.end(form.encodeError(error));
    } finally {
      observer.streamClosed(request.model);
    }
  }

  async *#events(
    call: Call,
    request: InferenceRequest,
    gone: AbortController,
  ): AsyncIterable<InferenceEvent> {
    const { context, response } = call;
    const { requestMs, runner, shutdown } = this.#options;
    const deadline = new AbortController();
    const timer = setTimeout(
      () =>
        deadline.abort(
          new ApiError('deadline_exceeded', `The request took longer than ${requestMs / 1000} s.`),
        ),
      requestMs,
    );
    const signal = AbortSignal.any([gone.signal, shutdown, deadline.signal]);
    try {
      const events = runner.run(request, signal, (agentId) => {
        context.servedBy = agentId;
        if (!response.headersSent) response.setHeader(headers.servedBy, agentId);
      });
      for await (const event of events) {
        if (event.type === 'error') throw fromWireError(event.error);
        yield event;
      }
    } catch (thrown) {
      // The reason of an abort is more precise than what the aborted parts say of it.
      if (signal.aborted && isApiError(signal.reason)) throw signal.reason;
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  #settle(thrown: unknown, gone: AbortSignal, requestId: string): ApiError {
    return gone.aborted && isApiError(gone.reason)
      ? gone.reason
      : toApiError(thrown, this.#options.logger, requestId);
  }
}

const startStream = (response: ServerResponse, contentType: string): void => {
  response.statusCode = 200;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-cache, no-transform');
  // nginx and compatible ingresses would otherwise hold tokens back.
  response.setHeader('x-accel-buffering', 'no');
};
