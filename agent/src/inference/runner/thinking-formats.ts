/** How a family of chat templates has its models mark what they think. */
export interface ThinkingFormat {
  readonly name: string;
  /** Whether a chat template is of this family. */
  readonly matches: (template: string) => boolean;
  readonly open: string;
  readonly close: string;
  /** Whether the answer is a row of messages in channels, of which one is for thinking. */
  readonly hasChannels: boolean;
}

const tagged = (name: string, open: string, close: string): ThinkingFormat => ({
  name,
  matches: (template) => template.includes(open),
  open,
  close,
  hasChannels: false,
});

/** Every family, the more particular before those whose marks they share. */
const thinkingFormats: readonly ThinkingFormat[] = [
  {
    name: 'harmony',
    matches: (template) => template.includes('<|channel|>') && template.includes('<|message|>'),
    open: '<|channel|>analysis<|message|>',
    close: '<|end|>',
    hasChannels: true,
  },
  tagged('seed', '<seed:think>', '</seed:think>'),
  tagged('magistral', '[THINK]', '[/THINK]'),
  tagged('command-r', '<|START_THINKING|>', '<|END_THINKING|>'),
  tagged('think', '<think>', '</think>'),
  tagged('reasoning', '<reasoning>', '</reasoning>'),
];

/** The family a chat template is of; undefined: its models do not think aloud. */
export const thinkingFormatOf = (template: string): ThinkingFormat | undefined =>
  thinkingFormats.find((format) => format.matches(template));
