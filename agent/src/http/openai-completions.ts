import {
  ApiError,
  type CompletionBody,
  type FinishReason,
  type InferenceRequest,
  type InferenceUsage,
  type TextOrTokens,
} from '@ollamamax/api';
import { errorBody } from './error-response.ts';
import type { Handlers } from './handlers.ts';
import type { InferenceCalls, Logprobs, StreamForm } from './inference-calls.ts';
import { answersOf, requestHead } from './inference-request.ts';
import { eventStream, sseData, sseQueue } from './inference-sse.ts';
import { answerHead, toUsage } from './openai-answer.ts';
import { nothingLeftOut, toFormat, toSampling } from './openai-request.ts';
import type { RequestContext } from './request-context.ts';

type Call = Parameters<Handlers['completions']>[0];
type Prompt = string | number[];

/** OpenAI's own default; its older clients count on a short answer. */
const defaultMaxTokens = 16;

/** Answers that one request may ask for, over all its prompts: they are held until the last one is there. */
const mostAnswers = 2048;

/** Each text or list of tokens of an input. */
export const eachInput = (input: TextOrTokens): Prompt[] => {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as Prompt[]);
};

const refuse = (param: string, message: string): never => {
  throw new ApiError('invalid_request', message, { param });
};

const toRequests = (body: CompletionBody, context: RequestContext): InferenceRequest[] => {
  const answers = body.n ?? 1;
  if ((body.best_of ?? answers) !== answers)
    refuse('best_of', 'best_of must be the same as n: all answers are returned.');
  if (body.echo === true && (body.logprobs ?? undefined) !== undefined)
    refuse('echo', 'echo does not go with logprobs: those of the prompt are not known.');
  const prompts = eachInput(body.prompt);
  if (prompts.length * answers > mostAnswers)
    refuse(
      'n',
      `n answers to each prompt are more than ${mostAnswers}: send the prompts in several requests.`,
    );
  const suffix = body.suffix ?? '';
  const shared = {
    ...requestHead(body.model, context),
    ...nothingLeftOut,
    sampling: toSampling(body, {
      maxTokens: body.max_tokens ?? defaultMaxTokens,
      topLogprobs: body.logprobs ?? undefined,
    }),
    ...toFormat(undefined, body.grammar),
  };
  return prompts.flatMap((prompt, index) =>
    answersOf(
      {
        ...shared,
        id: index === 0 ? shared.id : `${shared.id}-p${index}`,
        input: { kind: 'prompt', prompt, ...(suffix === '' ? { raw: true } : { suffix }) },
      },
      answers,
    ),
  );
};

/** Text of each prompt, for `echo`. */
const promptTexts = async (
  calls: InferenceCalls,
  call: Call,
  prompts: readonly Prompt[],
  head: ReturnType<typeof requestHead>,
): Promise<string[]> => {
  const unknown = prompts.flatMap((prompt) => (typeof prompt === 'string' ? [] : [prompt]));
  const found = await calls.collectAll(
    call,
    unknown.map((tokens, index) => ({
      ...head,
      id: `${head.id}-e${index}`,
      input: { kind: 'detokenize', tokens },
    })),
  );
  const texts = found.map(({ text }) => text);
  return prompts.map((prompt) => (typeof prompt === 'string' ? prompt : (texts.shift() ?? '')));
};

/** A token as text; a part of a character has no text of its own. */
const tokenText = ({ text, bytes }: Pick<Logprobs[number], 'text' | 'bytes'>): string =>
  text.includes('\uFFFD')
    ? `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
    : text;

/** @param start characters before the first token */
const toLogprobs = (logprobs: Logprobs, start: number): object => {
  let offset = start;
  const offsets = logprobs.map(({ text }) => {
    const at = offset;
    offset += text.length;
    return at;
  });
  return {
    tokens: logprobs.map(tokenText),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    // The chosen token is always among them, so there may be one more than asked for.
    top_logprobs: logprobs.map((token) =>
      Object.fromEntries([...token.top, token].map((one) => [tokenText(one), one.logprob])),
    ),
    text_offset: offsets,
  };
};

const finishReason = (reason: FinishReason): string => (reason === 'length' ? 'length' : 'stop');

/** Usage of all answers; those to the same prompt count it once. */
const usageOf = (usages: readonly InferenceUsage[], answers: number): object =>
  toUsage(
    usages.filter((_, index) => index % answers === 0),
    usages,
  );

const chunkForm = (
  body: CompletionBody,
  echoes: readonly string[],
  count: number,
  head: object,
  requestId: string,
): StreamForm => {
  const answers = body.n ?? 1;
  const withUsage = body.stream_options?.include_usage === true;
  const withLogprobs = (body.logprobs ?? undefined) !== undefined;
  const begun = new Set<number>();
  const lengths = Array.from({ length: count }, () => 0);
  const usages: InferenceUsage[] = [];
  const chunk = (choices: object[], usage: object | null): string =>
    sseData({ ...head, object: 'text_completion', choices, ...(withUsage ? { usage } : {}) });
  const piece = (index: number, text: string, logprobs: object | null, finish: string | null): string =>
    chunk([{ text, index, logprobs, finish_reason: finish }], null);
  return {
    contentType: eventStream,
    encode: (event, index) => {
      if (event.type === 'queue') return sseQueue(event);
      const echo = begun.has(index) ? '' : (echoes[Math.floor(index / answers)] ?? '');
      begun.add(index);
      const opening = echo === '' ? '' : piece(index, echo, null, null);
      switch (event.type) {
        case 'text': {
          const start = lengths[index] ?? 0;
          lengths[index] = start + event.text.length;
          const logprobs = withLogprobs ? toLogprobs(event.logprobs ?? [], start) : null;
          return opening + piece(index, event.text, logprobs, null);
        }
        case 'done':
          usages[index] = event.usage;
          return opening + piece(index, '', null, finishReason(event.reason));
        default:
          return opening;
      }
    },
    encodeEnd: () => `${withUsage ? chunk([], usageOf(usages, answers)) : ''}data: [DONE]\n\n`,
    encodeError: (error) => sseData(errorBody(error, 'openai', requestId)),
  };
};

/** OpenAI's older /v1/completions over the cluster. */
export const openaiCompletionHandlers = (calls: InferenceCalls): Handlers<'completions'> => ({
  completions: async (call) => {
    const body = call.body as CompletionBody;
    const { id } = call.context;
    const answers = body.n ?? 1;
    const requests = toRequests(body, call.context);
    const echoes =
      body.echo === true
        ? await promptTexts(calls, call, eachInput(body.prompt), requestHead(body.model, call.context))
        : [];
    const head = answerHead(`cmpl-${id}`, body.model);
    if (body.stream === true) {
      await calls.streamAll(call, requests, chunkForm(body, echoes, requests.length, head, id));
      return;
    }
    const results = await calls.collectAll(call, requests);
    call.response.json({
      ...head,
      object: 'text_completion',
      choices: results.map((result, index) => ({
        text: (echoes[Math.floor(index / answers)] ?? '') + result.text,
        index,
        logprobs: (body.logprobs ?? undefined) === undefined ? null : toLogprobs(result.logprobs, 0),
        finish_reason: finishReason(result.reason),
      })),
      usage: usageOf(
        results.map(({ usage }) => usage),
        answers,
      ),
    });
  },
});
