import { harmonySyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

/** How `ChannelSplitter` writes down what a model says to a tool, whatever stood between the marks. */
const open = '<|channel|>commentary to=functions.';

/** A message in the commentary channel that is sent to a tool: gpt-oss. */
export const harmony: ToolFormat = {
  name: 'harmony',
  matches: (template) => template.includes('<|channel|>') && template.includes('<|message|>'),
  openings: [open],
  marks: ['<|channel|>', '<|message|>', '<|start|>', '<|end|>', '<|call|>', '<|return|>', '<|constrain|>'],
  read: (cursor) => {
    cursor.take(open);
    const name = cursor.word(/[^\s<]/);
    cursor.name('<|message|>');
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd('<|call|>');
    return callOf(cursor, name, value);
  },
  syntax: harmonySyntax,
};
