import { kimiSyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const begin = '<|tool_calls_section_begin|>';
const end = '<|tool_calls_section_end|>';
const callBegin = '<|tool_call_begin|>';
const callEnd = '<|tool_call_end|>';
const argumentsBegin = '<|tool_call_argument_begin|>';

/** `functions.name:0` and its arguments between marks of their own: Kimi K2. */
export const kimi: ToolFormat = {
  name: 'kimi',
  matches: (template) => template.includes(begin),
  openings: [begin, callBegin, end],
  marks: [callEnd, argumentsBegin],
  read: (cursor) => {
    if (cursor.takeIf(end)) return [];
    if (cursor.takeIf(begin)) cursor.space();
    cursor.take(callBegin);
    const id = cursor.name(argumentsBegin);
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(callEnd);
    return callOf(cursor, id.replace(/^functions\./, '').replace(/:\d+$/, ''), value);
  },
  syntax: kimiSyntax,
};
