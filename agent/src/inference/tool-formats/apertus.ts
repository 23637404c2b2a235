import { apertusSyntax } from '../grammar/tool-call-syntax.ts';
import { callOf, isRecord, type ToolFormat } from './tool-format.ts';

const open = '<|tools_prefix|>';
const close = '<|tools_suffix|>';

/** `[{"name": {…}}, …]` between marks: Apertus. */
export const apertus: ToolFormat = {
  name: 'apertus',
  matches: (template) => template.includes(open),
  openings: [open],
  marks: [close],
  read: (cursor) => {
    cursor.take(open);
    cursor.space();
    const value = cursor.json();
    cursor.space();
    cursor.takeOrEnd(close);
    if (cursor.state !== 'ok') return [];
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    const entries = items.map((item) => (isRecord(item) ? Object.entries(item) : []));
    if (items.length === 0 || entries.some(({ length }) => length !== 1)) cursor.wrong();
    return entries.flat().flatMap(([name, args]) => callOf(cursor, name, args));
  },
  syntax: apertusSyntax,
};
