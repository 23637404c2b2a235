/** How a family of chat templates writes tool calls: fixed texts around each name and the JSON of its arguments. */
export interface ToolCallSyntax {
  /** Before the first call and behind the last. */
  readonly open: string;
  readonly close: string;
  /** Between two calls; undefined: an answer holds one call. */
  readonly separator: string | undefined;
  /** Before the name, between name and arguments, and behind the arguments. */
  readonly call: readonly [string, string, string];
  /** Whether the name is a JSON string; else it stands as it is. */
  readonly quotedName: boolean;
}

/** `<tool_call>` tags, as Hermes and Qwen have them. */
export const hermesSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '\n',
  call: ['<tool_call>\n{"name": ', ', "arguments": ', '}\n</tool_call>'],
  quotedName: true,
};

/** The JSON object of Llama 3.1 to 3.3, whose template takes one call for each answer. */
export const llama3Syntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: undefined,
  call: ['{"name": ', ', "parameters": ', '}'],
  quotedName: true,
};

/** The list behind `[TOOL_CALLS]` of Mistral's third tokenizer. */
export const mistralSyntax: ToolCallSyntax = {
  open: '[TOOL_CALLS] [',
  close: ']',
  separator: ', ',
  call: ['{"name": ', ', "arguments": ', '}'],
  quotedName: true,
};
