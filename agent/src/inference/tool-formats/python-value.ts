import type { TextCursor } from './text-cursor.ts';

/** Deeper values are no arguments of a tool. */
const deepest = 32;

const constants: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['True', true],
  ['False', false],
  ['None', null],
  ['true', true],
  ['false', false],
  ['null', null],
]);

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
  ['\n', ''],
  ['\\', '\\'],
  ['/', '/'],
  ['"', '"'],
  ["'", "'"],
]);

/** Digits of the code of a character behind such a letter. */
const codeDigits: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

/** Reads a value as Python writes it: text, number, constant, list, tuple or dict; the constants of JSON as well. */
export const pythonValue = (cursor: TextCursor, depth = 0): unknown => {
  cursor.space();
  return cursor.once(() => anyValue(cursor, depth));
};

const anyValue = (cursor: TextCursor, depth: number): unknown => {
  if (depth > deepest) cursor.wrong();
  if (cursor.isNext('"', "'")) return pythonString(cursor);
  if (cursor.takeIf('[')) return items(cursor, ']', depth);
  if (cursor.takeIf('(')) return items(cursor, ')', depth);
  if (cursor.takeIf('{')) return dict(cursor, depth);
  const word = cursor.word(/[\w.+-]/);
  if (constants.has(word)) return constants.get(word);
  const number = Number(word);
  if (word === '' || !Number.isFinite(number)) cursor.wrong();
  return number;
};

/** Behind the opening bracket, up to the closing one; a comma may stand before that. */
const items = (cursor: TextCursor, close: string, depth: number): readonly unknown[] => {
  const found: unknown[] = [];
  while (cursor.state === 'ok' && !cursor.takeNextIf(close)) {
    found.push(pythonValue(cursor, depth + 1));
    if (cursor.takeNextIf(close)) break;
    cursor.take(',');
  }
  return found;
};

const dict = (cursor: TextCursor, depth: number): Record<string, unknown> => {
  const found: [string, unknown][] = [];
  while (cursor.state === 'ok' && !cursor.takeNextIf('}')) {
    const key = pythonString(cursor);
    cursor.space();
    cursor.take(':');
    found.push([key, pythonValue(cursor, depth + 1)]);
    if (cursor.takeNextIf('}')) break;
    cursor.take(',');
  }
  return Object.fromEntries(found);
};

const pythonString = (cursor: TextCursor): string => {
  const quote = cursor.takeIf('"') ? '"' : "'";
  if (quote === "'") cursor.take(quote);
  return cursor
    .escaped(quote)
    .replace(/\\(?:x(.{0,2})|u(.{0,4})|U(.{0,8})|(.))/gs, (whole, ...found: readonly unknown[]) => {
      const [x, u, long, letter] = found as readonly (string | undefined)[];
      // A backslash before another letter stands for itself.
      if (letter !== undefined) return escapes.get(letter) ?? whole;
      return character(cursor, x ?? u ?? long ?? '', whole);
    });
};

const character = (cursor: TextCursor, hex: string, whole: string): string => {
  const isWhole = hex.length === codeDigits.get(whole.charAt(1)) && /^[0-9a-fA-F]+$/.test(hex);
  const code = isWhole ? Number.parseInt(hex, 16) : Number.NaN;
  if (!(code <= 0x10ffff)) {
    cursor.wrong();
    return '';
  }
  // Two halves of a character become one beside each other.
  return code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
};
