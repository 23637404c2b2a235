import { minicpmSyntax } from '../grammar/tool-call-syntax.ts';
import { taggedValue } from './tagged-value.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const open = '<function name="';
const parameter = '<param name="';
const parameterEnd = '</param>';

/** `<function name="…"><param name="…">…</param></function>`, once for each call: MiniCPM 5. */
export const minicpm: ToolFormat = {
  name: 'minicpm',
  matches: (template) => template.includes(open) && template.includes(parameter),
  openings: [open],
  marks: ['</function>', parameterEnd],
  read: (cursor, tools) => {
    cursor.take(open);
    const tool = cursor.name('"');
    cursor.take('>');
    const values: [string, unknown][] = [];
    while (cursor.takeNextIf(parameter)) {
      const key = cursor.name('"');
      cursor.take('>');
      values.push([key, taggedValue(tools, tool, key, value(cursor))]);
    }
    cursor.takeOrEnd('</function>');
    return callOf(cursor, tool, Object.fromEntries(values));
  },
  syntax: minicpmSyntax,
};

/** What has tags in it stands in a section of its own. */
const value = (cursor: TextCursor): string => {
  if (!cursor.takeIf('<![CDATA[')) return cursor.until(parameterEnd);
  const text = cursor.until(']]>');
  cursor.take(parameterEnd);
  return text;
};
