import {
  dsmlCallsSyntax,
  dsmlSyntax,
  gcmlSyntax,
  minimaxSyntax,
  type ToolCallSyntax,
} from '../grammar/tool-call-syntax.ts';
import { taggedValue } from './tagged-value.ts';
import { parseJson } from './text-cursor.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

/**
 * `<invoke name="…"><parameter name="…">…</parameter></invoke>`, once for each call, within an outer tag.
 * @param prefix of all tags but an outer one that has a prefix of its own
 */
const invoke = (
  name: string,
  outer: string,
  prefix: string,
  matches: ToolFormat['matches'],
  syntax: ToolCallSyntax,
): ToolFormat => {
  const open = `<${outer}>`;
  const close = `</${outer}>`;
  const call = `<${prefix}invoke name="`;
  return {
    name,
    matches,
    openings: [open, call, close],
    marks: [],
    read: (cursor, tools) => {
      if (cursor.takeIf(close)) return [];
      if (cursor.takeIf(open)) cursor.space();
      cursor.take(call);
      const tool = cursor.name('"');
      cursor.take('>');
      const values: [string, unknown][] = [];
      while (cursor.takeNextIf(`<${prefix}parameter name="`)) {
        const key = cursor.name('"');
        const kind = cursor.name('>');
        const text = cursor.until(`</${prefix}parameter>`);
        values.push([key, valueOf(kind, text) ?? taggedValue(tools, tool, key, text)]);
      }
      cursor.takeOrEnd(`</${prefix}invoke>`);
      return callOf(cursor, tool, Object.fromEntries(values));
    },
    syntax,
  };
};

/** DeepSeek and GigaChat say of each value whether it is a text. */
const valueOf = (kind: string, text: string): unknown => {
  if (kind === 'string="true"') return text;
  return kind === 'string="false"' ? parseJson(text.trim()) : undefined;
};

/** MiniMax M2. */
export const minimax = invoke(
  'minimax',
  'minimax:tool_call',
  '',
  (template) => template.includes('minimax:tool_call') && template.includes('<invoke'),
  minimaxSyntax,
);

/** DeepSeek V3.2. */
export const dsml = invoke(
  'dsml',
  '｜DSML｜function_calls',
  '｜DSML｜',
  (template) => template.includes('｜DSML｜') && template.includes('function_calls'),
  dsmlSyntax,
);

/** DeepSeek V4. */
export const dsmlCalls = invoke(
  'dsml-calls',
  '｜DSML｜tool_calls',
  '｜DSML｜',
  (template) => template.includes('｜DSML｜'),
  dsmlCallsSyntax,
);

/** GigaChat 3.5. */
export const gcml = invoke(
  'gcml',
  '｜GCML｜tool_calls',
  '｜GCML｜',
  (template) => template.includes('｜GCML｜'),
  gcmlSyntax,
);
