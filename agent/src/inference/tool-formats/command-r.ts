import { commandRSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat } from './tool-format.ts';

const open = '<|START_ACTION|>';
const close = '<|END_ACTION|>';

/** A list of `{"tool_name": …, "parameters": {…}}` between marks: Command R7B and Command A. */
export const commandR: ToolFormat = {
  name: 'command-r',
  matches: (template) => template.includes(open),
  openings: [open],
  marks: [close],
  noise: ['<|START_RESPONSE|>', '<|END_RESPONSE|>'],
  read: (cursor) => {
    cursor.take(open);
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(close);
    return jsonCalls(cursor, value, { name: 'tool_name', arguments: 'parameters' });
  },
  syntax: commandRSyntax,
};
