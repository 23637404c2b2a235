import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';

// Anthropic's Messages API. Fields that are not named are ignored (`cache_control`, `service_tier`, …).

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const TextBlock = Type.Object({ type: Type.Literal('text'), text: Type.String() });

const ImageBlock = Type.Object({
  type: Type.Literal('image'),
  source: Type.Union([
    Type.Object({
      type: Type.Literal('base64'),
      media_type: Type.Optional(Type.String()),
      data: Type.String({ description: 'Content of the file: PNG, JPEG, GIF or WebP.' }),
    }),
    Type.Object({
      type: oneOf(['url', 'file'], { description: 'Refused: nothing is fetched, and no files are stored.' }),
    }),
  ]),
});

const OtherBlock = Type.Object({
  type: oneOf(['document', 'search_result'], { description: 'Refused: only text and images are served.' }),
});

const ThinkingBlock = Type.Object({
  type: Type.Literal('thinking'),
  thinking: Type.String(),
  signature: Type.Optional(Type.String()),
});

const RedactedBlock = Type.Object({
  type: Type.Literal('redacted_thinking', { description: 'Left out: no model here can read it.' }),
  data: Type.String(),
});

const ToolUseBlock = Type.Object({
  type: Type.Literal('tool_use'),
  id: Type.String(),
  name: Type.String(),
  input: Type.Record(Type.String(), Type.Unknown()),
});

const ToolResultBlock = Type.Object({
  type: Type.Literal('tool_result'),
  tool_use_id: Type.String(),
  content: Type.Optional(
    Type.Union([
      Type.String(),
      Type.Array(Type.Union([TextBlock, ImageBlock, OtherBlock]), { maxItems: 10000 }),
    ]),
  ),
  is_error: Type.Optional(Type.Boolean({ description: 'Told to the model before the content.' })),
});

export const AnthropicBlock = Type.Union([
  TextBlock,
  ImageBlock,
  OtherBlock,
  ThinkingBlock,
  RedactedBlock,
  ToolUseBlock,
  ToolResultBlock,
]);
export type AnthropicBlock = Static<typeof AnthropicBlock>;

export const AnthropicMessage = Type.Object({
  role: oneOf(['user', 'assistant', 'system']),
  content: Type.Union([Type.String(), Type.Array(AnthropicBlock, { maxItems: 10000 })]),
});
export type AnthropicMessage = Static<typeof AnthropicMessage>;

export const AnthropicTool = Type.Object({
  type: nullable(Type.Literal('custom')),
  name: Type.String({ minLength: 1, maxLength: 256 }),
  description: Type.Optional(Type.String()),
  input_schema: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema.' }),
});

const parallel = {
  disable_parallel_tool_use: Type.Optional(
    Type.Boolean({ description: 'True: at most one call per answer.' }),
  ),
};

export const AnthropicToolChoice = Type.Union([
  Type.Object({ type: Type.Literal('auto'), ...parallel }),
  Type.Object({ type: Type.Literal('any'), ...parallel }),
  Type.Object({ type: Type.Literal('tool'), name: Type.String(), ...parallel }),
  Type.Object({ type: Type.Literal('none') }),
]);

export const AnthropicThinking = Type.Union([
  Type.Object({
    type: Type.Literal('enabled'),
    budget_tokens: Type.Integer({
      minimum: 1024,
      description: 'Less than 4096 asks for little thinking, 16384 and more for much.',
    }),
  }),
  Type.Object({ type: Type.Literal('adaptive', { description: 'As much as the model likes.' }) }),
  Type.Object({ type: Type.Literal('disabled') }),
]);

const conversation = {
  model: Type.String({ minLength: 1, maxLength: 600 }),
  system: Type.Optional(Type.Union([Type.String(), Type.Array(TextBlock, { maxItems: 10000 })])),
  messages: Type.Array(AnthropicMessage, { minItems: 1, maxItems: 100000 }),
  tools: Type.Optional(Type.Array(AnthropicTool, { maxItems: 1000 })),
  tool_choice: Type.Optional(AnthropicToolChoice),
  thinking: Type.Optional(AnthropicThinking),
};

export const AnthropicMessagesBody = Type.Object({
  ...conversation,
  max_tokens: Type.Integer({ minimum: 1 }),
  stop_sequences: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 })),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000000 })),
  output_config: Type.Optional(
    Type.Object({
      effort: nullable(
        oneOf(['low', 'medium', 'high', 'xhigh', 'max'], { description: 'How much to think.' }),
      ),
      format: nullable(
        Type.Object({
          type: Type.Literal('json_schema'),
          schema: Type.Record(Type.String(), Type.Unknown()),
        }),
      ),
    }),
  ),
  metadata: Type.Optional(Type.Object({ user_id: nullable(Type.String()) })),
  stream: Type.Optional(Type.Boolean()),
});
export type AnthropicMessagesBody = Static<typeof AnthropicMessagesBody>;

export const AnthropicCountBody = Type.Object(conversation);
export type AnthropicCountBody = Static<typeof AnthropicCountBody>;

export const AnthropicCountResponse = Type.Object({ input_tokens: Type.Integer() });

const AnswerBlock = Type.Union([
  Type.Object({ type: Type.Literal('text'), text: Type.String(), citations: Type.Null() }),
  Type.Object({
    type: Type.Literal('thinking'),
    thinking: Type.String(),
    signature: Type.String({ description: 'Always empty: nothing is signed.' }),
  }),
  Type.Object({
    type: Type.Literal('tool_use'),
    id: Type.String(),
    name: Type.String(),
    input: Type.Record(Type.String(), Type.Unknown()),
    caller: Type.Object({ type: Type.Literal('direct') }),
  }),
]);
export type AnthropicAnswerBlock = Static<typeof AnswerBlock>;

const StopReason = Type.Union([
  oneOf(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use'], { description: 'Why the answer ended.' }),
  Type.Null(),
]);

const stopped = {
  container: Type.Null(),
  stop_details: Type.Null(),
  stop_reason: StopReason,
  stop_sequence: Type.Union([Type.String(), Type.Null()]),
};

const counted = {
  input_tokens: Type.Integer({ description: 'Tokens of the prompt that were not in memory.' }),
  cache_creation_input_tokens: Type.Integer(),
  cache_read_input_tokens: Type.Integer({ description: 'Tokens of the prompt that still were in memory.' }),
  output_tokens: Type.Integer(),
  output_tokens_details: Type.Union([
    Type.Object({
      thinking_tokens: Type.Integer({ description: 'Share of the thinking, estimated by length of text.' }),
    }),
    Type.Null(),
  ]),
  server_tool_use: Type.Null(),
};

export const AnthropicMessageResponse = Type.Object({
  id: Type.String(),
  type: Type.Literal('message'),
  role: Type.Literal('assistant'),
  model: Type.String(),
  content: Type.Array(AnswerBlock),
  ...stopped,
  diagnostics: Type.Null(),
  usage: Type.Object({
    ...counted,
    cache_creation: Type.Null(),
    inference_geo: Type.Null(),
    service_tier: Type.Null(),
    speed: Type.Null(),
  }),
});
export type AnthropicMessageResponse = Static<typeof AnthropicMessageResponse>;

const AnthropicErrorType = oneOf([
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'request_too_large',
  'rate_limit_error',
  'api_error',
  'timeout_error',
  'overloaded_error',
]);
export type AnthropicErrorType = Static<typeof AnthropicErrorType>;

export const AnthropicError = Type.Object({
  type: Type.Literal('error'),
  error: Type.Object({
    type: AnthropicErrorType,
    message: Type.String({ description: 'What went wrong and what to do.' }),
  }),
  request_id: Type.String(),
});

/** One event of the streamed form; `event:` is the same as its type. */
export const AnthropicStreamEvent = Type.Union([
  Type.Object({ type: Type.Literal('message_start'), message: AnthropicMessageResponse }),
  Type.Object({ type: Type.Literal('ping') }),
  Type.Object({
    type: Type.Literal('content_block_start'),
    index: Type.Integer(),
    content_block: AnswerBlock,
  }),
  Type.Object({
    type: Type.Literal('content_block_delta'),
    index: Type.Integer(),
    delta: Type.Union([
      Type.Object({ type: Type.Literal('text_delta'), text: Type.String() }),
      Type.Object({ type: Type.Literal('thinking_delta'), thinking: Type.String() }),
      Type.Object({ type: Type.Literal('signature_delta'), signature: Type.String() }),
      Type.Object({ type: Type.Literal('input_json_delta'), partial_json: Type.String() }),
    ]),
  }),
  Type.Object({ type: Type.Literal('content_block_stop'), index: Type.Integer() }),
  Type.Object({
    type: Type.Literal('message_delta'),
    delta: Type.Object(stopped),
    usage: Type.Object(counted),
  }),
  Type.Object({ type: Type.Literal('message_stop') }),
  AnthropicError,
]);
export type AnthropicStreamEvent = Static<typeof AnthropicStreamEvent>;
