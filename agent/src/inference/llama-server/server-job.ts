import { jobFormOf, thinkingOf } from '../runner/answer-form.ts';
import { answerGrammar } from '../runner/answer-grammar.ts';
import type { TemplateRenderer } from '../runner/chat-template.ts';
import type { Credit } from '../runner/credit.ts';
import { RunnerFailure } from '../runner/failure.ts';
import { Output } from '../runner/output.ts';
import type { Job, JobEvent, JobUsage } from '../runner/protocol.ts';
import { ServerRefusal } from './server-client.ts';
import { completionBody, toLogprobs, type CompletionEvent } from './server-completion.ts';
import { detokenized, tokenized, type ServerModel } from './server-model.ts';
import { renderedPieces, tokensOf, withFittingPrompt, type ServerPrompt } from './server-prompt.ts';
import type { Slot } from './slots.ts';

/** One request on a model that llama-server holds, and where what happens to it is told. */
export interface ServerJobContext {
  readonly id: number;
  readonly job: Job;
  readonly model: ServerModel;
  readonly renderer: TemplateRenderer;
  readonly credit: Credit;
  /** Resolves when the client may be sent more. */
  readonly untilRead: () => Promise<void>;
  /** Settles when llama-server is gone, which ends this process too. */
  readonly ended: Promise<unknown>;
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
}

/** Runs one request to its end. Emits exactly one last event and never throws. */
export const runServerJob = async (context: ServerJobContext): Promise<void> => {
  const { id, signal, emit } = context;
  try {
    const done = await work(context);
    emit(signal.aborted ? { kind: 'cancelled', id } : done);
  } catch (error) {
    if (signal.aborted) emit({ kind: 'cancelled', id });
    else emit({ kind: 'failed', id, ...(await told(context, error)) });
  }
};

const work = async (context: ServerJobContext): Promise<JobEvent> => {
  const { id, job, model, emit, credit } = context;
  const { input } = job;
  const startedAt = process.hrtime.bigint();
  const show = (text: string): void => {
    credit.spend(text.length);
    emit({ kind: 'text', id, text, tokens: 0 });
  };
  const atOnce = (promptTokens: number): JobEvent => ({
    kind: 'done',
    id,
    reason: 'stop',
    usage: {
      promptTokens,
      cachedPromptTokens: 0,
      completionTokens: 0,
      promptNs: Number(process.hrtime.bigint() - startedAt),
      evalNs: 0,
    },
  });
  switch (input.kind) {
    case 'tokenize': {
      const tokens = await tokenized(model.client, input.text, input);
      emit({ kind: 'tokens', id, tokens });
      return atOnce(tokens.length);
    }
    case 'detokenize':
      show(await detokenized(model.client, input.tokens));
      return atOnce(input.tokens.length);
    case 'render': {
      const pieces = await renderedPieces(context, input);
      const tokens = await tokensOf(model, pieces);
      show(pieces.join(''));
      emit({ kind: 'tokens', id, tokens });
      return atOnce(tokens.length);
    }
    default: {
      const slot = model.slots.take(job.tenant);
      try {
        return await withFittingPrompt(context, (prompt) => answer(context, prompt, slot));
      } finally {
        slot.release();
      }
    }
  }
};

/** Text comes from llama-server: there is nothing to make text of here. */
const noVocabulary = { detokenize: () => '', bytesOf: () => [] };

const answer = async (context: ServerJobContext, prompt: ServerPrompt, slot: Slot): Promise<JobEvent> => {
  const { id, job, credit, emit, signal, untilRead } = context;
  const form = jobFormOf(job.input, context.model.chatTemplate);
  const thinking = thinkingOf(job.input, form, prompt.opensThinking);
  const grammar = await answerGrammar(job, form, thinking);
  const output = new Output({ id, job, model: noVocabulary, thinking, form, credit, emit });
  const { topLogprobs = 0 } = job.sampling;
  let last: CompletionEvent | undefined;
  let isComplete = false;
  for await (const data of completion(
    context,
    completionBody({ job, prompt: prompt.prompt, grammar, form, slot }),
  )) {
    const event = data as CompletionEvent;
    const tokens = event.tokens_predicted - (last?.tokens_predicted ?? 0);
    last = event;
    isComplete = output.pushText(event.content, tokens, toLogprobs(event, topLogprobs));
    if (event.stop || isComplete) break;
    if (credit.isSpent) await untilRead();
  }
  signal.throwIfAborted();
  if (last === undefined || (!last.stop && !isComplete))
    throw new RunnerFailure('internal', 'llama-server has ended an answer without saying why.');
  output.flush();
  const reason = isComplete || last.stop_type === 'eos' ? 'stop' : 'length';
  const stopSequence = output.stoppedBy;
  return {
    kind: 'done',
    id,
    reason: output.calls > 0 ? 'tool_calls' : reason,
    usage: {
      ...usageOf(last),
      ...(output.thinkingTokens === undefined ? {} : { thinkingTokens: output.thinkingTokens }),
    },
    ...(stopSequence === undefined ? {} : { stopSequence }),
  };
};

const completion = async function* (
  { model, signal }: ServerJobContext,
  body: object,
): AsyncGenerator<unknown, void> {
  try {
    yield* model.client.stream('/completion', body, signal);
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    if (!error.message.includes(brokenCache)) throw toFailure(error);
    yield* model.client.stream('/completion', { ...body, cache_prompt: false }, signal);
  }
};

/**
 * What llama-server says instead of beginning when the part of a prompt that it still has ends between two images that
 * touch; without that part it can do it.
 */
const brokenCache = 'Chunk not found';

const nanoseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6);

const usageOf = ({ tokens_evaluated, tokens_predicted, timings }: CompletionEvent): JobUsage => ({
  promptTokens: tokens_evaluated,
  cachedPromptTokens: timings?.cache_n ?? 0,
  completionTokens: tokens_predicted,
  promptNs: nanoseconds(timings?.prompt_ms ?? 0),
  evalNs: nanoseconds(timings?.predicted_ms ?? 0),
});

/** llama-server's errors in ours. */
const toFailure = ({ status, type, message }: ServerRefusal): RunnerFailure => {
  if (type === 'exceed_context_size_error') return new RunnerFailure('context_exceeded', `${message}.`);
  if (/failed to load image/i.test(message))
    return new RunnerFailure(
      'invalid_request',
      'llama-server cannot read an image of the request: it may be damaged, and WebP needs ffmpeg beside it. Send PNG or JPEG.',
    );
  if (/grammar/i.test(message))
    return new RunnerFailure('invalid_format', `The grammar cannot be used: ${message}.`);
  return new RunnerFailure(status < 500 ? 'invalid_request' : 'internal', `llama-server refused: ${message}`);
};

const told = async (
  { model, ended }: ServerJobContext,
  error: unknown,
): Promise<Pick<RunnerFailure, 'code' | 'message'>> => {
  const failure = error instanceof ServerRefusal ? toFailure(error) : error;
  if (failure instanceof RunnerFailure) return { code: failure.code, message: failure.message };
  // A connection that breaks is how the end of llama-server is seen first: the process ends with it and tells why.
  const answers = await model.client.get('/health').then(
    () => true,
    () => false,
  );
  if (!answers) await ended;
  const words = failure instanceof Error ? failure.message : String(failure);
  return { code: 'internal', message: `The request to llama-server failed: ${words}` };
};
