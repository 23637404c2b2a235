import { acceptsText } from '../grammar/parameter-schema.ts';
import { minimaxM3Syntax } from '../grammar/tool-call-syntax.ts';
import { parseJson, type TextCursor } from './text-cursor.ts';
import { callOf, isRecord, type ToolFormat } from './tool-format.ts';

/** Before every tag. */
const prefix = ']<]minimax[>[';
const open = `${prefix}<tool_call>`;
const close = `${prefix}</tool_call>`;
const call = `${prefix}<invoke name="`;

/** Deeper values are no arguments of a tool. */
const deepest = 32;

/** As MiniMax M2, but tags bear the names of arguments and of members of objects: MiniMax M3. */
export const minimaxM3: ToolFormat = {
  name: 'minimax-m3',
  matches: (template) => template.includes(prefix) && template.includes('<invoke name='),
  openings: [prefix],
  marks: [],
  read: (cursor, tools) => {
    if (cursor.takeIf(close)) return [];
    if (cursor.takeIf(open)) cursor.space();
    cursor.take(call);
    const tool = cursor.name('"');
    cursor.take('>');
    const schema = tools.find(({ name }) => name === tool)?.parameters;
    return callOf(cursor, tool, Object.fromEntries(elements(cursor, `${prefix}</invoke>`, schema, 0)));
  },
  syntax: minimaxM3Syntax,
};

/** Elements up to a closing tag, which is taken as well. @param schema of all of them */
const elements = (
  cursor: TextCursor,
  end: string,
  schema: unknown,
  depth: number,
): readonly (readonly [name: string, value: unknown])[] => {
  const found: (readonly [string, unknown])[] = [];
  const { properties, items }: Readonly<Record<string, unknown>> = isRecord(schema) ? schema : {};
  if (depth > deepest) cursor.wrong();
  while (cursor.state === 'ok' && !cursor.takeNextIf(end)) {
    cursor.take(`${prefix}<`);
    const name = cursor.name('>');
    const own = isRecord(properties) ? properties[name] : items;
    found.push([name, content(cursor, `${prefix}</${name}>`, own, depth)]);
  }
  return found;
};

/** A text, JSON, or elements: those of a list are all called `item`. */
const content = (cursor: TextCursor, end: string, schema: unknown, depth: number): unknown => {
  const kind = kindOf(schema);
  if (cursor.isNext(end) || !cursor.isNext(`${prefix}<`)) {
    const text = cursor.until(end);
    if (text.trim() === '' && kind !== undefined) return kind === 'array' ? [] : {};
    return acceptsText({ properties: { text: schema } }, 'text') ? text : (parseJson(text.trim()) ?? text);
  }
  const inner = elements(cursor, end, schema, depth + 1);
  return kind === 'array' || (kind === undefined && inner.every(([name]) => name === 'item'))
    ? inner.map(([, value]) => value)
    : Object.fromEntries(inner);
};

/** Which of the two a value must be; undefined: the schema does not say, or lets it be something else. */
const kindOf = (schema: unknown): 'array' | 'object' | undefined => {
  const { type, properties, items }: Readonly<Record<string, unknown>> = isRecord(schema) ? schema : {};
  if (type === 'array' || type === 'object') return type;
  if (type !== undefined) return undefined;
  if (isRecord(properties)) return 'object';
  return isRecord(items) ? 'array' : undefined;
};
