import { hunyuanSyntax } from '../grammar/tool-call-syntax.ts';
import { taggedValue } from './tagged-value.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const tag = (name: string): string => `<${name}:opensource>`;

const begin = tag('tool_calls');
const end = tag('/tool_calls');
const callBegin = tag('tool_call');
const callEnd = tag('/tool_call');
const separator = tag('tool_sep');

/** As GLM, with tags that say where the model is from: Hunyuan 3. */
export const hunyuan: ToolFormat = {
  name: 'hunyuan',
  // The template puts the tags together.
  matches: (template) => template.includes(':opensource') && template.includes('<tool_sep'),
  openings: [begin, callBegin, end],
  marks: [callEnd, separator, ...['arg_key', '/arg_key', 'arg_value', '/arg_value'].map(tag)],
  read: (cursor, tools) => {
    if (cursor.takeIf(end)) return [];
    if (cursor.takeIf(begin)) cursor.space();
    cursor.take(callBegin);
    const tool = cursor.name(separator);
    const values: [string, unknown][] = [];
    while (cursor.takeNextIf(tag('arg_key'))) {
      const key = cursor.name(tag('/arg_key'));
      cursor.space();
      cursor.take(tag('arg_value'));
      values.push([key, taggedValue(tools, tool, key, cursor.until(tag('/arg_value')))]);
    }
    cursor.takeOrEnd(callEnd);
    return callOf(cursor, tool, Object.fromEntries(values));
  },
  syntax: hunyuanSyntax,
};
