import { jsonLinesSyntax, listSyntax, type ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import { jsonCalls } from './json-calls.ts';
import type { ToolFormat, WrittenCall } from './tool-format.ts';

/** One JSON object or a list of them, as Hermes has it, behind a mark of the family's own. */
const markedJson = (
  name: string,
  open: string,
  closes: readonly string[],
  syntax: ToolCallSyntax,
  inTemplate = open,
): ToolFormat => ({
  name,
  matches: (template) => template.includes(inTemplate),
  // Models of these families leave the closing mark out as they like: it says nothing by itself.
  openings: [open, ...closes],
  marks: [],
  read: (cursor) => {
    if (closes.some((close) => cursor.takeIf(close))) return [];
    cursor.take(open);
    cursor.space();
    return jsonCalls(cursor, cursor.json());
  },
  syntax,
});

/** `<|tool_call|>{…}<|/tool_call|>` of Phi-4-mini and `<|tool_call|>[{…}]` of Granite 3. */
export const toolCallMark = markedJson(
  'tool-call-mark',
  '<|tool_call|>',
  ['<|/tool_call|>'],
  listSyntax('<|tool_call|>', ''),
);

/** `functools[{…}]` of Phi-4-mini's and FireFunction's own templates. */
export const functools = markedJson('functools', 'functools', [], listSyntax('functools', ''), 'functools[');

/** `<TOOLCALL>[{…}]</TOOLCALL>` of Nemotron. */
export const nemotron = markedJson(
  'nemotron',
  '<TOOLCALL>',
  ['</TOOLCALL>'],
  listSyntax('<TOOLCALL>', '</TOOLCALL>'),
);

/** `<tool_calls>[{…}]</tool_calls>` of Apriel. */
export const apriel: ToolFormat = {
  ...markedJson('apriel', '<tool_calls>', ['</tool_calls>'], listSyntax('<tool_calls>', '</tool_calls>')),
  noise: ['[END FINAL RESPONSE]'],
};

/** `<tool_calls>{…}</tool_calls>` of MiniMax M1, with a call in each line. */
export const minimaxM1: ToolFormat = {
  name: 'minimax-m1',
  matches: (template) => apriel.matches(template) && template.includes('<beginning_of_sentence>'),
  openings: ['<tool_calls>'],
  marks: ['</tool_calls>'],
  read: (cursor) => {
    cursor.take('<tool_calls>');
    const calls: WrittenCall[] = [];
    do {
      cursor.space();
      calls.push(...jsonCalls(cursor, cursor.json()));
      cursor.space();
    } while (cursor.isNext('{'));
    cursor.takeOrEnd('</tool_calls>');
    return calls;
  },
  syntax: jsonLinesSyntax,
};
