import { llama3Syntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat } from './tool-format.ts';

/** With what the JSON of a call begins; anything else is an answer in JSON. */
const firstKeys = ['"name"', '"type"', '"function"', '"parameters"'];

/**
 * `{"name": …, "parameters": {…}}` as the whole answer, several with `;` between them, behind `<|python_tag|>` or not:
 * Llama 3.1, 3.2, 3.3 and 4.
 */
export const llama3: ToolFormat = {
  name: 'llama3',
  matches: (template) =>
    template.includes('<|python_tag|>') ||
    (template.includes('<|start_header_id|>') && template.includes('"parameters"')),
  openings: ['<|python_tag|>'],
  bareOpenings: ['{', ';'],
  marks: [],
  read: (cursor, tools) => {
    cursor.takeIf(';');
    cursor.space();
    cursor.takeIf('<|python_tag|>');
    cursor.space();
    const isCall = cursor.accepts((ahead) => {
      ahead.take('{');
      ahead.space();
      if (!ahead.isNext(...firstKeys)) ahead.wrong();
    });
    if (!isCall) return [];
    const value = cursor.json();
    const keys = { name: 'name', arguments: 'parameters' };
    const calls = jsonCalls(cursor, value, keys);
    // Without a mark around it only the name tells a call from an answer in JSON.
    if (calls.some((call) => !tools.some((tool) => tool.name === call.name))) cursor.wrong();
    return calls;
  },
  syntax: llama3Syntax,
};
