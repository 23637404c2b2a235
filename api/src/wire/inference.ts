import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import type { ErrorCode } from '../errors.ts';
import type { Immutable } from '../immutable.ts';

/** One request to a model, independent of the API dialect it came in by. Crosses the internal wire as JSON. */
export const ToolCall = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.String(),
  /** Key order is kept as the model wrote it. */
  arguments: Type.Record(Type.String(), Type.Unknown()),
});
export type ToolCall = Static<typeof ToolCall>;

export const ChatMessage = Type.Object({
  role: oneOf(['system', 'user', 'assistant', 'tool']),
  content: Type.String(),
  toolCalls: Type.Optional(Type.Array(ToolCall)),
  toolName: Type.Optional(Type.String()),
  toolCallId: Type.Optional(Type.String()),
});
export type ChatMessage = Static<typeof ChatMessage>;

/** A function the model may call; `parameters` is a JSON Schema. */
export const ToolDefinition = Type.Object({
  name: Type.String(),
  description: Type.Optional(Type.String()),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type ToolDefinition = Static<typeof ToolDefinition>;

export const OutputFormat = Type.Union([
  Type.Object({ type: Type.Literal('json') }),
  Type.Object({ type: Type.Literal('json_schema'), schema: Type.Record(Type.String(), Type.Unknown()) }),
]);
export type OutputFormat = Static<typeof OutputFormat>;

/** Sampling settings; everything left out takes the model's own default, then Ollama's. */
export const Sampling = Type.Object({
  temperature: Type.Optional(Type.Number({ minimum: 0 })),
  topK: Type.Optional(Type.Integer({ minimum: 0 })),
  topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  minP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** −1 or absent: a random seed for this request. */
  seed: Type.Optional(Type.Integer()),
  repeatPenalty: Type.Optional(Type.Number()),
  /** Tokens looked back at for penalties; 0 none, −1 the whole context. */
  repeatLastN: Type.Optional(Type.Integer({ minimum: -1 })),
  presencePenalty: Type.Optional(Type.Number()),
  frequencyPenalty: Type.Optional(Type.Number()),
  stop: Type.Optional(Type.Array(Type.String())),
  /** Most tokens to produce; negative or absent: until the model ends or the context is full. */
  maxTokens: Type.Optional(Type.Integer()),
});
export type Sampling = Static<typeof Sampling>;

export const InferenceRequest = Type.Object({
  /** Request id, as in X-Request-Id and in every log line. */
  id: Type.String(),
  /** Canonical model name, tag included (`ollamamax-tiny:latest`). */
  model: Type.String(),
  input: Type.Union([
    Type.Object({
      kind: Type.Literal('chat'),
      messages: Type.Array(ChatMessage),
      tools: Type.Optional(Type.Array(ToolDefinition)),
    }),
    Type.Object({
      kind: Type.Literal('prompt'),
      prompt: Type.String(),
      system: Type.Optional(Type.String()),
      /** True: the prompt goes to the model as it is, without the chat template. */
      raw: Type.Optional(Type.Boolean()),
    }),
    /** Loads the model and answers at once. */
    Type.Object({ kind: Type.Literal('load') }),
    /** Unloads the model when its running requests are done. */
    Type.Object({ kind: Type.Literal('unload') }),
  ]),
  sampling: Sampling,
  format: Type.Optional(OutputFormat),
  /** Context tokens per request (num_ctx); a change reloads the model. */
  contextSize: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Seconds the model stays loaded after its last request; negative: for ever; 0: unload after this one. */
  keepAliveSeconds: Type.Optional(Type.Number()),
  /** Who asks, for logs and accounting. */
  user: Type.Optional(Type.String()),
});
export type InferenceRequest = Static<typeof InferenceRequest>;

export const FinishReason = oneOf(['stop', 'length', 'tool_calls', 'load', 'unload']);
export type FinishReason = Static<typeof FinishReason>;

/** Counters of one finished request. Durations in nanoseconds, as Ollama reports them. */
export const InferenceUsage = Type.Object({
  promptTokens: Type.Integer(),
  cachedPromptTokens: Type.Integer({ description: 'Tokens of the prompt that were still in memory.' }),
  completionTokens: Type.Integer(),
  loadNs: Type.Number(),
  queueNs: Type.Number(),
  promptNs: Type.Number(),
  evalNs: Type.Number(),
  totalNs: Type.Number(),
});
export type InferenceUsage = Immutable<Static<typeof InferenceUsage>>;

const ErrorOnWire = Type.Object({
  code: Type.Unsafe<ErrorCode>(Type.String({ description: 'Code of the error catalogue.' })),
  message: Type.String(),
  param: Type.Optional(Type.String()),
  retryAfterSeconds: Type.Optional(Type.Number()),
});

/** What a request yields, in order: any number of text and tool_calls, then exactly one done or error. */
export const InferenceEvent = Type.Union([
  Type.Object({ type: Type.Literal('text'), text: Type.String() }),
  Type.Object({ type: Type.Literal('tool_calls'), calls: Type.Array(ToolCall) }),
  Type.Object({ type: Type.Literal('done'), reason: FinishReason, usage: InferenceUsage }),
  Type.Object({ type: Type.Literal('error'), error: ErrorOnWire }),
]);
export type InferenceEvent = Immutable<Static<typeof InferenceEvent>>;
