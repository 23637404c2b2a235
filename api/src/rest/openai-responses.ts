import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { functionName, nullable, openAiModelField, openAiSampling, toolParameters } from './openai-fields.ts';
import { OpenAiTokenLogprob, ReasoningEffort } from './openai.ts';

// The Responses API without a memory: every request brings its whole conversation.

const TextInput = Type.Object({ type: oneOf(['input_text', 'output_text', 'text']), text: Type.String() });
const ImageInput = Type.Object({
  type: Type.Literal('input_image'),
  image_url: nullable(
    Type.String({
      description: 'data:image/png;base64, and the content, or JPEG, GIF, WebP; other URLs are refused.',
    }),
  ),
});
const OtherInput = Type.Object({
  type: oneOf(['input_file', 'input_audio', 'refusal'], {
    description: 'Refused: only text and images are served.',
  }),
});
const InputContent = Type.Union([
  Type.String(),
  Type.Array(Type.Union([TextInput, ImageInput, OtherInput]), { maxItems: 10000 }),
]);
export type ResponseInputContent = Static<typeof InputContent>;

const InputMessage = Type.Object({
  type: Type.Optional(Type.Literal('message')),
  role: oneOf(['system', 'developer', 'user', 'assistant']),
  content: InputContent,
});

const InputFunctionCall = Type.Object({
  type: Type.Literal('function_call'),
  call_id: Type.String(),
  name: Type.String(),
  arguments: Type.String({ description: 'JSON text of the arguments.' }),
});

const InputFunctionOutput = Type.Object({
  type: Type.Literal('function_call_output'),
  call_id: Type.String(),
  output: InputContent,
});

const InputReasoning = Type.Object({
  type: Type.Literal('reasoning'),
  summary: Type.Optional(Type.Array(Type.Object({ text: Type.String() }))),
  content: nullable(Type.Array(Type.Object({ text: Type.String() }))),
});

const InputReference = Type.Object({
  type: Type.Literal('item_reference', { description: 'Refused: nothing is stored.' }),
  id: Type.String(),
});

export const ResponseInputItem = Type.Union([
  InputMessage,
  InputFunctionCall,
  InputFunctionOutput,
  InputReasoning,
  InputReference,
]);
export type ResponseInputItem = Static<typeof ResponseInputItem>;

export const ResponseTool = Type.Object({
  type: Type.Literal('function'),
  name: functionName,
  description: nullable(Type.String()),
  parameters: toolParameters,
  strict: nullable(Type.Boolean()),
});

export const ResponseToolChoice = Type.Union([
  oneOf(['none', 'auto', 'required']),
  Type.Object({ type: Type.Literal('function'), name: functionName }),
  Type.Object({
    type: Type.Literal('allowed_tools'),
    mode: oneOf(['auto', 'required']),
    tools: Type.Array(Type.Object({ type: Type.Literal('function'), name: functionName }), {
      minItems: 1,
      maxItems: 1000,
    }),
  }),
]);

const ResponseFormatField = Type.Union([
  Type.Object({ type: Type.Literal('text') }),
  Type.Object({ type: Type.Literal('json_object') }),
  Type.Object({
    type: Type.Literal('json_schema'),
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    strict: nullable(Type.Boolean()),
    schema: Type.Record(Type.String(), Type.Unknown()),
  }),
]);

const { stop: _stop, ...sampling } = openAiSampling;
const metadata = Type.Record(Type.String(), Type.String());

export const ResponseBody = Type.Object({
  model: openAiModelField,
  input: Type.Union([Type.String(), Type.Array(ResponseInputItem, { minItems: 1, maxItems: 100000 })]),
  instructions: nullable(Type.String({ description: 'System message before the input.' })),
  stream: nullable(Type.Boolean()),
  max_output_tokens: nullable(Type.Integer({ minimum: 1 })),
  ...sampling,
  top_logprobs: nullable(Type.Integer({ minimum: 0, maximum: 20 })),
  include: nullable(
    Type.Array(Type.String(), {
      maxItems: 100,
      description: 'message.output_text.logprobs adds log probabilities; others make no difference.',
    }),
  ),
  text: nullable(Type.Object({ format: nullable(ResponseFormatField) })),
  reasoning: nullable(Type.Object({ effort: nullable(ReasoningEffort) })),
  tools: nullable(Type.Array(ResponseTool, { maxItems: 1000 })),
  tool_choice: nullable(ResponseToolChoice),
  parallel_tool_calls: nullable(Type.Boolean({ description: 'False: at most one call per answer.' })),
  truncation: nullable(
    oneOf(['auto', 'disabled'], { description: 'auto: the oldest messages go when the input is too long.' }),
  ),
  metadata: nullable(metadata),
  user: nullable(Type.String()),
  store: nullable(Type.Boolean({ description: 'true is refused: nothing is stored.' })),
  previous_response_id: nullable(Type.String({ description: 'Refused: send the whole input.' })),
  conversation: nullable(Type.Unknown({ description: 'Refused: send the whole input.' })),
  background: nullable(Type.Boolean({ description: 'true is refused.' })),
});
export type ResponseBody = Static<typeof ResponseBody>;

const ItemStatus = oneOf(['in_progress', 'completed', 'incomplete']);

export const ResponseOutputText = Type.Object({
  type: Type.Literal('output_text'),
  text: Type.String(),
  annotations: Type.Array(Type.Unknown(), { description: 'Always empty.' }),
  logprobs: Type.Array(OpenAiTokenLogprob),
});

export const ResponseReasoningText = Type.Object({
  type: Type.Literal('reasoning_text'),
  text: Type.String(),
});

export const ResponseOutputItem = Type.Union([
  Type.Object({
    type: Type.Literal('message'),
    id: Type.String(),
    role: Type.Literal('assistant'),
    status: ItemStatus,
    content: Type.Array(ResponseOutputText),
  }),
  Type.Object({
    type: Type.Literal('reasoning'),
    id: Type.String(),
    status: ItemStatus,
    summary: Type.Array(Type.Unknown(), { description: 'Always empty: the whole thinking is in content.' }),
    content: Type.Array(ResponseReasoningText),
  }),
  Type.Object({
    type: Type.Literal('function_call'),
    id: Type.String(),
    call_id: Type.String(),
    name: Type.String(),
    arguments: Type.String({ description: 'JSON text of the arguments.' }),
    status: ItemStatus,
  }),
]);
export type ResponseOutputItem = Static<typeof ResponseOutputItem>;

const ResponseUsage = Type.Object({
  input_tokens: Type.Integer(),
  input_tokens_details: Type.Object({ cached_tokens: Type.Integer(), cache_write_tokens: Type.Integer() }),
  output_tokens: Type.Integer(),
  output_tokens_details: Type.Object({
    reasoning_tokens: Type.Integer({ description: 'Share of the thinking, estimated by length of text.' }),
  }),
  total_tokens: Type.Integer(),
});

const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const ResponseObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('response'),
  created_at: Type.Integer({ description: 'Seconds since 1970.' }),
  completed_at: orNull(Type.Integer()),
  status: oneOf(['in_progress', 'completed', 'incomplete', 'failed']),
  background: Type.Literal(false),
  error: orNull(Type.Object({ code: Type.String(), message: Type.String() })),
  incomplete_details: orNull(Type.Object({ reason: Type.Literal('max_output_tokens') })),
  instructions: orNull(Type.String()),
  max_output_tokens: orNull(Type.Integer()),
  model: Type.String(),
  output: Type.Array(ResponseOutputItem),
  parallel_tool_calls: Type.Boolean(),
  previous_response_id: Type.Null(),
  reasoning: Type.Object({ effort: orNull(ReasoningEffort), summary: Type.Null() }),
  store: Type.Literal(false),
  temperature: Type.Number(),
  text: Type.Object({ format: ResponseFormatField }),
  tool_choice: ResponseToolChoice,
  tools: Type.Array(ResponseTool),
  top_logprobs: Type.Integer(),
  top_p: Type.Number(),
  truncation: oneOf(['auto', 'disabled']),
  usage: orNull(ResponseUsage),
  user: orNull(Type.String()),
  metadata,
});
export type ResponseObject = Static<typeof ResponseObject>;

const event = <const Name extends string, Fields extends Parameters<typeof Type.Object>[0]>(
  type: Name,
  fields: Fields,
) => Type.Object({ type: Type.Literal(type), sequence_number: Type.Integer(), ...fields });

const atItem = { item_id: Type.String(), output_index: Type.Integer() };
const atPart = { ...atItem, content_index: Type.Integer() };
const itemFields = { output_index: Type.Integer(), item: ResponseOutputItem };
const partFields = { ...atPart, part: Type.Union([ResponseOutputText, ResponseReasoningText]) };
const logprobs = Type.Array(OpenAiTokenLogprob);

/** One event of the streamed form; `event:` is the same as its type. */
export const ResponseStreamEvent = Type.Union([
  event('response.created', { response: ResponseObject }),
  event('response.in_progress', { response: ResponseObject }),
  event('response.output_item.added', itemFields),
  event('response.content_part.added', partFields),
  event('response.reasoning_text.delta', { ...atPart, delta: Type.String() }),
  event('response.reasoning_text.done', { ...atPart, text: Type.String() }),
  event('response.output_text.delta', { ...atPart, delta: Type.String(), logprobs }),
  event('response.output_text.done', { ...atPart, text: Type.String(), logprobs }),
  event('response.content_part.done', partFields),
  event('response.function_call_arguments.delta', { ...atItem, delta: Type.String() }),
  event('response.function_call_arguments.done', { ...atItem, arguments: Type.String() }),
  event('response.output_item.done', itemFields),
  event('response.completed', { response: ResponseObject }),
  event('response.incomplete', { response: ResponseObject }),
  event('error', {
    code: Type.Union([Type.String(), Type.Null()]),
    message: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
  }),
  event('response.failed', { response: ResponseObject }),
]);
export type ResponseStreamEvent = Static<typeof ResponseStreamEvent>;
