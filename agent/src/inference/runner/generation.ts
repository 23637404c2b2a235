import type { ToolDefinition } from '@ollamamax/api';
import { randomBytes } from 'node:crypto';
import type { TemplateRenderer } from './chat-template.ts';
import type { Credit } from './credit.ts';
import { RunnerFailure } from './failure.ts';
import { JsonEnd } from './json-end.ts';
import type { LoadedModel, SlotSampling } from './llama.ts';
import type { Job, JobEvent, JobUsage } from './protocol.ts';
import type { SlotLease, SlotPool } from './slot-pool.ts';
import { SpecialTextGuard } from './special-text.ts';
import { StopMatcher } from './stop-matcher.ts';
import { TextAssembler } from './text-assembler.ts';
import { toolCallOpen, ToolCallParser } from './tool-call-parser.ts';

export interface JobContext {
  readonly id: number;
  readonly job: Job;
  readonly model: LoadedModel;
  readonly pool: SlotPool;
  readonly renderer: TemplateRenderer;
  readonly credit: Credit;
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
  /** Tokens have been computed. */
  readonly progress: (tokens: number) => void;
}

const nanoseconds = (since: bigint): number => Number(process.hrtime.bigint() - since);

/** Runs one request from messages to the last token. Emits exactly one last event and never throws. */
export const runJob = async (context: JobContext): Promise<void> => {
  const { id, signal, emit } = context;
  try {
    const done = await generate(context);
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

const openAiTools = (tools: readonly ToolDefinition[]): readonly unknown[] =>
  tools.map((tool) => ({
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description ?? '',
      parameters: tool.parameters ?? { type: 'object', properties: {} },
    },
  }));

/** The prompt as the pieces that are tokenised each on its own. */
const promptPieces = async ({ job, model, renderer }: JobContext): Promise<readonly string[]> => {
  const { input } = job;
  if (input.kind === 'raw') return [input.prompt];
  const template = input.template ?? model.chatTemplate;
  if (template === undefined && input.plain !== undefined) return [input.plain];
  if (template === undefined)
    throw new RunnerFailure(
      'template_failed',
      'The model has no chat template; send a raw prompt or give it a template.',
    );
  if (input.tools.length > 0 && !template.includes(toolCallOpen))
    throw new RunnerFailure(
      'capability_missing',
      `The model does not support tools: its chat template has no ${toolCallOpen}.`,
    );
  const guard = new SpecialTextGuard(model.controlTexts, randomBytes(12).toString('hex'));
  const messages = input.messages.map((message) => ({
    role: message.role,
    content: message.content,
    ...(message.toolCalls === undefined
      ? {}
      : {
          tool_calls: message.toolCalls.map((call) => ({
            ...(call.id === undefined ? {} : { id: call.id }),
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
          })),
        }),
    ...(message.toolName === undefined ? {} : { name: message.toolName }),
    ...(message.toolCallId === undefined ? {} : { tool_call_id: message.toolCallId }),
  }));
  const rendered = await renderer.render(
    template,
    {
      messages: guard.guard(messages),
      ...(input.tools.length === 0 ? {} : { tools: guard.guard(openAiTools(input.tools)) }),
      add_generation_prompt: true,
      bos_token: model.bosText,
      eos_token: model.eosText,
    },
    job.renderTimeoutMs,
  );
  return guard.split(rendered);
};

const createGrammar = async ({ job, model }: JobContext): Promise<SlotSampling['grammar']> => {
  if (job.format === undefined) return undefined;
  try {
    return await model.createGrammar(job.format);
  } catch (error) {
    throw new RunnerFailure(
      'invalid_format',
      `The schema cannot be turned into a grammar: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};

const generate = async (context: JobContext): Promise<JobEvent> => {
  const { model, pool, signal } = context;
  const startedAt = process.hrtime.bigint();
  const grammar = await createGrammar(context);
  const pieces = await promptPieces(context);
  // Tokenising blocks this process: what cannot fit in any case is refused before.
  const fewest = Math.ceil(pieces.reduce((sum, piece) => sum + piece.length, 0) / model.longestToken);
  if (fewest >= model.contextSize)
    throw new RunnerFailure(
      'context_exceeded',
      `The prompt has at least ${fewest} tokens and the context holds ${model.contextSize}, the answer included.`,
    );
  const prompt = model.tokenize(pieces);
  if (prompt.length === 0)
    throw new RunnerFailure('invalid_request', 'The prompt is empty: there is nothing to continue.');
  if (prompt.length >= model.contextSize)
    throw new RunnerFailure(
      'context_exceeded',
      `The prompt has ${prompt.length} tokens and the context holds ${model.contextSize}, the answer included.`,
    );
  signal.throwIfAborted();
  const lease = pool.take(prompt);
  if (lease === undefined)
    throw new RunnerFailure('internal', 'The runner was given more requests than slots.');
  try {
    return await answer(context, lease, prompt, grammar, startedAt);
  } finally {
    lease.release();
  }
};

/** Computes the prompt but for its last token, in chunks so that a cancellation is seen between them. */
const prefill = async (
  { model, signal, progress }: JobContext,
  { slot, shared }: SlotLease,
  prompt: readonly number[],
): Promise<number> => {
  await slot.truncate(Math.min(shared, prompt.length - 1));
  const cached = slot.tokens().length;
  for (let at = cached; at < prompt.length - 1;) {
    const end = Math.min(at + model.promptChunk, prompt.length - 1);
    await slot.prefill(prompt.slice(at, end));
    progress(end - at);
    at = end;
    signal.throwIfAborted();
  }
  return cached;
};

const answer = async (
  context: JobContext,
  lease: SlotLease,
  prompt: readonly number[],
  grammar: SlotSampling['grammar'],
  startedAt: bigint,
): Promise<JobEvent> => {
  const { id, job, model, credit, signal, progress } = context;
  const cachedPromptTokens = await prefill(context, lease, prompt);
  const output = createOutput(context);
  const all = [...prompt];
  const aborted = (): boolean => signal.aborted;
  let firstAt: bigint | undefined;
  let completionTokens = 0;
  const usage = (): JobUsage => ({
    promptTokens: prompt.length,
    cachedPromptTokens,
    completionTokens,
    promptNs: firstAt === undefined ? nanoseconds(startedAt) : Number(firstAt - startedAt),
    evalNs: firstAt === undefined ? 0 : nanoseconds(firstAt),
  });
  const mostTokens = Math.min(
    job.sampling.maxTokens ?? Number.POSITIVE_INFINITY,
    model.contextSize - prompt.length,
  );
  const finish = (reason: 'stop' | 'length'): JobEvent => {
    output.flush();
    return { kind: 'done', id, reason: output.calls > 0 ? 'tool_calls' : reason, usage: usage() };
  };
  if (mostTokens === 0) return finish('length');
  const tokens = lease.slot.generate(prompt.slice(-1), {
    settings: job.sampling,
    grammar,
    recentTokens: (count) => all.slice(-count),
  });
  for await (const token of tokens) {
    firstAt ??= process.hrtime.bigint();
    completionTokens++;
    progress(1);
    if (aborted()) break;
    all.push(token);
    if (output.push(token)) return finish('stop');
    if (completionTokens >= mostTokens) return finish('length');
    await credit.available();
    if (aborted()) break;
  }
  if (aborted()) return { kind: 'cancelled', id };
  firstAt ??= process.hrtime.bigint();
  return finish('stop');
};

interface Output {
  readonly calls: number;
  /** Takes a token; true when the answer is complete with it. */
  push(token: number): boolean;
  flush(): void;
}

/** From tokens to events: characters, end of a JSON value, stop strings, tool calls. */
const createOutput = ({ id, job, model, credit, emit }: JobContext): Output => {
  const { input } = job;
  const tools =
    input.kind === 'chat' && input.tools.length > 0
      ? new ToolCallParser(() => `call_${randomBytes(12).toString('hex')}`)
      : undefined;
  const assembler = new TextAssembler((tokens, before) =>
    model.detokenize(tokens, before, tools !== undefined),
  );
  const stops = new StopMatcher(job.sampling.stop);
  const json = job.format === undefined ? undefined : new JsonEnd();
  let calls = 0;
  let unsent = 0;

  const send = (text: string): void => {
    if (text === '' && unsent === 0) return;
    credit.spend(text.length);
    emit({ kind: 'text', id, text, tokens: unsent });
    unsent = 0;
  };
  const deliver = (pieces: ReturnType<ToolCallParser['push']>): void => {
    for (const piece of pieces) {
      if (piece.kind === 'text') send(piece.text);
      else {
        calls++;
        emit({ kind: 'tool_calls', id, calls: [piece.call] });
      }
    }
  };
  const show = (text: string): void => {
    if (tools === undefined) send(text);
    else deliver(text === '' ? [] : tools.push(text));
  };
  const take = (text: string): boolean => {
    if (text === '') return false;
    const value = json?.push(text) ?? { text, ended: false };
    const checked = stops.push(value.text);
    show(checked.text);
    return checked.stopped || value.ended;
  };
  return {
    get calls() {
      return calls;
    },
    push: (token) => {
      unsent++;
      return take(assembler.push(token));
    },
    flush: () => {
      take(assembler.flush());
      show(stops.flush());
      if (tools !== undefined) deliver(tools.flush());
    },
  };
};
