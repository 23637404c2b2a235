import type {
  AnthropicAnswerBlock,
  AnthropicMessageResponse,
  AnthropicMessagesBody,
  AnthropicStreamEvent,
  InferenceUsage,
  ToolCall,
} from '@ollamamax/api';
import type { StreamEvent } from './inference-calls.ts';

type Kind = 'text' | 'thinking';
type Delta = Extract<AnthropicStreamEvent, { type: 'content_block_delta' }>['delta'];
type Done = Pick<Extract<StreamEvent, { type: 'done' }>, 'reason' | 'usage' | 'stopSequence'>;

const emptyUsage = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
  output_tokens_details: null,
  server_tool_use: null,
};

type Counted = Pick<AnthropicMessageResponse['usage'], keyof typeof emptyUsage>;

const notStopped = { container: null, stop_details: null, stop_reason: null, stop_sequence: null };

const blockOf = (kind: Kind, text: string): AnthropicAnswerBlock =>
  kind === 'text'
    ? { type: 'text', text, citations: null }
    : { type: 'thinking', thinking: text, signature: '' };

/** Turns what an engine yields into the blocks of a message and the events that tell of them. */
export class MessageWriter {
  readonly #requestId: string;
  readonly #model: string;
  readonly #stops: readonly string[];
  readonly #content: AnthropicAnswerBlock[] = [];
  #open: { readonly kind: Kind; text: string } | undefined;
  #begun = false;
  #calls = 0;
  #stopped: Pick<AnthropicMessageResponse, keyof typeof notStopped> = notStopped;
  #usage: Counted = emptyUsage;

  constructor(body: AnthropicMessagesBody, requestId: string) {
    this.#requestId = requestId;
    this.#model = body.model;
    this.#stops = body.stop_sequences ?? [];
  }

  /** The message as it stands. */
  message(): AnthropicMessageResponse {
    return {
      id: `msg_${this.#requestId}`,
      type: 'message',
      role: 'assistant',
      model: this.#model,
      content: [...this.#content],
      ...this.#stopped,
      diagnostics: null,
      usage: {
        ...this.#usage,
        cache_creation: null,
        inference_geo: null,
        service_tier: null,
        speed: null,
      },
    };
  }

  /** @returns events that tell of this one; before the first also that the message has begun */
  take(event: StreamEvent): AnthropicStreamEvent[] {
    const opening: AnthropicStreamEvent[] = this.#begun
      ? []
      : [{ type: 'message_start', message: this.message() }, { type: 'ping' }];
    this.#begun = true;
    return [...opening, ...this.#tell(event)];
  }

  #tell(event: StreamEvent): AnthropicStreamEvent[] {
    switch (event.type) {
      case 'text':
        return this.#write('text', event.text);
      case 'thinking':
        return this.#write('thinking', event.text);
      case 'tool_calls':
        return [...this.#close(), ...event.calls.flatMap((call) => this.#call(call))];
      case 'done':
        return this.#end(event);
      default:
        return [];
    }
  }

  #write(kind: Kind, text: string): AnthropicStreamEvent[] {
    if (text === '') return [];
    const opening = this.#open?.kind === kind ? [] : [...this.#close(), this.#start(blockOf(kind, ''))];
    this.#open = { kind, text: (this.#open?.text ?? '') + text };
    return [
      ...opening,
      this.#delta(
        kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text },
      ),
    ];
  }

  #close(): AnthropicStreamEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    this.#open = undefined;
    // Clients take the signature for the end of the thinking.
    const signature =
      open.kind === 'thinking' ? [this.#delta({ type: 'signature_delta', signature: '' })] : [];
    return [...signature, this.#stop(blockOf(open.kind, open.text))];
  }

  #call(call: ToolCall): AnthropicStreamEvent[] {
    const block = {
      type: 'tool_use' as const,
      id: call.id ?? `toolu_${this.#requestId}_${this.#calls}`,
      name: call.name,
      caller: { type: 'direct' as const },
    };
    this.#calls += 1;
    return [
      this.#start({ ...block, input: {} }),
      this.#delta({ type: 'input_json_delta', partial_json: JSON.stringify(call.arguments) }),
      this.#stop({ ...block, input: call.arguments }),
    ];
  }

  #end(done: Done): AnthropicStreamEvent[] {
    const closing = this.#close();
    const { reason, usage, stopSequence } = done;
    // Only what the client itself asked to stop at is told; the model has stops of its own.
    const stop = stopSequence !== undefined && this.#stops.includes(stopSequence) ? stopSequence : null;
    this.#stopped = {
      ...notStopped,
      stop_reason:
        reason === 'tool_calls'
          ? 'tool_use'
          : reason === 'length'
            ? 'max_tokens'
            : stop === null
              ? 'end_turn'
              : 'stop_sequence',
      stop_sequence: reason === 'stop' ? stop : null,
    };
    this.#usage = this.#usageOf(usage);
    return [
      ...closing,
      { type: 'message_delta', delta: this.#stopped, usage: this.#usage },
      { type: 'message_stop' },
    ];
  }

  #usageOf(usage: InferenceUsage): Counted {
    const { promptTokens, cachedPromptTokens, completionTokens, thinkingTokens = 0 } = usage;
    return {
      ...emptyUsage,
      input_tokens: promptTokens - cachedPromptTokens,
      cache_read_input_tokens: cachedPromptTokens,
      output_tokens: completionTokens,
      output_tokens_details: thinkingTokens === 0 ? null : { thinking_tokens: thinkingTokens },
    };
  }

  #start(block: AnthropicAnswerBlock): AnthropicStreamEvent {
    return { type: 'content_block_start', index: this.#content.length, content_block: block };
  }

  #delta(delta: Delta): AnthropicStreamEvent {
    return { type: 'content_block_delta', index: this.#content.length, delta };
  }

  #stop(block: AnthropicAnswerBlock): AnthropicStreamEvent {
    this.#content.push(block);
    return { type: 'content_block_stop', index: this.#content.length - 1 };
  }
}
