import { lfm2Syntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import { pythonCalls } from './python-calls.ts';
import type { ToolFormat } from './tool-format.ts';

const begin = '<|tool_call_start|>';
const end = '<|tool_call_end|>';

/** `[name(key="value"), …]` as in Python between marks, or the same calls in JSON: LFM2 and LFM2.5. */
export const lfm2: ToolFormat = {
  name: 'lfm2',
  matches: (template) =>
    [begin, '<|tool_list_start|>', 'List of tools: ['].some((mark) => template.includes(mark)),
  openings: [begin, end],
  marks: [],
  read: (cursor) => {
    if (cursor.takeIf(end)) return [];
    cursor.take(begin);
    cursor.space();
    const calls = cursor.isNext('{', '[{') ? jsonCalls(cursor, cursor.json()) : pythonCalls(cursor);
    cursor.space();
    cursor.takeOrEnd(end);
    return calls;
  },
  syntax: lfm2Syntax,
};
