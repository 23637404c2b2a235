import { lfm2Syntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import { pythonValue } from './python-value.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat, type WrittenCall } from './tool-format.ts';

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

const pythonCalls = (cursor: TextCursor): readonly WrittenCall[] => {
  cursor.take('[');
  const calls: WrittenCall[] = [];
  do {
    cursor.space();
    const name = cursor.word(/[\w.-]/);
    cursor.take('(');
    calls.push(...callOf(cursor, name, keywords(cursor)));
  } while (cursor.takeNextIf(','));
  cursor.take(']');
  return calls;
};

/** `key=value, …)` */
const keywords = (cursor: TextCursor): Record<string, unknown> => {
  const found: [string, unknown][] = [];
  while (cursor.state === 'ok' && !cursor.takeNextIf(')')) {
    const key = cursor.word(/[\w-]/);
    cursor.space();
    cursor.take('=');
    found.push([key, pythonValue(cursor)]);
    if (cursor.takeNextIf(')')) break;
    cursor.take(',');
  }
  return Object.fromEntries(found);
};
