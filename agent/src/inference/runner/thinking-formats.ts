/** How a family of chat templates has its models mark what they think. */
export interface ThinkingFormat {
  readonly name: string;
  /** Whether a chat template is of this family. */
  readonly matches: (template: string) => boolean;
  readonly open: string;
  readonly close: string;
  /** Whether the answer is a row of messages in channels, of which one is for thinking. */
  readonly hasChannels: boolean;
  /** What may stand before what the model says, behind its thinking or without any; nobody is to see it. */
  readonly heads?: readonly string[];
  /** Which of them stands before an answer at its beginning, and which behind what is thought. */
  readonly head?: { readonly first: string; readonly next: string };
  /** Control tokens that these texts are made of, where they are more than one token. */
  readonly marks?: readonly string[];
  /** Whether thinking may come again between parts of the answer. */
  readonly comesAgain?: boolean;
  /** Whether models think even where they are told not to. */
  readonly isUnasked?: boolean;
  /** Variables of the template that say how much is to be thought, beside those that most templates know. */
  readonly switches?: (think: Think) => Readonly<Record<string, unknown>>;
}

/** Whether or how much a model is to think; undefined: nobody has said. */
export type Think = boolean | string | undefined;

/** The variables of a template that say whether and how much its model is to think. */
export const thinkingVariables = (
  format: ThinkingFormat,
  think: Think,
): Readonly<Record<string, unknown>> => ({
  // Templates of DeepSeek and Granite have a name of their own for it.
  enable_thinking: think !== false,
  thinking: think !== false,
  ...(typeof think === 'string' ? { reasoning_effort: think } : {}),
  ...format.switches?.(think),
});

const tagged = (
  name: string,
  open: string,
  close: string,
  more: Partial<ThinkingFormat> = {},
): ThinkingFormat => ({
  name,
  matches: (template) => template.includes(open),
  open,
  close,
  hasChannels: false,
  ...more,
});

/** Of a template that has all of these. */
const having =
  (...texts: readonly string[]) =>
  (template: string): boolean =>
    texts.every((text) => template.includes(text));

/** Every family, the more particular before those whose marks they share. */
const thinkingFormats: readonly ThinkingFormat[] = [
  {
    name: 'harmony',
    matches: having('<|channel|>', '<|message|>'),
    open: '<|channel|>analysis<|message|>',
    close: '<|end|>',
    hasChannels: true,
  },
  tagged('seed', '<seed:think>', '</seed:think>'),
  tagged('magistral', '[THINK]', '[/THINK]'),
  tagged('command-r', '<|START_THINKING|>', '<|END_THINKING|>', {
    switches: (think) => (think === false ? { reasoning: false } : {}),
  }),
  tagged('gemma4', '<|channel>thought', '<channel|>', { marks: ['<|channel>'], comesAgain: true }),
  tagged('kimi-k3', '<|open|>think<|sep|>', '<|close|>think<|sep|>', {
    // The template puts the tags together.
    matches: having('<|open|>', '<|close|>', '<|sep|>', "'think'"),
    heads: ['<|open|>response<|sep|>'],
    head: { first: '<|open|>response<|sep|>', next: '<|open|>response<|sep|>' },
    marks: ['<|open|>', '<|close|>', '<|sep|>'],
    // It refuses other words.
    switches: (think) =>
      typeof think === 'string' ? { thinking_effort: think === 'medium' ? 'high' : think } : {},
  }),
  tagged('minimax-m3', '<mm:think>', '</mm:think>', {
    // Without thinking its end alone is there.
    heads: ['</mm:think>'],
    switches: (think) =>
      think === undefined ? {} : { thinking_mode: think === false ? 'disabled' : 'enabled' },
  }),
  tagged('hunyuan', '<think:opensource>', '</think:opensource>', {
    // The template puts the tags together.
    matches: (template) => template.includes(':opensource') && /<think(?:\{\}|:opensource)>/.test(template),
    // Unless it is told it has nothing thought, and it refuses other words.
    switches: (think) => ({
      reasoning_effort: think === false ? 'no_think' : think === 'low' ? 'low' : 'high',
    }),
  }),
  tagged('solar', '<|think|>', '<|end|>', {
    matches: having('<|begin|>assistant<|think|>'),
    heads: ['<|begin|>assistant<|content|>', '<|content|>', '<|begin|>assistant'],
    head: { first: '<|content|>', next: '<|begin|>assistant<|content|>' },
    marks: ['<|begin|>', '<|content|>'],
    switches: (think) => (think === false ? { reasoning_effort: 'minimal' } : {}),
  }),
  tagged('muse', 'to=self<|message|>', '<|eom|>', {
    matches: having(' to=self<|message|>', '<|eom|>'),
    heads: ['<|start|>assistant to=user<|message|>', 'to=user<|message|>'],
    head: { first: ' to=user<|message|>', next: '<|start|>assistant to=user<|message|>' },
    marks: ['<|start|>', '<|message|>', '<|eom|>'],
  }),
  tagged('apertus', '<|inner_prefix|>', '<|inner_suffix|>'),
  tagged('apriel', 'Here are my reasoning steps:', '[BEGIN FINAL RESPONSE]', {
    matches: having('[BEGIN FINAL RESPONSE]'),
    isUnasked: true,
  }),
  // Some templates only take thinking out of past answers.
  tagged('think', '<think>', '</think>', {
    matches: (template) => template.includes('<think>') || template.includes('</think>'),
  }),
  tagged('thinking', '<thinking>', '</thinking>'),
  tagged('reasoning', '<reasoning>', '</reasoning>'),
];

/** The family a chat template is of; undefined: its models do not think aloud. */
export const thinkingFormatOf = (template: string): ThinkingFormat | undefined =>
  thinkingFormats.find((format) => format.matches(template));

/** What of the marks of a family may be control tokens, which are to be made visible for the splitter. */
export const controlMarksOf = ({
  open,
  close,
  marks = [],
  heads = [],
}: ThinkingFormat): readonly string[] => [open, close, ...heads, ...marks];
