import { functionGemmaSyntax, gemma4Syntax, type ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat } from './tool-format.ts';
import { unescapedObject } from './unescaped-value.ts';

/** `call:name{key:value, …}` between marks, with texts between marks of their own. */
const gemma = (
  name: string,
  open: string,
  close: string,
  quote: string,
  syntax: ToolCallSyntax,
  others: readonly string[],
  noise: readonly string[] = [],
): ToolFormat => ({
  name,
  matches: (template) => template.includes(open),
  openings: [open],
  marks: [close, quote, ...others],
  ...(noise.length === 0 ? {} : { noise }),
  read: (cursor: TextCursor) => {
    cursor.take(open);
    cursor.space();
    cursor.take('call:');
    const tool = cursor.word(/[^\s{}:<]/);
    cursor.space();
    const args = unescapedObject(cursor, quote);
    cursor.space();
    cursor.takeOrEnd(close);
    return callOf(cursor, tool, args);
  },
  syntax,
});

/** Gemma 4. */
export const gemma4 = gemma(
  'gemma4',
  '<|tool_call>',
  '<tool_call|>',
  '<|"|>',
  gemma4Syntax,
  ['<|tool_response>', '<|channel>'],
  // Thinking that is empty, and its end alone, come behind answers too.
  ['<|channel>thought\n<channel|>', '<channel|>'],
);

/** FunctionGemma. */
export const functionGemma = gemma(
  'function-gemma',
  '<start_function_call>',
  '<end_function_call>',
  '<escape>',
  functionGemmaSyntax,
  // With this the model asks for the answer of the tool.
  ['<start_function_response>'],
);
