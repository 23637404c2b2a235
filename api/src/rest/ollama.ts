import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';

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
  Type.Union([oneOf(['json', '']), Type.Null(), Type.Record(Type.String(), Type.Unknown())], {
    description: '"json", or a JSON Schema the answer must follow.',
  }),
);

const thinkField = Type.Optional(
  Type.Union([Type.Boolean(), oneOf(['low', 'medium', 'high', 'max']), Type.Null()], {
    description: 'Thinking; refused for models that cannot.',
  }),
);

const imagesField = Type.Optional(
  Type.Union([Type.Array(Type.String()), Type.Null()], {
    description: 'Refused: no vision model is served in this version.',
  }),
);

export const OllamaOptions = Type.Object(
  {
    num_keep: Type.Optional(Type.Integer()),
    seed: Type.Optional(Type.Integer({ description: 'Negative or absent: random.' })),
    num_predict: Type.Optional(
      Type.Integer({ description: 'Most tokens to produce; negative: until the model ends.' }),
    ),
    top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000000 })),
    top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    repeat_last_n: Type.Optional(Type.Integer({ minimum: -1, maximum: 1000000 })),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    repeat_penalty: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
    presence_penalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    frequency_penalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    stop: Type.Optional(
      Type.Union([Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 }), Type.Null()]),
    ),
    num_ctx: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 16777216,
        description: 'Context tokens; a change reloads the model.',
      }),
    ),
  },
  { description: 'Sampling and loading options; unknown ones are ignored.' },
);
export type OllamaOptions = Static<typeof OllamaOptions>;

const common = {
  model: modelField,
  stream: streamField,
  format: formatField,
  keep_alive: keepAliveField,
  options: Type.Optional(Type.Union([OllamaOptions, Type.Null()])),
  think: thinkField,
  logprobs: Type.Optional(Type.Boolean({ description: 'Not available in this version.' })),
};

export const GenerateBody = Type.Object({
  ...common,
  prompt: Type.Optional(
    Type.String({ description: 'Empty or absent: only load (or, with keep_alive 0, unload) the model.' }),
  ),
  suffix: Type.Optional(Type.String({ description: 'Not available in this version.' })),
  system: Type.Optional(Type.String()),
  template: Type.Optional(Type.String({ description: 'Not available in this version.' })),
  context: Type.Optional(
    Type.Union([Type.Array(Type.Integer()), Type.Null()], { description: 'Not available in this version.' }),
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

export const OllamaMessage = Type.Object({
  role: oneOf(['system', 'user', 'assistant', 'tool']),
  content: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  thinking: Type.Optional(Type.String()),
  images: imagesField,
  tool_calls: Type.Optional(Type.Union([Type.Array(OllamaToolCall, { maxItems: 1000 }), Type.Null()])),
  tool_name: Type.Optional(Type.String()),
  tool_call_id: Type.Optional(Type.String()),
});
export type OllamaMessage = Static<typeof OllamaMessage>;

export const FunctionTool = Type.Object({
  type: Type.Literal('function'),
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

// Clients written in Go send both names, the unused one empty.
export const ShowBody = Type.Object({
  model: Type.Optional(
    Type.String({ maxLength: 600, description: 'Model name; the tag defaults to latest.' }),
  ),
  name: Type.Optional(Type.String({ maxLength: 600, description: 'Old name of model.' })),
  verbose: Type.Optional(Type.Boolean()),
});
export type ShowBody = Static<typeof ShowBody>;

/** What Ollama calls details. */
export const OllamaDetails = Type.Object({
  parent_model: Type.String(),
  format: Type.String(),
  family: Type.String(),
  families: Type.Array(Type.String()),
  parameter_size: Type.String(),
  quantization_level: Type.String(),
});

export const TagsResponse = Type.Object({
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      model: Type.String(),
      modified_at: Type.String(),
      size: Type.Integer(),
      digest: Type.String(),
      details: OllamaDetails,
      capabilities: Type.Array(Type.String()),
    }),
  ),
});

export const PsResponse = Type.Object({
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      model: Type.String(),
      size: Type.Integer(),
      digest: Type.String(),
      details: OllamaDetails,
      expires_at: Type.String(),
      size_vram: Type.Integer(),
      context_length: Type.Integer(),
      agent: Type.String({ description: 'Agent that holds it in memory.' }),
    }),
  ),
});

export const ShowResponse = Type.Object({
  license: Type.Optional(Type.String({ description: 'Absent when there is none, as the next ones.' })),
  parameters: Type.Optional(Type.String({ description: 'Defaults of the model, one per line.' })),
  template: Type.Optional(Type.String({ description: 'Jinja chat template.' })),
  system: Type.Optional(Type.String({ description: 'Default system message.' })),
  modelfile: Type.String(),
  details: OllamaDetails,
  model_info: Type.Record(Type.String(), Type.Unknown(), {
    description: 'Metadata of the GGUF file; long lists are null unless verbose.',
  }),
  tensors: Type.Array(
    Type.Object({ name: Type.String(), type: Type.String(), shape: Type.Array(Type.Integer()) }),
  ),
  capabilities: Type.Array(Type.String()),
  modified_at: Type.String(),
});

const counters = {
  done_reason: Type.Optional(Type.String()),
  total_duration: Type.Optional(Type.Integer({ description: 'Nanoseconds, as all durations here.' })),
  load_duration: Type.Optional(Type.Integer()),
  prompt_eval_count: Type.Optional(Type.Integer()),
  prompt_eval_duration: Type.Optional(Type.Integer()),
  eval_count: Type.Optional(Type.Integer()),
  eval_duration: Type.Optional(Type.Integer()),
};

export const GenerateResponse = Type.Object({
  model: Type.String(),
  created_at: Type.String(),
  response: Type.String(),
  done: Type.Boolean(),
  ...counters,
});

export const ChatResponse = Type.Object({
  model: Type.String(),
  created_at: Type.String(),
  message: Type.Object({
    role: Type.Literal('assistant'),
    content: Type.String(),
    tool_calls: Type.Optional(Type.Array(OllamaToolCall)),
  }),
  done: Type.Boolean(),
  ...counters,
});

export const OllamaError = Type.Object({
  error: Type.String({ description: 'What went wrong and what to do.' }),
  code: Type.String({ description: 'Stable code of the error catalogue.' }),
  request_id: Type.String(),
});
