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
  /** What is said of the kind of a value between tags: of a text, of any other value, and what comes behind it. */
  readonly kinds?: { readonly text: string; readonly others: readonly string[]; readonly behind: string };
  /** How names of tools and arguments are written that do not stand as they are. */
  readonly escaped?: (name: string) => string;
  /** The name of an argument stands once more behind its value, and this behind it. */
  readonly nameEnd?: string;
  /** Between the name of an argument and its value, and between two arguments, where they are written as in Python. */
  readonly keywords?: readonly [string, string];
  /** Around a text, where arguments are written as in Python but texts without escapes. */
  readonly quote?: string;
  /** What tells a call from text, where the first mark of one alone does not; false: nothing that is before its name. */
  readonly begin?: string | false;
}

/** Letters of the name of an argument before `=`, as a class of GBNF and of regular expressions. */
export const pythonKey = String.raw`[^=,()"'\n]`;

/** As this, before `:` where names have no quotes; those of members of objects are written so as well. */
export const unescapedKey = String.raw`[^:,{}"'<>\n]`;

/** The name of a tool as it stands in a call. */
export const writtenName = ({ quotedName, escaped }: ToolCallSyntax, name: string): string =>
  quotedName ? JSON.stringify(name) : (escaped?.(name) ?? name);

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

const k3Close = (tag: string): string => `<|close|>${tag}<|sep|>`;

/** Kimi K3, whose calls are numbered as well. */
export const kimiK3Syntax: ToolCallSyntax = {
  open: '<|open|>tools<|sep|>',
  close: k3Close('tools'),
  separator: '',
  call: ['<|open|>call tool="', '" index="1"<|sep|>', k3Close('call')],
  quotedName: false,
  tagged: ['<|open|>argument key="', '" type="', k3Close('argument')],
  escaped: (name) => name.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
  kinds: { text: 'string', others: ['number', 'boolean', 'null', 'object', 'array'], behind: '"<|sep|>' },
  begin: '<|open|>tools<|sep|>',
};

/** Solar Open, whose calls have ids of their own; nobody reads them. */
export const solarSyntax: ToolCallSyntax = {
  open: '<|tool_calls|>',
  close: '',
  separator: '',
  call: ['<|tool_call:begin|>0<|tool_call:name|>', '<|tool_call:args|>', '<|tool_call:end|>'],
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

/** Command R and Command R+: a list of actions in a block of code. */
export const actionSyntax: ToolCallSyntax = {
  open: 'Action:\n```json\n[\n',
  close: '\n]```',
  separator: ',\n',
  call: ['    {"tool_name": ', ', "parameters": ', '}'],
  quotedName: true,
  // An answer without a call begins so too.
  begin: false,
};

/** GigaChat 3: a message of another role behind what the assistant says. */
export const gigachatSyntax: ToolCallSyntax = {
  open: '<|message_sep|>\n\nfunction call<|role_sep|>\n',
  close: '',
  separator: undefined,
  call: jsonCall,
  quotedName: true,
  begin: '<|message_sep|>\n\nfunction call<|role_sep|>\n',
};

/** GigaChat 3.1. */
export const gigachatMarkSyntax: ToolCallSyntax = {
  open: '<|function_call|>',
  close: '',
  separator: undefined,
  call: jsonCall,
  quotedName: true,
};

/** A list of objects with the name of the tool as their only key: Apertus. */
export const apertusSyntax: ToolCallSyntax = {
  open: '<|tools_prefix|>[',
  close: ']<|tools_suffix|>',
  separator: ', ',
  call: ['{', ': ', '}'],
  quotedName: true,
};

/** A JSON object in each line: MiniMax M1. */
export const jsonLinesSyntax: ToolCallSyntax = {
  open: '<tool_calls>\n',
  close: '\n</tool_calls>',
  separator: '\n',
  call: jsonCall,
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

/** A recipient and JSON, where the prompt ends with the mark before the first recipient: Functionary 3.2. */
export const recipientSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '>>>',
  call: ['', '\n', ''],
  quotedName: false,
};

/** `<function=name>` and JSON, as Functionary 3.1 has it. */
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

const hunyuan = (tag: string): string => `<${tag}:opensource>`;

/** Hunyuan 3: as GLM, with tags of its own. */
export const hunyuanSyntax: ToolCallSyntax = {
  open: `${hunyuan('tool_calls')}\n`,
  close: `\n${hunyuan('/tool_calls')}`,
  separator: '\n',
  call: [hunyuan('tool_call'), `${hunyuan('tool_sep')}\n`, hunyuan('/tool_call')],
  quotedName: false,
  tagged: [
    hunyuan('arg_key'),
    `${hunyuan('/arg_key')}\n${hunyuan('arg_value')}`,
    `${hunyuan('/arg_value')}\n`,
  ],
};

/** MiniCPM 5. */
export const minicpmSyntax: ToolCallSyntax = {
  open: '',
  close: '',
  separator: '\n',
  call: ['<function name="', '">', '</function>'],
  quotedName: false,
  tagged: ['<param name="', '">', '</param>'],
};

const m3 = ']<]minimax[>[';

/** MiniMax M3, whose tags bear the names of the arguments. */
export const minimaxM3Syntax: ToolCallSyntax = {
  open: `${m3}<tool_call>\n`,
  close: `\n${m3}</tool_call>`,
  separator: '\n',
  call: [`${m3}<invoke name="`, '">', `${m3}</invoke>`],
  quotedName: false,
  tagged: [`${m3}<`, '>', `${m3}</`],
  nameEnd: '>',
  begin: `${m3}<tool_call>`,
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

/** Tags that say of each value whether it is a text. */
const invokeWithKinds = (outer: string, prefix: string): ToolCallSyntax => ({
  ...invoke(`${prefix}${outer}`, prefix),
  tagged: [`<${prefix}parameter name="`, '" string="', `</${prefix}parameter>\n`],
  kinds: { text: 'true', others: ['false'], behind: '">' },
});

/** DeepSeek V3.2. */
export const dsmlSyntax: ToolCallSyntax = invokeWithKinds('function_calls', '｜DSML｜');

/** DeepSeek V4. */
export const dsmlCallsSyntax: ToolCallSyntax = invokeWithKinds('tool_calls', '｜DSML｜');

/** GigaChat 3.5. */
export const gcmlSyntax: ToolCallSyntax = invokeWithKinds('tool_calls', '｜GCML｜');

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

/** Calls as in Python, one in each line of a block. */
const pythonLines = (open: string, close: string): ToolCallSyntax => ({
  open: `${open}\n`,
  close: `\n${close}`,
  separator: '\n',
  call: ['', '(', ')'],
  quotedName: false,
  keywords: ['=', ', '],
});

/** A block of code, as Gemma 3 is asked for. */
export const toolCodeSyntax: ToolCallSyntax = pythonLines('```tool_code', '```');

/** Olmo 3. */
export const olmoSyntax: ToolCallSyntax = pythonLines('<function_calls>', '</function_calls>');

const gemma = (open: string, close: string, quote: string): ToolCallSyntax => ({
  open: '',
  close: '',
  separator: '',
  call: [`${open}call:`, '{', `}${close}`],
  quotedName: false,
  keywords: [':', ','],
  quote,
});

/** Gemma 4. */
export const gemma4Syntax: ToolCallSyntax = gemma('<|tool_call>', '<tool_call|>', '<|"|>');

/** FunctionGemma. */
export const functionGemmaSyntax: ToolCallSyntax = gemma(
  '<start_function_call>',
  '<end_function_call>',
  '<escape>',
);
