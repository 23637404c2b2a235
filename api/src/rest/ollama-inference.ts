import { Type, type Static } from 'typebox';
import { OllamaOptions } from './ollama-options.ts';

// Clients of Ollama send fields that this version does not know; as Ollama does, those are ignored.

const modelField = Type.String({
  minLength: 1,
  maxLength: 600,
  description: 'Model name; the tag defaults to latest.',
});

const streamField = Type.Optional(
  Type.Boolean({
    default: true,
    description: 'Answer as a stream of JSON lines (default) or as one object.',
  }),
);

/** Seconds as a number or a Go duration (`5m`, `1h30m`, `-1`). */
const keepAliveField = Type.Optional(
  Type.Union([Type.Number(), Type.String({ maxLength: 64 })], {
    description:
      'How long the model stays loaded: seconds or a duration such as "10m"; negative: for ever; 0: unload.',
  }),
);

const formatField = Type.Optional(
  Type.Union([Type.String(), Type.Null(), Type.Record(Type.String(), Type.Unknown())], {
    description: '"json", or a JSON Schema the answer must follow.',
  }),
);

const thinkField = Type.Optional(
  Type.Union([Type.Boolean(), Type.String(), Type.Null()], {
    description:
      'Thinking: true, false, "low", "medium", "high" or "max"; refused for models that cannot. Left out: models that can think do.',
  }),
);

const imagesField = Type.Optional(
  Type.Union([Type.Array(Type.String()), Type.Null()], {
    description:
      'Image files (PNG, JPEG, GIF, WebP) in base64, for models with the capability vision; refused for others.',
  }),
);

// The second form lets options of a wrong type through to where the first of them is named.
const optionsField = Type.Optional(
  Type.Union([OllamaOptions, Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
);

const truncateField = Type.Optional(
  Type.Boolean({
    description: 'false: a prompt that is too long is an error; else its oldest messages are left out.',
  }),
);

const common = {
  model: modelField,
  stream: streamField,
  format: formatField,
  keep_alive: keepAliveField,
  options: optionsField,
  think: thinkField,
  truncate: truncateField,
  shift: Type.Optional(
    Type.Boolean({
      description: 'false: the answer ends when the context is full; else its oldest part makes room.',
    }),
  ),
  logprobs: Type.Optional(Type.Boolean({ description: 'Tell how likely each token of the answer was.' })),
  top_logprobs: Type.Optional(
    Type.Integer({ description: 'With so many alternatives for each token, 0 to 20.' }),
  ),
};

export const GenerateBody = Type.Object({
  ...common,
  prompt: Type.Optional(
    Type.String({ description: 'Empty or absent: only load (or, with keep_alive 0, unload) the model.' }),
  ),
  suffix: Type.Optional(
    Type.String({ description: 'What comes behind the answer, for models that can fill a gap.' }),
  ),
  system: Type.Optional(Type.String({ description: "System message instead of the model's own." })),
  template: Type.Optional(
    Type.String({
      description:
        "Jinja template instead of the model's own. Of Ollama's Go templates those of .System and .Prompt are understood.",
    }),
  ),
  context: Type.Optional(
    Type.Union([Type.Array(Type.Integer({ minimum: 0 })), Type.Null()], {
      description: 'The context of an earlier answer, which this one goes on from.',
    }),
  ),
  raw: Type.Optional(Type.Boolean({ description: 'Send the prompt without the chat template.' })),
  images: imagesField,
});
export type GenerateBody = Static<typeof GenerateBody>;

export const OllamaToolCall = Type.Object({
  id: Type.Optional(Type.String()),
  function: Type.Object({
    index: Type.Optional(Type.Integer()),
    name: Type.String(),
    arguments: Type.Record(Type.String(), Type.Unknown()),
  }),
});
export type OllamaToolCall = Static<typeof OllamaToolCall>;

export const OllamaMessage = Type.Object({
  role: Type.String({ description: 'system, user, assistant or tool; case does not count.' }),
  content: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  thinking: Type.Optional(Type.String({ description: 'What the model thought before this answer.' })),
  images: imagesField,
  tool_calls: Type.Optional(Type.Union([Type.Array(OllamaToolCall, { maxItems: 1000 }), Type.Null()])),
  tool_name: Type.Optional(Type.String({ description: 'Whose result this is.' })),
  tool_call_id: Type.Optional(Type.String({ description: 'Of the call whose result this is.' })),
});
export type OllamaMessage = Static<typeof OllamaMessage>;

export const FunctionTool = Type.Object({
  type: Type.Optional(Type.Literal('function')),
  function: Type.Object({
    name: Type.String({ minLength: 1, maxLength: 256 }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
});

export const ChatBody = Type.Object({
  ...common,
  messages: Type.Optional(
    Type.Union([Type.Array(OllamaMessage, { maxItems: 100000 }), Type.Null()], {
      description: 'Empty or absent: only load (or unload) the model.',
    }),
  ),
  tools: Type.Optional(Type.Union([Type.Array(FunctionTool, { maxItems: 1000 }), Type.Null()])),
});
export type ChatBody = Static<typeof ChatBody>;

export const EmbedBody = Type.Object({
  model: modelField,
  input: Type.Optional(
    Type.Union([Type.String(), Type.Array(Type.Unknown())], {
      description: 'A text or a list of texts; empty or absent: only load the model.',
    }),
  ),
  truncate: Type.Optional(
    Type.Boolean({ description: 'false: a text that is too long is an error; else its end is left out.' }),
  ),
  dimensions: Type.Optional(
    Type.Integer({ description: 'Only so many numbers of each vector, scaled to length 1 again.' }),
  ),
  keep_alive: keepAliveField,
  options: optionsField,
});
export type EmbedBody = Static<typeof EmbedBody>;

export const EmbeddingsBody = Type.Object({
  model: modelField,
  prompt: Type.Optional(Type.String({ description: 'Empty or absent: only load the model.' })),
  keep_alive: keepAliveField,
  options: optionsField,
});
export type EmbeddingsBody = Static<typeof EmbeddingsBody>;

const durations = {
  total_duration: Type.Optional(Type.Integer({ description: 'Nanoseconds, as all durations here.' })),
  load_duration: Type.Optional(Type.Integer()),
};

const counters = {
  ...durations,
  prompt_eval_count: Type.Optional(Type.Integer()),
  prompt_eval_duration: Type.Optional(Type.Integer()),
  eval_count: Type.Optional(Type.Integer()),
  eval_duration: Type.Optional(Type.Integer()),
};

const tokenFields = {
  token: Type.String(),
  logprob: Type.Number({ description: 'Natural logarithm.' }),
  bytes: Type.Optional(
    Type.Array(Type.Integer(), { description: 'The text may be half a character; these are the truth.' }),
  ),
};

export const OllamaLogprob = Type.Object({
  ...tokenFields,
  top_logprobs: Type.Optional(Type.Array(Type.Object(tokenFields))),
});
export type OllamaLogprob = Static<typeof OllamaLogprob>;

const logprobs = Type.Optional(Type.Array(OllamaLogprob, { description: 'Only when asked for.' }));

const lineFields = {
  done: Type.Boolean(),
  done_reason: Type.Optional(
    Type.String({ description: 'stop, length, load or unload; only in the last line.' }),
  ),
};

export const GenerateResponse = Type.Object({
  model: Type.String(),
  created_at: Type.String(),
  response: Type.String(),
  thinking: Type.Optional(Type.String()),
  ...lineFields,
  context: Type.Optional(
    Type.Array(Type.Integer(), { description: 'Tokens of prompt and answer, to go on from.' }),
  ),
  ...counters,
  tool_calls: Type.Optional(Type.Array(OllamaToolCall)),
  logprobs,
});
export type GenerateResponse = Static<typeof GenerateResponse>;

export const ChatResponse = Type.Object({
  model: Type.String(),
  created_at: Type.String(),
  message: Type.Object({
    role: Type.Literal('assistant'),
    content: Type.String(),
    thinking: Type.Optional(Type.String()),
    tool_calls: Type.Optional(Type.Array(OllamaToolCall)),
  }),
  ...lineFields,
  logprobs,
  ...counters,
});
export type ChatResponse = Static<typeof ChatResponse>;

/** A line before the first of an answer, for clients that send `X-Report-Queue: true`. */
export const QueuedLine = Type.Object(
  {
    status: Type.Literal('queued'),
    position: Type.Integer({ description: 'Requests before this one.' }),
    expected_wait: Type.Number({ description: 'Seconds.' }),
  },
  { description: 'Before the answer, while the request waits; only with the header X-Report-Queue: true.' },
);
export type QueuedLine = Static<typeof QueuedLine>;

export const EmbedResponse = Type.Object({
  model: Type.String(),
  embeddings: Type.Array(Type.Array(Type.Number()), {
    description: 'One vector of length 1 for each text.',
  }),
  ...durations,
  prompt_eval_count: Type.Optional(Type.Integer()),
});
export type EmbedResponse = Static<typeof EmbedResponse>;

export const EmbeddingsResponse = Type.Object({
  embedding: Type.Array(Type.Number(), { description: 'As the model gives it, not scaled.' }),
});
export type EmbeddingsResponse = Static<typeof EmbeddingsResponse>;
