import { pythonKey } from '../grammar/tool-call-syntax.ts';
import { pythonValue } from './python-value.ts';
import type { TextCursor } from './text-cursor.ts';
import { callOf, type WrittenCall } from './tool-format.ts';

/** Reads `name(key="value", …)`. */
export const pythonCall = (cursor: TextCursor): readonly WrittenCall[] => {
  const name = cursor.word(/[\w.-]/);
  cursor.take('(');
  return callOf(cursor, name, keywords(cursor));
};

/** Reads `[name(key="value"), …]`. */
export const pythonCalls = (cursor: TextCursor): readonly WrittenCall[] => {
  cursor.take('[');
  const calls: WrittenCall[] = [];
  do {
    cursor.space();
    calls.push(...pythonCall(cursor));
  } while (cursor.takeNextIf(','));
  cursor.take(']');
  return calls;
};

/** `key=value, …)` */
const keyLetter = new RegExp(pythonKey);

const keywords = (cursor: TextCursor): Record<string, unknown> => {
  const found: [string, unknown][] = [];
  while (cursor.state === 'ok' && !cursor.takeNextIf(')')) {
    const key = cursor.word(keyLetter).trim();
    cursor.take('=');
    found.push([key, pythonValue(cursor)]);
    if (cursor.takeNextIf(')')) break;
    cursor.take(',');
  }
  return Object.fromEntries(found);
};
