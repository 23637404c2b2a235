import { glmSyntax, qwenCoderSyntax, seedSyntax, type ToolCallSyntax } from '../grammar/tool-call-syntax.ts';
import { taggedValue } from './tagged-value.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

/** One line break at each end belongs to the tags. */
const withoutBreaks = (text: string): string => text.replace(/^\r?\n/, '').replace(/\r?\n$/, '');

/** `<function=name><parameter=key>value</parameter></function>` within an outer tag, which models forget at times. */
const functionTags = (
  name: string,
  outer: string,
  matches: ToolFormat['matches'],
  syntax: ToolCallSyntax,
): ToolFormat => ({
  name,
  matches,
  openings: [`<${outer}>`, '<function='],
  marks: [`</${outer}>`, '</function>', '</parameter>'],
  read: (cursor, tools) => {
    const isWrapped = cursor.takeIf(`<${outer}>`);
    cursor.space();
    cursor.take('<function=');
    const tool = cursor.name('>');
    const values: [string, unknown][] = [];
    while (cursor.takeNextIf('<parameter=')) {
      const key = cursor.name('>');
      const text = withoutBreaks(cursor.until('</parameter>'));
      values.push([key, taggedValue(tools, tool, key, text)]);
    }
    cursor.takeOrEnd('</function>');
    if (isWrapped) {
      cursor.space();
      cursor.takeOrEnd(`</${outer}>`);
    }
    return callOf(cursor, tool, Object.fromEntries(values));
  },
  syntax,
});

/** Qwen3-Coder, Nemotron 3, Step 3.5. */
export const qwenCoder = functionTags(
  'qwen-coder',
  'tool_call',
  (template) => template.includes('<function=') && template.includes('<parameter='),
  qwenCoderSyntax,
);

/** Seed-OSS. */
export const seed = functionTags(
  'seed',
  'seed:tool_call',
  (template) => template.includes('<seed:tool_call>'),
  seedSyntax,
);

/** `<tool_call>name`, then `<arg_key>` and `<arg_value>` for each argument: GLM 4.5 and later. */
export const glm: ToolFormat = {
  name: 'glm',
  matches: (template) => template.includes('<arg_key>'),
  openings: ['<tool_call>'],
  marks: ['</tool_call>', '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'],
  read: (cursor, tools) => {
    cursor.take('<tool_call>');
    cursor.space();
    const tool = cursor.word(/[^\s<{]/);
    const values: [string, unknown][] = [];
    while (cursor.takeNextIf('<arg_key>')) {
      const key = cursor.name('</arg_key>');
      cursor.space();
      cursor.take('<arg_value>');
      values.push([key, taggedValue(tools, tool, key, withoutBreaks(cursor.until('</arg_value>')))]);
    }
    cursor.takeOrEnd('</tool_call>');
    return callOf(cursor, tool, Object.fromEntries(values));
  },
  syntax: glmSyntax,
};
