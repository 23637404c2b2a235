import { actionSyntax, commandRSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat } from './tool-format.ts';

const open = '<|START_ACTION|>';
const close = '<|END_ACTION|>';

const keys = { name: 'tool_name', arguments: 'parameters' };

/** A list of `{"tool_name": …, "parameters": {…}}` between marks: Command R7B, Command A and North Code. */
export const commandR: ToolFormat = {
  name: 'command-r',
  matches: (template) => template.includes(open),
  openings: [open],
  marks: [close],
  noise: ['<|START_RESPONSE|>', '<|END_RESPONSE|>', '<|START_TEXT|>', '<|END_TEXT|>'],
  read: (cursor) => {
    cursor.take(open);
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(close);
    return jsonCalls(cursor, value, keys);
  },
  syntax: commandRSyntax,
};

/** What the template has the model call where it needs no tool, and what models make of it. */
const noTool = ['directly-answer', 'directly_answer'];

/** The same list in a block of code behind `Action:`: Command R and Command R+. */
export const commandAction: ToolFormat = {
  name: 'command-action',
  matches: (template) => template.includes('<|CHATBOT_TOKEN|>') && template.includes('Action:'),
  openings: ['Action:'],
  marks: [],
  read: (cursor, tools) => {
    cursor.take('Action:');
    cursor.space();
    cursor.take('```json');
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd('```');
    return jsonCalls(cursor, value, keys).filter(
      ({ name: called }) => !noTool.includes(called) || tools.some(({ name }) => name === called),
    );
  },
  syntax: actionSyntax,
};
