import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { FunctionTool } from './ollama.ts';

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const TextPart = Type.Object({ type: Type.Literal('text'), text: Type.String() });
const OtherPart = Type.Object({
  type: oneOf(['image_url', 'input_audio', 'file', 'refusal']),
});
const Content = Type.Union([
  Type.String(),
  Type.Array(Type.Union([TextPart, OtherPart]), { maxItems: 10000 }),
  Type.Null(),
]);

export const OpenAiToolCall = Type.Object({
  id: Type.Optional(Type.String()),
  type: Type.Optional(Type.Literal('function')),
  function: Type.Object({
    name: Type.String(),
    arguments: Type.String({ description: 'JSON text of the arguments.' }),
  }),
});

export const OpenAiMessage = Type.Object({
  role: oneOf(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Type.Optional(Content),
  name: Type.Optional(Type.String()),
  tool_calls: nullable(Type.Array(OpenAiToolCall, { maxItems: 1000 })),
  tool_call_id: Type.Optional(Type.String()),
});
export type OpenAiMessage = Static<typeof OpenAiMessage>;

export const ResponseFormat = Type.Union([
  Type.Object({ type: Type.Literal('text') }),
  Type.Object({ type: Type.Literal('json_object') }),
  Type.Object({
    type: Type.Literal('json_schema'),
    json_schema: Type.Object({
      name: Type.Optional(Type.String()),
      strict: nullable(Type.Boolean()),
      schema: Type.Record(Type.String(), Type.Unknown()),
    }),
  }),
]);

export const ChatCompletionBody = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 600 }),
  messages: Type.Array(OpenAiMessage, { minItems: 1, maxItems: 100000 }),
  stream: nullable(Type.Boolean()),
  stream_options: nullable(Type.Object({ include_usage: nullable(Type.Boolean()) })),
  max_tokens: nullable(Type.Integer({ minimum: 0 })),
  max_completion_tokens: nullable(Type.Integer({ minimum: 0 })),
  temperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
  seed: nullable(Type.Integer()),
  stop: nullable(
    Type.Union([
      Type.String({ minLength: 1, maxLength: 1024 }),
      Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 }),
    ]),
  ),
  presence_penalty: nullable(Type.Number({ minimum: -2, maximum: 2 })),
  frequency_penalty: nullable(Type.Number({ minimum: -2, maximum: 2 })),
  response_format: nullable(ResponseFormat),
  tools: nullable(Type.Array(FunctionTool, { maxItems: 1000 })),
  tool_choice: nullable(
    Type.Union([
      oneOf(['none', 'auto', 'required']),
      Type.Object({ type: Type.Literal('function'), function: Type.Object({ name: Type.String() }) }),
    ]),
  ),
  n: nullable(Type.Integer({ minimum: 1, description: 'Only 1 in this version.' })),
  logprobs: nullable(Type.Boolean({ description: 'Not available in this version.' })),
  user: nullable(Type.String()),
});
export type ChatCompletionBody = Static<typeof ChatCompletionBody>;

const Usage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
});

const FinishReason = oneOf(['stop', 'length', 'tool_calls'], { description: 'Why the answer ended.' });

export const ChatCompletionResponse = Type.Object({
  id: Type.String(),
  object: Type.Literal('chat.completion'),
  created: Type.Integer({ description: 'Seconds since 1970.' }),
  model: Type.String(),
  system_fingerprint: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      message: Type.Object({
        role: Type.Literal('assistant'),
        content: Type.Union([Type.String(), Type.Null()]),
        tool_calls: Type.Optional(Type.Array(OpenAiToolCall)),
      }),
      logprobs: Type.Null(),
      finish_reason: FinishReason,
    }),
  ),
  usage: Usage,
});

/** The data of one event of the streamed form; the last event's data is `[DONE]`. */
export const ChatCompletionChunk = Type.Object({
  id: Type.String(),
  object: Type.Literal('chat.completion.chunk'),
  created: Type.Integer(),
  model: Type.String(),
  system_fingerprint: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      delta: Type.Object({
        role: Type.Optional(Type.Literal('assistant')),
        content: Type.Optional(Type.String()),
        tool_calls: Type.Optional(
          Type.Array(
            Type.Object({
              index: Type.Integer(),
              id: Type.String(),
              type: Type.Literal('function'),
              function: Type.Object({ name: Type.String(), arguments: Type.String() }),
            }),
          ),
        ),
      }),
      logprobs: Type.Null(),
      finish_reason: Type.Union([FinishReason, Type.Null()]),
    }),
    { description: 'Empty in the event that carries the usage.' },
  ),
  usage: Type.Optional(
    Type.Union([Usage, Type.Null()], {
      description: 'Only with stream_options.include_usage; null but in the last event.',
    }),
  ),
});

export const OpenAiModel = Type.Object({
  id: Type.String(),
  object: Type.Literal('model'),
  created: Type.Integer(),
  owned_by: Type.String(),
});

export const OpenAiModelList = Type.Object({ object: Type.Literal('list'), data: Type.Array(OpenAiModel) });

export const OpenAiError = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
    code: Type.Union([Type.String(), Type.Null()]),
    request_id: Type.String(),
  }),
});
