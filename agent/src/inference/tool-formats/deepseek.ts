import { deepseekNamedSyntax, deepseekSyntax } from '../grammar/tool-call-syntax.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat, type WrittenCall } from './tool-format.ts';

const begin = '<｜tool▁calls▁begin｜>';
const end = '<｜tool▁calls▁end｜>';
const callBegin = '<｜tool▁call▁begin｜>';
const callEnd = '<｜tool▁call▁end｜>';
const separator = '<｜tool▁sep｜>';

/** What stands before the separator is the word `function` in the older form and the name in the newer one. */
const read = (cursor: TextCursor): readonly WrittenCall[] => {
  if (cursor.takeIf(end)) return [];
  if (cursor.takeIf(begin)) cursor.space();
  cursor.take(callBegin);
  const first = cursor.name(separator);
  cursor.space();
  if (cursor.isNext('{')) {
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(callEnd);
    return callOf(cursor, first, value);
  }
  const name = cursor.name('\n');
  cursor.take('```json');
  cursor.space();
  const value = cursor.json();
  cursor.space();
  cursor.takeOrEnd('```');
  cursor.space();
  cursor.takeOrEnd(callEnd);
  return callOf(cursor, name, value);
};

const shared = { openings: [begin, callBegin, end], marks: [callEnd, separator], read };

/** A line with the name and a JSON block behind `function`: DeepSeek V2.5, V3, R1. */
export const deepseek: ToolFormat = {
  name: 'deepseek',
  matches: (template) => template.includes(begin),
  syntax: deepseekSyntax,
  ...shared,
};

/** Name, separator and arguments: DeepSeek V3.1. */
export const deepseekNamed: ToolFormat = {
  name: 'deepseek-named',
  matches: (template) => template.includes(begin) && !template.includes('```json'),
  syntax: deepseekNamedSyntax,
  ...shared,
};
