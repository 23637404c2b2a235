import { kimiK3Syntax } from '../grammar/tool-call-syntax.ts';
import { taggedValue } from './tagged-value.ts';
import { parseJson, type TextCursor } from './text-cursor.ts';
import { callOf, type ToolFormat } from './tool-format.ts';

const open = '<|open|>';
const close = '<|close|>';
const end = '<|sep|>';

/** Tags that say nothing about a call; what the model says stands between those of its response. */
const plainTags = ['response', 'tools', 'message', 'call', 'think'] as const;

/** `call`, `argument` and `json` tags of marks, their names and attributes: Kimi K3. */
export const kimiK3: ToolFormat = {
  name: 'kimi-k3',
  matches: (template) => [open, close, end, '<|end_of_msg|>'].every((mark) => template.includes(mark)),
  openings: [open],
  marks: [close, end],
  noise: plainTags.flatMap((tag) => [open, close].map((mark) => mark + tag + end)),
  read: (cursor, tools) => {
    cursor.take(`${open}call tool="`);
    const tool = attribute(cursor);
    cursor.name(end);
    const values: [string, unknown][] = [];
    if (cursor.takeNextIf(`${open}json`)) {
      cursor.name(end);
      const value = parseJson(cursor.until(`${close}json${end}`));
      if (value === undefined) cursor.wrong();
      cursor.space();
      cursor.takeOrEnd(`${close}call${end}`);
      return callOf(cursor, tool, value);
    }
    while (cursor.takeNextIf(`${open}argument key="`)) {
      const key = attribute(cursor);
      const type = cursor.name(end);
      const text = cursor.until(`${close}argument${end}`);
      const value = type === 'type="string"' ? text : parseJson(text.trim());
      values.push([key, value === undefined ? taggedValue(tools, tool, key, text) : value]);
    }
    cursor.takeOrEnd(`${close}call${end}`);
    return callOf(cursor, tool, Object.fromEntries(values));
  },
  syntax: kimiK3Syntax,
};

/** Up to the closing quote. */
const attribute = (cursor: TextCursor): string =>
  cursor.name('"').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
