import { gigachatMarkSyntax, gigachatSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat } from './tool-format.ts';

const messageEnd = '<|message_sep|>';
const roleEnd = '<|role_sep|>';
const functionCall = '<|function_call|>';

/** A message of the role `function call` with `{"name": …, "arguments": {…}}`: GigaChat 3. */
export const gigachat: ToolFormat = {
  name: 'gigachat',
  matches: (template) => template.includes(messageEnd) && template.includes(roleEnd),
  openings: [messageEnd],
  marks: [roleEnd],
  noise: [messageEnd],
  read: (cursor) => {
    cursor.take(messageEnd);
    cursor.space();
    // The mark stands at the end of every message.
    if (!cursor.isNext('function call')) return [];
    cursor.take('function call');
    cursor.take(roleEnd);
    cursor.space();
    return jsonCalls(cursor, cursor.json());
  },
  syntax: gigachatSyntax,
};

/** The same behind a mark of its own: GigaChat 3.1. */
export const gigachatMark: ToolFormat = {
  name: 'gigachat-mark',
  matches: (template) => gigachat.matches(template) && template.includes(functionCall),
  openings: [functionCall],
  marks: [roleEnd],
  noise: [messageEnd],
  read: (cursor) => {
    cursor.take(functionCall);
    cursor.space();
    return jsonCalls(cursor, cursor.json());
  },
  syntax: gigachatMarkSyntax,
};
