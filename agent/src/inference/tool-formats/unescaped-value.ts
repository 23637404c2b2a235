import { unescapedKey } from '../grammar/tool-call-syntax.ts';
import { pythonValue } from './python-value.ts';
import type { TextCursor } from './text-cursor.ts';

/** Deeper values are no arguments of a tool. */
const deepest = 32;

/**
 * Reads `{key:value, …}` as Gemma has it: names without quotes, texts between marks and without escapes. What else
 * there is, texts in quotes included, is as in Python and JSON.
 * @param quote the mark around texts
 */
export const unescapedObject = (cursor: TextCursor, quote: string, depth = 0): Record<string, unknown> => {
  const found: [string, unknown][] = [];
  if (depth > deepest) cursor.wrong();
  cursor.take('{');
  while (cursor.state === 'ok' && !cursor.takeNextIf('}')) {
    const key = keyOf(cursor, quote);
    cursor.space();
    cursor.take(':');
    found.push([key, valueOf(cursor, quote, depth)]);
    if (cursor.takeNextIf('}')) break;
    cursor.take(',');
  }
  return Object.fromEntries(found);
};

const keyLetter = new RegExp(unescapedKey);

const keyOf = (cursor: TextCursor, quote: string): string => {
  if (cursor.takeIf(quote)) return cursor.name(quote);
  if (!cursor.isNext('"', "'")) return cursor.word(keyLetter).trim();
  return String(pythonValue(cursor));
};

const valueOf = (cursor: TextCursor, quote: string, depth: number): unknown => {
  cursor.space();
  return cursor.once(() => anyValue(cursor, quote, depth));
};

const anyValue = (cursor: TextCursor, quote: string, depth: number): unknown => {
  if (cursor.takeIf(quote)) return cursor.until(quote);
  if (cursor.isNext('{')) return unescapedObject(cursor, quote, depth + 1);
  return cursor.takeIf('[') ? itemsOf(cursor, quote, depth) : pythonValue(cursor);
};

/** Behind the opening bracket, up to the closing one. */
const itemsOf = (cursor: TextCursor, quote: string, depth: number): readonly unknown[] => {
  const found: unknown[] = [];
  if (depth > deepest) cursor.wrong();
  while (cursor.state === 'ok' && !cursor.takeNextIf(']')) {
    found.push(valueOf(cursor, quote, depth + 1));
    if (cursor.takeNextIf(']')) break;
    cursor.take(',');
  }
  return found;
};
