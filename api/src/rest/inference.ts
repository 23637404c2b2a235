import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { InferenceUsage, Think, TokenLogprob } from '../wire/inference.ts';
import { ProblemDetails } from './native.ts';

// OllamaMax's own inference routes: what the engine takes and gives, without another API's history.

const closed = { additionalProperties: false } as const;

const modelField = Type.String({
  minLength: 1,
  maxLength: 600,
  description: 'Model name; the tag defaults to latest.',
});

const TokenList = Type.Array(Type.Integer({ minimum: 0, maximum: 2147483647 }), { maxItems: 1000000 });

export const GenerationOptions = Type.Object(
  {
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    topK: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000000 })),
    topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    minP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    typicalP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    mirostat: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2,
        description: 'Version of mirostat, which then takes the place of the other filters; 0 is off.',
      }),
    ),
    mirostatTau: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    mirostatEta: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    seed: Type.Optional(Type.Integer({ description: 'Negative or absent: random.' })),
    repeatPenalty: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
    repeatLastN: Type.Optional(
      Type.Integer({
        minimum: -1,
        maximum: 1000000,
        description: 'Tokens looked back at; -1: the whole context.',
      }),
    ),
    presencePenalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    frequencyPenalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    logitBias: Type.Optional(
      Type.Record(Type.String({ pattern: '^[0-9]{1,9}$' }), Type.Number(), {
        description: 'By token id; -100 or less forbids the token.',
        ...closed,
      }),
    ),
    stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 })),
    maxTokens: Type.Optional(
      Type.Integer({ description: 'Negative or absent: until the model ends or the context is full.' }),
    ),
    topLogprobs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 20,
        description: 'Log probabilities are wanted, with so many alternatives.',
      }),
    ),
    keepTokens: Type.Optional(
      Type.Integer({
        minimum: -1,
        maximum: 16777216,
        description: 'Tokens of the beginning that stay when the context is shifted; -1: the whole prompt.',
      }),
    ),
  },
  { ...closed, description: "What is left out takes the model's own default, then Ollama's." },
);

const AnswerFormat = Type.Union(
  [
    Type.Object({ type: Type.Literal('json') }, closed),
    Type.Object({ type: Type.Literal('gbnf'), grammar: Type.String({ minLength: 1 }) }, closed),
    Type.Object(
      { type: Type.Literal('json_schema'), schema: Type.Record(Type.String(), Type.Unknown()) },
      closed,
    ),
  ],
  { description: 'Form that the answer must have.' },
);

const generation = {
  options: Type.Optional(GenerationOptions),
  format: Type.Optional(AnswerFormat),
  think: Type.Optional(Think),
  contextSize: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 16777216,
      description: 'Context tokens; a change reloads the model.',
    }),
  ),
  truncate: Type.Optional(
    Type.Boolean({ description: 'False: a prompt that is too long is an error; else its oldest part goes.' }),
  ),
  shift: Type.Optional(
    Type.Boolean({
      description: 'False: the answer ends when the context is full; else its oldest part goes.',
    }),
  ),
  keepAlive: Type.Optional(
    Type.Union([Type.Number(), Type.String({ maxLength: 64 })], {
      description:
        'How long the model stays loaded: seconds or a duration such as "10m"; negative: for ever; 0: unload.',
    }),
  ),
  stream: Type.Optional(Type.Boolean({ description: 'Answer as a stream of events instead of one object.' })),
};

export const NativeGenerateBody = Type.Object(
  {
    model: modelField,
    prompt: Type.Union([Type.String(), TokenList], {
      description: 'Text, or tokens of the model, which go to it as they are.',
    }),
    system: Type.Optional(Type.String()),
    suffix: Type.Optional(
      Type.String({ description: 'What comes behind the answer: the model fills the gap.' }),
    ),
    template: Type.Optional(Type.String({ description: "Jinja template instead of the model's own." })),
    raw: Type.Optional(
      Type.Boolean({ description: 'The prompt goes to the model without the chat template.' }),
    ),
    ...generation,
  },
  closed,
);
export type NativeGenerateBody = Static<typeof NativeGenerateBody>;

const Call = Type.Object(
  {
    id: Type.Optional(Type.String()),
    name: Type.String(),
    arguments: Type.Record(Type.String(), Type.Unknown()),
  },
  closed,
);

const Message = Type.Object(
  {
    role: oneOf(['system', 'user', 'assistant', 'tool']),
    content: Type.String(),
    thinking: Type.Optional(Type.String()),
    toolCalls: Type.Optional(Type.Array(Call, { maxItems: 1000 })),
    toolName: Type.Optional(Type.String()),
    toolCallId: Type.Optional(Type.String()),
  },
  closed,
);

const Tool = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256 }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema.' })),
  },
  closed,
);

const conversation = {
  model: modelField,
  messages: Type.Array(Message, { minItems: 1, maxItems: 100000 }),
  tools: Type.Optional(Type.Array(Tool, { maxItems: 1000 })),
};

export const NativeChatBody = Type.Object(
  {
    ...conversation,
    toolChoice: Type.Optional(
      Type.Union([oneOf(['auto', 'none', 'required']), Type.Object({ name: Type.String() }, closed)]),
    ),
    parallelToolCalls: Type.Optional(Type.Boolean({ description: 'False: at most one call per answer.' })),
    ...generation,
  },
  closed,
);
export type NativeChatBody = Static<typeof NativeChatBody>;

export const NativeEmbeddingsBody = Type.Object(
  {
    model: modelField,
    input: Type.Union([
      Type.String(),
      TokenList,
      Type.Array(Type.Union([Type.String(), TokenList]), { maxItems: 2048 }),
    ]),
    dimensions: Type.Optional(Type.Integer({ minimum: 1, maximum: 65536 })),
    truncate: Type.Optional(
      Type.Boolean({ description: 'False: an input that is too long is an error instead of being cut.' }),
    ),
    normalize: Type.Optional(Type.Boolean({ description: 'Scaled to length 1, unless false.' })),
  },
  closed,
);
export type NativeEmbeddingsBody = Static<typeof NativeEmbeddingsBody>;

export const NativeTokenizeBody = Type.Object(
  {
    model: modelField,
    text: Type.String(),
    add_special: Type.Optional(
      Type.Boolean({ description: 'With the beginning-of-sequence token, where the model wants one.' }),
    ),
    parse_special: Type.Optional(
      Type.Boolean({ description: 'Control tokens in the text are tokens, not letters, unless false.' }),
    ),
  },
  closed,
);
export type NativeTokenizeBody = Static<typeof NativeTokenizeBody>;

export const NativeDetokenizeBody = Type.Object({ model: modelField, tokens: TokenList }, closed);
export type NativeDetokenizeBody = Static<typeof NativeDetokenizeBody>;

export const NativeTemplateBody = Type.Object({ ...conversation, think: Type.Optional(Think) }, closed);
export type NativeTemplateBody = Static<typeof NativeTemplateBody>;

const ended = {
  finishReason: oneOf(['stop', 'length', 'tool_calls'], { description: 'Why the answer ended.' }),
  stopSequence: Type.Optional(Type.String({ description: 'The stop sequence that ended it.' })),
  usage: InferenceUsage,
};

const logprobs = Type.Optional(
  Type.Array(TokenLogprob, { description: 'Of the tokens of the text, when they were asked for.' }),
);

export const NativeGenerateResponse = Type.Object({
  id: Type.String(),
  model: Type.String(),
  text: Type.String(),
  thinking: Type.Optional(Type.String()),
  logprobs,
  ...ended,
});

export const NativeChatResponse = Type.Object({
  id: Type.String(),
  model: Type.String(),
  message: Type.Object({
    role: Type.Literal('assistant'),
    content: Type.String(),
    thinking: Type.Optional(Type.String()),
    toolCalls: Type.Optional(Type.Array(Call)),
  }),
  logprobs,
  ...ended,
});

/** The data of one event of the streamed form; the last one is `done` or `error`. */
export const NativeStreamEvent = Type.Union([
  Type.Object({ type: Type.Literal('text'), text: Type.String(), logprobs }),
  Type.Object({ type: Type.Literal('thinking'), text: Type.String() }),
  Type.Object({ type: Type.Literal('tool_calls'), toolCalls: Type.Array(Call) }),
  Type.Object({ type: Type.Literal('done'), ...ended }),
  Type.Object({ type: Type.Literal('error'), error: ProblemDetails }),
]);

export const NativeEmbeddingsResponse = Type.Object({
  model: Type.String(),
  embeddings: Type.Array(Type.Array(Type.Number())),
  usage: Type.Object({ promptTokens: Type.Integer() }),
});

export const NativeTokenizeResponse = Type.Object({ tokens: Type.Array(Type.Integer()) });

export const NativeDetokenizeResponse = Type.Object({ text: Type.String() });

export const NativeTemplateResponse = Type.Object({
  prompt: Type.String({ description: 'What the model would be given.' }),
  tokens: Type.Array(Type.Integer()),
});
