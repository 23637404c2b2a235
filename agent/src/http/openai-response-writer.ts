import type {
  ApiError,
  InferenceUsage,
  ResponseBody,
  ResponseObject,
  ResponseOutputItem,
  ResponseStreamEvent,
  ToolCall,
} from '@ollamamax/api';
import type { Logprobs, StreamEvent } from './inference-calls.ts';
import { callId, toLogprobs } from './openai-answer.ts';

type Unnumbered<E> = E extends unknown ? Omit<E, 'sequence_number'> : never;
type Kind = 'message' | 'reasoning';
type Status = 'in_progress' | 'completed' | 'incomplete';

/** A message or thinking that is being written. */
interface Open {
  readonly kind: Kind;
  readonly id: string;
  text: string;
  logprobs: Logprobs[number][];
}

const partOf = ({ kind, text, logprobs }: Pick<Open, 'kind' | 'text' | 'logprobs'>) =>
  kind === 'message'
    ? { type: 'output_text' as const, text, annotations: [], logprobs: toLogprobs(logprobs) }
    : { type: 'reasoning_text' as const, text };

const itemOf = (open: Open, status: Status, withContent: boolean): ResponseOutputItem => {
  const { id, kind, text, logprobs } = open;
  if (kind === 'reasoning')
    return {
      type: 'reasoning',
      id,
      status,
      summary: [],
      content: withContent ? [{ type: 'reasoning_text', text }] : [],
    };
  return {
    type: 'message',
    id,
    role: 'assistant',
    status,
    content: withContent
      ? [{ type: 'output_text', text, annotations: [], logprobs: toLogprobs(logprobs) }]
      : [],
  };
};

/** What a response tells of its request. */
const echoOf = (body: ResponseBody) => ({
  background: false as const,
  instructions: body.instructions ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  model: body.model,
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  previous_response_id: null,
  reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
  store: false as const,
  temperature: body.temperature ?? 1,
  text: { format: body.text?.format ?? { type: 'text' as const } },
  tool_choice: body.tool_choice ?? ('auto' as const),
  // Only what the schema knows: tools may have brought fields of their own.
  tools: (body.tools ?? []).map(({ type, name, description, parameters, strict }) => ({
    type,
    name,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? null,
  })),
  top_logprobs: body.top_logprobs ?? 0,
  top_p: body.top_p ?? 1,
  truncation: body.truncation ?? ('disabled' as const),
  user: body.user ?? null,
  metadata: body.metadata ?? {},
});

const now = (): number => Math.floor(Date.now() / 1000);

/** Turns what an engine yields into the items of a response and the events that tell of them. */
export class ResponseWriter {
  readonly #requestId: string;
  readonly #head: Omit<
    ResponseObject,
    'status' | 'output' | 'usage' | 'error' | 'incomplete_details' | 'completed_at'
  >;
  readonly #output: ResponseOutputItem[] = [];
  #open: Open | undefined;
  #sequence = 0;
  #items = 0;
  #status: ResponseObject['status'] = 'in_progress';
  #usage: ResponseObject['usage'] = null;
  #error: ResponseObject['error'] = null;

  constructor(body: ResponseBody, requestId: string) {
    this.#requestId = requestId;
    this.#head = { id: `resp_${requestId}`, object: 'response', created_at: now(), ...echoOf(body) };
  }

  /** The response as it stands. */
  response(): ResponseObject {
    return {
      ...this.#head,
      completed_at: this.#status === 'completed' ? now() : null,
      status: this.#status,
      error: this.#error,
      incomplete_details: this.#status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      output: [...this.#output],
      usage: this.#usage,
    };
  }

  /** @returns events that tell of this one; before the first also that the response has begun */
  take(event: StreamEvent): ResponseStreamEvent[] {
    return [...(this.#sequence === 0 ? this.#begin() : []), ...this.#tell(event)];
  }

  /** Ends the response with an error, after its first event. */
  fail(error: ApiError, message: string): ResponseStreamEvent[] {
    this.#status = 'failed';
    this.#error = { code: 'server_error', message };
    return [
      this.#number({ type: 'error', code: error.code, message, param: error.param ?? null }),
      this.#number({ type: 'response.failed', response: this.response() }),
    ];
  }

  #tell(event: StreamEvent): ResponseStreamEvent[] {
    switch (event.type) {
      case 'thinking':
        return this.#write('reasoning', event.text, []);
      case 'text':
        return this.#write('message', event.text, event.logprobs ?? []);
      case 'tool_calls':
        return [...this.#close('completed'), ...event.calls.flatMap((call) => this.#call(call))];
      case 'done': {
        const status = event.reason === 'length' ? 'incomplete' : 'completed';
        const isEmpty = this.#output.length === 0 && this.#open === undefined;
        const opening = isEmpty ? this.#write('message', '', []) : [];
        const closing = this.#close(status);
        this.#status = status;
        this.#usage = this.#usageOf(event.usage);
        const type = `response.${status}` as const;
        return [...opening, ...closing, this.#number({ type, response: this.response() })];
      }
      default:
        return [];
    }
  }

  #begin(): ResponseStreamEvent[] {
    const response = this.response();
    return [
      this.#number({ type: 'response.created', response }),
      this.#number({ type: 'response.in_progress', response }),
    ];
  }

  #write(kind: Kind, text: string, logprobs: Logprobs): ResponseStreamEvent[] {
    const opening = this.#open?.kind === kind ? [] : [...this.#close('completed'), ...this.#start(kind)];
    const open = this.#open;
    if (open === undefined || (text === '' && logprobs.length === 0)) return opening;
    open.text += text;
    open.logprobs.push(...logprobs);
    const at = { ...this.#at(open.id), content_index: 0, delta: text };
    return [
      ...opening,
      kind === 'message'
        ? this.#number({ type: 'response.output_text.delta', ...at, logprobs: toLogprobs(logprobs) })
        : this.#number({ type: 'response.reasoning_text.delta', ...at }),
    ];
  }

  #start(kind: Kind): ResponseStreamEvent[] {
    const open: Open = {
      kind,
      id: this.#newId(kind === 'message' ? 'msg' : 'rs'),
      text: '',
      logprobs: [],
    };
    this.#open = open;
    return [
      this.#number({
        type: 'response.output_item.added',
        output_index: this.#output.length,
        item: itemOf(open, 'in_progress', false),
      }),
      this.#number({
        type: 'response.content_part.added',
        ...this.#at(open.id),
        content_index: 0,
        part: partOf(open),
      }),
    ];
  }

  #close(status: Status): ResponseStreamEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    this.#open = undefined;
    const at = { ...this.#at(open.id), content_index: 0 };
    const { text } = open;
    const item = itemOf(open, status, true);
    const events = [
      open.kind === 'message'
        ? this.#number({
            type: 'response.output_text.done',
            ...at,
            text,
            logprobs: toLogprobs(open.logprobs),
          })
        : this.#number({ type: 'response.reasoning_text.done', ...at, text }),
      this.#number({ type: 'response.content_part.done', ...at, part: partOf(open) }),
      this.#number({ type: 'response.output_item.done', output_index: this.#output.length, item }),
    ];
    this.#output.push(item);
    return events;
  }

  #call(call: ToolCall): ResponseStreamEvent[] {
    const item = {
      type: 'function_call' as const,
      id: this.#newId('fc'),
      call_id: callId(call, this.#requestId, this.#items),
      name: call.name,
      arguments: JSON.stringify(call.arguments),
      status: 'completed' as const,
    };
    const at = this.#at(item.id);
    const events = [
      this.#number({
        type: 'response.output_item.added',
        output_index: this.#output.length,
        item: { ...item, arguments: '', status: 'in_progress' },
      }),
      this.#number({ type: 'response.function_call_arguments.delta', ...at, delta: item.arguments }),
      this.#number({ type: 'response.function_call_arguments.done', ...at, arguments: item.arguments }),
      this.#number({ type: 'response.output_item.done', output_index: this.#output.length, item }),
    ];
    this.#output.push(item);
    return events;
  }

  #at(itemId: string) {
    return { item_id: itemId, output_index: this.#output.length };
  }

  #newId(prefix: string): string {
    this.#items += 1;
    return `${prefix}_${this.#requestId}_${this.#items - 1}`;
  }

  #number(event: Unnumbered<ResponseStreamEvent>): ResponseStreamEvent {
    const numbered = { ...event, sequence_number: this.#sequence };
    this.#sequence += 1;
    return numbered;
  }

  #usageOf(usage: InferenceUsage): ResponseObject['usage'] {
    const { promptTokens, completionTokens, cachedPromptTokens, thinkingTokens = 0 } = usage;
    return {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedPromptTokens, cache_write_tokens: 0 },
      output_tokens: completionTokens,
      output_tokens_details: { reasoning_tokens: thinkingTokens },
      total_tokens: promptTokens + completionTokens,
    };
  }
}
