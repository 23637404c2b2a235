import { olmoSyntax, toolCodeSyntax, type ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import { pythonCall, pythonCalls } from './python-calls.ts';
import type { TextCursor } from './text-cursor.ts';
import type { ToolFormat, WrittenCall } from './tool-format.ts';

/** Calls as in Python between marks, one in each line, a list of them in one line, or one to be printed. */
const pythonLines = (name: string, open: string, close: string, syntax: ToolCallSyntax): ToolFormat => ({
  name,
  matches: (template) => template.includes(open),
  openings: [open],
  marks: [close],
  read: (cursor) => {
    cursor.take(open);
    const calls: WrittenCall[] = [];
    do {
      cursor.space();
      calls.push(...line(cursor));
      cursor.space();
    } while (cursor.state === 'ok' && !cursor.isNext(close) && !cursor.isAtEnd);
    cursor.takeOrEnd(close);
    return calls;
  },
  syntax,
});

const line = (cursor: TextCursor): readonly WrittenCall[] => {
  if (cursor.isNext('[')) return pythonCalls(cursor);
  if (!cursor.takeIf('print(')) return pythonCall(cursor);
  cursor.space();
  const calls = pythonCall(cursor);
  cursor.space();
  cursor.take(')');
  return calls;
};

/** A block of code, as prompts of Google have it for Gemma 3. */
export const toolCode = pythonLines('tool-code', '```tool_code', '```', toolCodeSyntax);

/** Olmo 3. */
export const olmo = pythonLines('olmo', '<function_calls>', '</function_calls>', olmoSyntax);
