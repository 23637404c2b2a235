import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import {
  answersField,
  functionName,
  nullable,
  openAiModelField,
  openAiSampling,
  streamFields,
  toolParameters,
} from './openai-fields.ts';
import { OpenAiTokenLogprob, OpenAiUsage, ReasoningEffort } from './openai.ts';

const TextPart = Type.Object({ type: Type.Literal('text'), text: Type.String() });
const ImagePart = Type.Object({
  type: Type.Literal('image_url'),
  image_url: Type.Object({
    url: Type.String({
      description: 'data:image/png;base64, and the content, or JPEG, GIF, WebP; other URLs are refused.',
    }),
  }),
});
const OtherPart = Type.Object({
  type: oneOf(['input_audio', 'file', 'refusal'], {
    description: 'Refused: only text and images are served.',
  }),
});
const Content = Type.Union([
  Type.String(),
  Type.Array(Type.Union([TextPart, ImagePart, OtherPart]), { maxItems: 10000 }),
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
export type OpenAiToolCall = Static<typeof OpenAiToolCall>;

export const OpenAiMessage = Type.Object({
  role: oneOf(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Type.Optional(Content),
  reasoning_content: nullable(
    Type.String({ description: 'What the model thought before this answer; reasoning is taken too.' }),
  ),
  reasoning: nullable(Type.String()),
  name: Type.Optional(Type.String()),
  tool_calls: nullable(Type.Array(OpenAiToolCall, { maxItems: 1000 })),
  tool_call_id: Type.Optional(Type.String()),
});
export type OpenAiMessage = Static<typeof OpenAiMessage>;

export const OpenAiTool = Type.Object({
  type: Type.Literal('function'),
  function: Type.Object({
    name: functionName,
    description: nullable(Type.String()),
    parameters: toolParameters,
  }),
});

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

const NamedFunction = Type.Object({
  type: Type.Literal('function'),
  function: Type.Object({ name: functionName }),
});

export const ChatToolChoice = Type.Union([
  oneOf(['none', 'auto', 'required']),
  NamedFunction,
  Type.Object({
    type: Type.Literal('allowed_tools'),
    allowed_tools: Type.Object({
      mode: oneOf(['auto', 'required']),
      tools: Type.Array(NamedFunction, { minItems: 1, maxItems: 1000 }),
    }),
  }),
]);

export const ChatCompletionBody = Type.Object({
  model: openAiModelField,
  messages: Type.Array(OpenAiMessage, { minItems: 1, maxItems: 100000 }),
  ...streamFields,
  n: answersField,
  max_tokens: nullable(Type.Integer({ minimum: 0 })),
  max_completion_tokens: nullable(Type.Integer({ minimum: 0, description: 'Goes before max_tokens.' })),
  ...openAiSampling,
  logprobs: nullable(Type.Boolean()),
  top_logprobs: nullable(Type.Integer({ minimum: 0, maximum: 20, description: 'Only with logprobs.' })),
  response_format: nullable(ResponseFormat),
  grammar: nullable(
    Type.String({ minLength: 1, description: "Extension: a grammar in llama.cpp's GBNF for the answer." }),
  ),
  tools: nullable(Type.Array(OpenAiTool, { maxItems: 1000 })),
  tool_choice: nullable(ChatToolChoice),
  parallel_tool_calls: nullable(Type.Boolean({ description: 'False: at most one call per answer.' })),
  reasoning_effort: nullable(ReasoningEffort),
  prediction: nullable(
    Type.Object(
      {
        type: Type.Literal('content'),
        content: Type.Union([
          Type.String(),
          Type.Array(Type.Object({ type: Type.Literal('text'), text: Type.String() }), { maxItems: 100000 }),
        ]),
      },
      { description: 'What the answer will probably be: where it is, it comes faster.' },
    ),
  ),
  user: nullable(Type.String()),
});
export type ChatCompletionBody = Static<typeof ChatCompletionBody>;

const FinishReason = oneOf(['stop', 'length', 'tool_calls'], { description: 'Why the answer ended.' });

const ChatLogprobs = Type.Union([
  Type.Object({ content: Type.Array(OpenAiTokenLogprob), refusal: Type.Null() }),
  Type.Null(),
]);

const reasoningField = Type.Optional(
  Type.String({ description: 'What the model thought before it answered.' }),
);

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
        refusal: Type.Null(),
        reasoning_content: reasoningField,
        tool_calls: Type.Optional(Type.Array(OpenAiToolCall)),
      }),
      logprobs: ChatLogprobs,
      finish_reason: FinishReason,
    }),
  ),
  usage: OpenAiUsage,
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
        reasoning_content: reasoningField,
        tool_calls: Type.Optional(
          Type.Array(
            Type.Object({
              index: Type.Integer(),
              id: Type.Optional(
                Type.String({ description: 'In the first piece of the call only, as type and name.' }),
              ),
              type: Type.Optional(Type.Literal('function')),
              function: Type.Object({
                name: Type.Optional(Type.String()),
                arguments: Type.String({ description: 'Goes on from the piece before.' }),
              }),
            }),
          ),
        ),
      }),
      logprobs: ChatLogprobs,
      finish_reason: Type.Union([FinishReason, Type.Null()]),
    }),
    { description: 'Empty in the event that carries the usage.' },
  ),
  usage: Type.Optional(
    Type.Union([OpenAiUsage, Type.Null()], {
      description: 'Only with stream_options.include_usage; null but in the last event.',
    }),
  ),
});
