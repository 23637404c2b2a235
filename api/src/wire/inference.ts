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

/** An image within a text. */
export const ChatImage = Type.Object({
  /** Content of an image file in base64. */
  data: Type.String(),
  /** UTF-16 units of the text that come before it. */
  at: Type.Integer({ minimum: 0 }),
});
export type ChatImage = Static<typeof ChatImage>;

export const ChatMessage = Type.Object({
  role: oneOf(['system', 'user', 'assistant', 'tool']),
  content: Type.String(),
  /** In the order of the text. */
  images: Type.Optional(Type.Array(ChatImage)),
  /** What the model thought before this answer of its own. */
  thinking: Type.Optional(Type.String()),
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

/** Whether the model may, must or must not call a tool; a name: that one. Enforced by grammar. */
export const ToolChoice = Type.Union([
  oneOf(['auto', 'none', 'required']),
  Type.Object({ name: Type.String() }),
]);
export type ToolChoice = Static<typeof ToolChoice>;

/** Thinking of a model that can: on, off, or how much. */
export const Think = Type.Union([Type.Boolean(), oneOf(['low', 'medium', 'high'])]);
export type Think = Static<typeof Think>;

export const OutputFormat = Type.Union([
  Type.Object({ type: Type.Literal('json') }),
  /** A grammar in llama.cpp's GBNF. */
  Type.Object({ type: Type.Literal('gbnf'), grammar: Type.String() }),
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
  /** Locally typical sampling; 1 is off. */
  typicalP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Version of mirostat, which then takes the place of all other filters; 0 is off. */
  mirostat: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 })),
  /** The surprise that mirostat aims at, in bits. */
  mirostatTau: Type.Optional(Type.Number({ minimum: 0 })),
  /** How fast mirostat learns. */
  mirostatEta: Type.Optional(Type.Number({ minimum: 0 })),
  /** Added to the logits of tokens before anything else, by token id; what is -100 or less is never chosen. */
  logitBias: Type.Optional(Type.Record(Type.String(), Type.Number())),
  stop: Type.Optional(Type.Array(Type.String())),
  /** Most tokens to produce; negative or absent: until the model ends or the context is full. */
  maxTokens: Type.Optional(Type.Integer()),
  /** Log probabilities of the tokens of the answer are wanted, with so many alternatives each. */
  topLogprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
  /** Tokens of the beginning that stay when the context is shifted; -1: the whole prompt. */
  keepTokens: Type.Optional(Type.Integer({ minimum: -1 })),
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
      /** `auto` when left out. */
      toolChoice: Type.Optional(ToolChoice),
      /** False: at most one call per answer. */
      parallelToolCalls: Type.Optional(Type.Boolean()),
      think: Type.Optional(Think),
    }),
    Type.Object({
      kind: Type.Literal('prompt'),
      /** Text, or tokens of this model, which go to it as they are. */
      prompt: Type.Union([Type.String(), Type.Array(Type.Integer({ minimum: 0 }))]),
      system: Type.Optional(Type.String()),
      /** Content of image files in base64; they come before the prompt. */
      images: Type.Optional(Type.Array(Type.String())),
      /** True: the prompt goes to the model as it is, without the chat template. */
      raw: Type.Optional(Type.Boolean()),
      /** What comes behind the answer: the model fills the gap. */
      suffix: Type.Optional(Type.String()),
      /** Jinja template instead of the model's own. */
      template: Type.Optional(Type.String()),
      /** Tokens of an earlier exchange, as its `done` gave them, which this one goes on from. */
      context: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }))),
      think: Type.Optional(Think),
    }),
    /** Answers with one `embeddings` event. */
    Type.Object({
      kind: Type.Literal('embed'),
      inputs: Type.Array(Type.Union([Type.String(), Type.Array(Type.Integer({ minimum: 0 }))])),
      /** False: an input that is too long is an error instead of being cut. */
      truncate: Type.Boolean(),
      /** Scaled to length 1. */
      normalize: Type.Boolean(),
      /** Keeps the first so many numbers of each vector. */
      dimensions: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    /** How well documents answer a query; answers with one `scores` event. */
    Type.Object({
      kind: Type.Literal('rerank'),
      query: Type.String(),
      documents: Type.Array(Type.String()),
    }),
    /** Answers with one `tokens` event. */
    Type.Object({
      kind: Type.Literal('tokenize'),
      text: Type.String(),
      /** With the beginning-of-sequence token, where the model wants one. */
      addSpecial: Type.Boolean(),
      /** Control tokens in the text are tokens, not letters. */
      parseSpecial: Type.Boolean(),
    }),
    /** Answers with one `text` event. */
    Type.Object({
      kind: Type.Literal('detokenize'),
      tokens: Type.Array(Type.Integer({ minimum: 0 })),
    }),
    /** The prompt that a conversation becomes; answers with one `text` and one `tokens` event. */
    Type.Object({
      kind: Type.Literal('render'),
      messages: Type.Array(ChatMessage),
      tools: Type.Optional(Type.Array(ToolDefinition)),
      think: Type.Optional(Think),
    }),
    /** Loads the model and answers at once. */
    Type.Object({ kind: Type.Literal('load') }),
    /** Unloads the model when its running requests are done. */
    Type.Object({ kind: Type.Literal('unload') }),
  ]),
  sampling: Sampling,
  format: Type.Optional(OutputFormat),
  /** What the answer will probably be: where it is, it comes faster. */
  prediction: Type.Optional(Type.String()),
  /** Context tokens per request (num_ctx); a change reloads the model. */
  contextSize: Type.Optional(Type.Integer({ minimum: 1 })),
  /** False: a prompt that is too long is an error; else the oldest messages go first. */
  truncate: Type.Optional(Type.Boolean()),
  /** False: the answer ends when the context is full; else its oldest part makes room. */
  shift: Type.Optional(Type.Boolean()),
  /** `queue` events tell where the request stands while it waits. */
  reportQueue: Type.Optional(Type.Boolean()),
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
  thinkingTokens: Type.Optional(
    Type.Integer({ description: 'Tokens of the answer that the model thought with, where it thinks aloud.' }),
  ),
  guesses: Type.Optional(
    Type.Object(
      { right: Type.Integer(), wrong: Type.Integer() },
      { description: 'Tokens of the answer that were computed in advance, rightly or in vain.' },
    ),
  ),
  loadNs: Type.Number(),
  queueNs: Type.Number(),
  promptNs: Type.Number(),
  evalNs: Type.Number(),
  totalNs: Type.Number(),
});
export type InferenceUsage = Immutable<Static<typeof InferenceUsage>>;

export const ErrorOnWire = Type.Object({
  code: Type.Unsafe<ErrorCode>(Type.String({ description: 'Code of the error catalogue.' })),
  message: Type.String(),
  param: Type.Optional(Type.String()),
  retryAfterSeconds: Type.Optional(Type.Number()),
});

/** One token of an answer and how likely it was before sampling; natural logarithms. */
export const TokenLogprob = Type.Object({
  token: Type.Integer(),
  /** May be half a character; `bytes` is the whole truth. */
  text: Type.String(),
  bytes: Type.Array(Type.Integer({ minimum: 0, maximum: 255 })),
  logprob: Type.Number(),
  top: Type.Array(
    Type.Object({
      token: Type.Integer(),
      text: Type.String(),
      bytes: Type.Array(Type.Integer({ minimum: 0, maximum: 255 })),
      logprob: Type.Number(),
    }),
  ),
});
export type TokenLogprob = Static<typeof TokenLogprob>;

/**
 * What a request yields, in order: `queue` while it waits, then what it asked for - any number of text, thinking and
 * tool_calls, or one of embeddings, scores, tokens -, then exactly one done or error.
 */
export const InferenceEvent = Type.Union([
  Type.Object({
    type: Type.Literal('queue'),
    /** Requests before this one. */
    position: Type.Integer({ minimum: 0 }),
    expectedWaitSeconds: Type.Number({ minimum: 0 }),
  }),
  Type.Object({
    type: Type.Literal('text'),
    text: Type.String(),
    /** Of the tokens of this text, when they were asked for. */
    logprobs: Type.Optional(Type.Array(TokenLogprob)),
  }),
  Type.Object({ type: Type.Literal('thinking'), text: Type.String() }),
  Type.Object({ type: Type.Literal('tool_calls'), calls: Type.Array(ToolCall) }),
  Type.Object({ type: Type.Literal('embeddings'), embeddings: Type.Array(Type.Array(Type.Number())) }),
  Type.Object({
    type: Type.Literal('scores'),
    /** Of each document, in the order of the request; higher is better. */
    scores: Type.Array(Type.Number()),
  }),
  Type.Object({ type: Type.Literal('tokens'), tokens: Type.Array(Type.Integer()) }),
  Type.Object({
    type: Type.Literal('done'),
    reason: FinishReason,
    usage: InferenceUsage,
    /** Tokens of prompt and answer, for Ollama's `context`; of /api/generate only. */
    context: Type.Optional(Type.Array(Type.Integer())),
    /** The stop sequence that ended the answer. */
    stopSequence: Type.Optional(Type.String()),
  }),
  Type.Object({ type: Type.Literal('error'), error: ErrorOnWire }),
]);
export type InferenceEvent = Immutable<Static<typeof InferenceEvent>>;
