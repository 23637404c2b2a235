import { ApiError, type ChatMessage, type InferenceRequest } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { jsonGrammar } from './grammar/json-rules.ts';
import { jsonSchemaToGrammar } from './grammar/json-schema-to-grammar.ts';
import { toolCallGrammar } from './grammar/tool-call-grammar.ts';
import type { Job, JobInput } from './runner/protocol.ts';

type WorkInput = Exclude<InferenceRequest['input'], { kind: 'load' | 'unload' }>;

/** What the runner works on: the request with the model's default system message and template. */
export const toJobInput = (input: WorkInput, model: EngineModel): JobInput => {
  const system = model.system ?? '';
  const withSystem = (messages: readonly ChatMessage[]): readonly ChatMessage[] =>
    system !== '' && messages[0]?.role !== 'system'
      ? [{ role: 'system', content: system }, ...messages]
      : messages;
  switch (input.kind) {
    case 'chat':
      return {
        kind: 'chat',
        messages: withSystem(input.messages),
        tools: input.toolChoice === 'none' ? [] : (input.tools ?? []),
        toolChoice: input.toolChoice ?? 'auto',
        parallelToolCalls: input.parallelToolCalls ?? true,
        template: model.template,
        think: input.think,
        plain: undefined,
        context: [],
      };
    case 'render':
      return {
        kind: 'render',
        messages: withSystem(input.messages),
        tools: input.tools ?? [],
        template: model.template,
        think: input.think,
      };
    case 'prompt':
      return fromPrompt(input, model, withSystem);
    default:
      return input;
  }
};

const fromPrompt = (
  input: Extract<WorkInput, { kind: 'prompt' }>,
  model: EngineModel,
  withSystem: (messages: readonly ChatMessage[]) => readonly ChatMessage[],
): JobInput => {
  const { prompt, suffix, context = [], images = [] } = input;
  // Tokens and gaps are what the model sees; no template has a place for them.
  if (typeof prompt !== 'string' || input.raw === true)
    return { kind: 'raw', prompt, ...(images.length === 0 ? {} : { images }) };
  if (suffix !== undefined && suffix !== '') return { kind: 'infill', prefix: prompt, suffix };
  const asked: readonly ChatMessage[] = [
    ...(input.system === undefined ? [] : [{ role: 'system' as const, content: input.system }]),
    {
      role: 'user',
      content: prompt,
      ...(images.length === 0 ? {} : { images: images.map((data) => ({ data, at: 0 })) }),
    },
  ];
  return {
    kind: 'chat',
    messages: context.length > 0 ? asked : withSystem(asked),
    tools: [],
    toolChoice: 'none',
    parallelToolCalls: true,
    template: input.template ?? model.template,
    think: input.think,
    plain: [input.system ?? model.system ?? '', prompt].filter(Boolean).join('\n\n'),
    context,
  };
};

/**
 * The grammar an answer follows: that of the format, or of the tool calls that must be made.
 * @throws ApiError invalid_format for a schema that cannot be enforced, invalid_request for an unknown tool
 */
export const toJobGrammar = ({ format, input }: InferenceRequest): Pick<Job, 'grammar' | 'endsWithJson'> => {
  const calls = input.kind === 'chat' ? requiredCalls(input) : undefined;
  if (calls !== undefined) return { grammar: calls, endsWithJson: false };
  switch (format?.type) {
    case undefined:
      return { grammar: undefined, endsWithJson: false };
    case 'json':
      return { grammar: jsonGrammar, endsWithJson: true };
    case 'gbnf':
      return { grammar: format.grammar, endsWithJson: false };
    case 'json_schema':
      return { grammar: jsonSchemaToGrammar(format.schema), endsWithJson: true };
  }
};

const requiredCalls = ({
  tools = [],
  toolChoice = 'auto',
  parallelToolCalls = true,
}: Extract<WorkInput, { kind: 'chat' }>): string | undefined => {
  if (toolChoice === 'auto' || toolChoice === 'none') return undefined;
  if (toolChoice === 'required') {
    if (tools.length > 0) return toolCallGrammar({ tools, parallel: parallelToolCalls });
    throw new ApiError('invalid_request', 'tool_choice asks for a tool call, and there are no tools.', {
      param: 'tool_choice',
    });
  }
  const { name } = toolChoice;
  const named = tools.filter((tool) => tool.name === name);
  if (named.length > 0) return toolCallGrammar({ tools: named, parallel: false });
  throw new ApiError('invalid_request', `tool_choice names ${name}, and there is no such tool.`, {
    param: 'tool_choice',
  });
};
