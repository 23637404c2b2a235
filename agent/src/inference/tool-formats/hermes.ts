import { hermesSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat } from './tool-format.ts';

/** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, once for each call: Hermes 2 and 3, Qwen 2.5 and 3. */
export const hermes: ToolFormat = {
  name: 'hermes',
  // MiniMax M3 has the tag with something else in it.
  matches: (template) => template.includes('<tool_call>') && !template.includes('<invoke'),
  openings: ['<tool_call>'],
  marks: ['</tool_call>'],
  read: (cursor) => {
    cursor.take('<tool_call>');
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd('</tool_call>');
    return jsonCalls(cursor, value);
  },
  syntax: hermesSyntax,
};
