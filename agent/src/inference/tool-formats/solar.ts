import { solarSyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const begin = '<|tool_calls|>';
const end = '<|calls|>';
const callBegin = '<|tool_call:begin|>';
const nameBegin = '<|tool_call:name|>';
const argumentsBegin = '<|tool_call:args|>';
const callEnd = '<|tool_call:end|>';
const message = '<|begin|>';
const content = '<|content|>';
const messageEnd = '<|end|>';

/** Id, name and JSON between marks: Solar Open. */
export const solar: ToolFormat = {
  name: 'solar',
  matches: (template) => template.includes(callBegin),
  openings: [begin, callBegin, end],
  marks: [nameBegin, argumentsBegin, callEnd, message],
  // Between what the model thinks, says and calls.
  noise: [messageEnd, `${message}assistant`, `${message}assistant${content}`, content],
  read: (cursor) => {
    if (cursor.takeIf(end)) return [];
    if (cursor.takeIf(begin)) cursor.space();
    cursor.take(callBegin);
    cursor.name(nameBegin);
    const name = cursor.name(argumentsBegin);
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(callEnd);
    return callOf(cursor, name, value);
  },
  syntax: solarSyntax,
};
