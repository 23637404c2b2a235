/** How a family of chat templates writes tool calls: fixed texts around each name and its arguments. */
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
  /**
   * Before the name of each argument, between name and value, and behind the value, where arguments are no JSON object
   * but stand one by one, texts without quotes.
   */
  readonly tagged?: readonly [string, string, string];
  /** Between the name of an argument and its value, and between two arguments, where they are written as in Python. */
  readonly keywords?: readonly [string, string];
}

const jsonCall = ['{"name": ', ', "arguments": ', '}'] as const;

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
  call: jsonCall,
  quotedName: true,
};

/** One mark for each call, from Mistral's eleventh tokenizer on. */
export const mistralNamedSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '',
  call: ['[TOOL_CALLS]', '[ARGS]', ''],
  quotedName: false,
};

/** DeepSeek V3 and R1. */
export const deepseekSyntax: ToolCallSyntax = {
  open: '<｜tool▁calls▁begin｜>',
  close: '<｜tool▁calls▁end｜>',
  separator: '\n',
  call: ['<｜tool▁call▁begin｜>function<｜tool▁sep｜>', '\n```json\n', '\n```<｜tool▁call▁end｜>'],
  quotedName: false,
};

/** DeepSeek V3.1. */
export const deepseekNamedSyntax: ToolCallSyntax = {
  open: '<｜tool▁calls▁begin｜>',
  close: '<｜tool▁calls▁end｜>',
  separator: '',
  call: ['<｜tool▁call▁begin｜>', '<｜tool▁sep｜>', '<｜tool▁call▁end｜>'],
  quotedName: false,
};

/** Kimi K2, which numbers its calls; every one is the first here, as nobody reads the number. */
export const kimiSyntax: ToolCallSyntax = {
  open: '<|tool_calls_section_begin|>',
  close: '<|tool_calls_section_end|>',
  separator: '',
  call: ['<|tool_call_begin|>functions.', ':0<|tool_call_argument_begin|>', '<|tool_call_end|>'],
  quotedName: false,
};

/** Command R7B and Command A, which number their calls as Kimi does. */
export const commandRSyntax: ToolCallSyntax = {
  open: '<|START_ACTION|>[\n',
  close: '\n]<|END_ACTION|>',
  separator: ',\n',
  call: ['    {"tool_call_id": "0", "tool_name": ', ', "parameters": ', '}'],
  quotedName: true,
};

/** A JSON list between marks. */
export const listSyntax = (open: string, close: string): ToolCallSyntax => ({
  open: `${open}[`,
  close: `]${close}`,
  separator: ', ',
  call: jsonCall,
  quotedName: true,
});

/** `<function=name>` and JSON, as Functionary has it. */
export const functionTagSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '\n',
  call: ['<function=', '>', '</function>'],
  quotedName: false,
};

const functionTags = (outer: string, value: readonly [string, string]): ToolCallSyntax => ({
  open: '',
  close: '',
  separator: '\n',
  call: [`<${outer}>\n<function=`, '>\n', `</function>\n</${outer}>`],
  quotedName: false,
  tagged: ['<parameter=', `>${value[0]}`, `${value[1]}</parameter>\n`],
});

/** Qwen3-Coder. */
export const qwenCoderSyntax: ToolCallSyntax = functionTags('tool_call', ['\n', '\n']);

/** Seed-OSS. */
export const seedSyntax: ToolCallSyntax = functionTags('seed:tool_call', ['', '']);

/** GLM 4.5. */
export const glmSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '\n',
  call: ['<tool_call>', '\n', '</tool_call>'],
  quotedName: false,
  tagged: ['<arg_key>', '</arg_key>\n<arg_value>', '</arg_value>\n'],
};

const invoke = (outer: string, prefix: string): ToolCallSyntax => ({
  open: `<${outer}>\n`,
  close: `\n</${outer}>`,
  separator: '\n',
  call: [`<${prefix}invoke name="`, '">\n', `</${prefix}invoke>`],
  quotedName: false,
  tagged: [`<${prefix}parameter name="`, '">', `</${prefix}parameter>\n`],
});

/** MiniMax M2. */
export const minimaxSyntax: ToolCallSyntax = invoke('minimax:tool_call', '');

/** DeepSeek V3.2; what it says of the kind of a value is left out, as the tool says it too. */
export const dsmlSyntax: ToolCallSyntax = invoke('｜DSML｜function_calls', '｜DSML｜');

/** DeepSeek V4, likewise. */
export const dsmlCallsSyntax: ToolCallSyntax = invoke('｜DSML｜tool_calls', '｜DSML｜');

/** A message of gpt-oss to a tool; the answer ends with it. */
export const harmonySyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: undefined,
  call: ['<|channel|>commentary to=functions.', ' <|constrain|>json<|message|>', ''],
  quotedName: false,
};

/** Calls as in Python, of LFM2. */
export const lfm2Syntax: ToolCallSyntax = {
  open: '<|tool_call_start|>[',
  close: ']<|tool_call_end|>',
  separator: ', ',
  call: ['', '(', ')'],
  quotedName: false,
  keywords: ['=', ', '],
};
