import { jobFormOf, thinkingOf } from './answer-form.ts';
import { answerGrammar } from './answer-grammar.ts';
import { RunnerFailure } from './failure.ts';
import type { JobContext } from './job-context.ts';
import { Output, type OutputOptions } from './output.ts';
import { buildPrompt, type Prompt } from './prompt.ts';
import type { JobEvent, JobUsage } from './protocol.ts';
import { answerAtOnce } from './side-jobs.ts';
import type { Grammar } from './step-backend.ts';
import type { StepOutcome } from './token-scheduler.ts';

/** How the answer to one request is written. */
type AnswerShape = Pick<OutputOptions, 'form' | 'thinking'>;

const nanoseconds = (since: bigint): number => Number(process.hrtime.bigint() - since);

/** Runs one request from messages to the last token. Emits exactly one last event and never throws. */
export const runJob = async (context: JobContext): Promise<void> => {
  const { id, signal, emit } = context;
  try {
    const done = await work(context);
    emit(signal.aborted ? { kind: 'cancelled', id } : done);
  } catch (error) {
    if (signal.aborted) emit({ kind: 'cancelled', id });
    else if (error instanceof RunnerFailure)
      emit({ kind: 'failed', id, code: error.code, message: error.message });
    else
      emit({
        kind: 'failed',
        id,
        code: 'internal',
        message: `The runner failed: ${error instanceof Error ? error.message : String(error)}`,
      });
  }
};

const work = async (context: JobContext): Promise<JobEvent> => {
  const startedAt = process.hrtime.bigint();
  const promptTokens = await answerAtOnce(context);
  if (promptTokens !== undefined)
    return {
      kind: 'done',
      id: context.id,
      reason: 'stop',
      usage: {
        promptTokens,
        cachedPromptTokens: 0,
        completionTokens: 0,
        promptNs: nanoseconds(startedAt),
        evalNs: 0,
      },
    };
  const isThere = context.model.scheduler.expect();
  try {
    const begun = await prepare(context, startedAt);
    const answered = answer(context, begun);
    // The scheduler has it now.
    isThere();
    return await answered;
  } finally {
    isThere();
  }
};

const prepare = async (context: JobContext, startedAt: bigint): Promise<Begun> => {
  const prompt = await buildPrompt(context);
  const { input } = context.job;
  const form = jobFormOf(input, context.model.chatTemplate);
  const shape: AnswerShape = { form, thinking: thinkingOf(input, form, prompt.opensThinking) };
  const grammar = await createGrammar(context, shape);
  context.signal.throwIfAborted();
  return { prompt, grammar, startedAt, ...shape };
};

const createGrammar = async (
  { job, model }: JobContext,
  { form, thinking }: AnswerShape,
): Promise<Grammar | undefined> => {
  try {
    const grammar = await answerGrammar(job, form, thinking);
    return grammar === undefined ? undefined : await model.createGrammar(grammar);
  } catch (error) {
    throw new RunnerFailure(
      'invalid_format',
      `The grammar cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};

/** So many contexts an answer may fill that makes room for itself: a model that never ends would go on for ever. */
const mostContexts = 10;

interface Begun extends AnswerShape {
  readonly prompt: Prompt;
  readonly grammar: Grammar | undefined;
  readonly startedAt: bigint;
}

const answer = async (
  { id, job, model, credit, signal, emit, progress }: JobContext,
  { prompt, grammar, startedAt, form, thinking }: Begun,
): Promise<JobEvent> => {
  const { tokens } = prompt;
  const output = new Output({
    id,
    job,
    model,
    thinking,
    form,
    credit,
    emit,
  });
  let count = 0;
  /** Tokens of the answer, where they are wanted. */
  const answered: number[] = [];
  let firstAt: bigint | undefined;
  const guesses = { right: 0, wrong: 0 };
  const room =
    job.keepOnShift === undefined ? model.contextSize - tokens.length : mostContexts * model.contextSize;
  const mostTokens = Math.min(job.sampling.maxTokens ?? Number.POSITIVE_INFINITY, room);
  /** Tokens of what the client saw: not those of a stop sequence. */
  const shown = (): readonly number[] =>
    output.stoppedBy === undefined
      ? answered
      : model.tokenize([output.text], { addSpecial: false, parseSpecial: false });
  const finish = (reason: 'stop' | 'length', cachedPromptTokens: number): JobEvent => {
    output.flush();
    firstAt ??= process.hrtime.bigint();
    const usage: JobUsage = {
      promptTokens: tokens.length,
      cachedPromptTokens,
      completionTokens: count,
      ...(output.thinkingTokens === undefined ? {} : { thinkingTokens: output.thinkingTokens }),
      ...(guesses.right + guesses.wrong === 0 ? {} : { guesses }),
      promptNs: Number(firstAt - startedAt),
      evalNs: nanoseconds(firstAt),
    };
    const stopSequence = output.stoppedBy;
    return {
      kind: 'done',
      id,
      reason: output.calls > 0 ? 'tool_calls' : reason,
      usage,
      ...(job.wantsContext ? { context: [...tokens, ...shown()] } : {}),
      ...(stopSequence === undefined ? {} : { stopSequence }),
    };
  };
  if (mostTokens === 0) return finish('length', 0);
  const state = { isComplete: false };
  const { end, cachedTokens }: StepOutcome = await model.scheduler.run({
    prompt: tokens,
    tenant: job.tenant,
    sampling: { settings: job.sampling, grammar, prompt: tokens },
    prediction:
      job.prediction === undefined
        ? []
        : model.tokenize([job.prediction], { addSpecial: false, parseSpecial: false }),
    signal,
    keepOnShift: job.keepOnShift === -1 ? tokens.length : job.keepOnShift,
    isReady: () => !credit.isSpent,
    take: (token) => {
      firstAt ??= process.hrtime.bigint();
      count += 1;
      if (job.wantsContext) answered.push(token.token);
      state.isComplete = output.push(token);
      return !state.isComplete && count < mostTokens;
    },
    onProgress: progress,
    onGuesses: (right, wrong) => {
      guesses.right += right;
      guesses.wrong += wrong;
    },
  });
  return finish(end === 'ended' || state.isComplete ? 'stop' : 'length', cachedTokens);
};
