import type { CharSet } from './char-set.ts';

const hex = (codePoint: number): string => {
  const digits = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return codePoint <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
};

/** A text as a GBNF literal, quotes included. */
export const literal = (text: string): string => {
  const body = Array.from(text, (char) => {
    const codePoint = char.codePointAt(0) ?? 0;
    if (char === '"' || char === '\\') return `\\${char}`;
    if (char === '\n') return '\\n';
    return codePoint >= 0x20 && codePoint < 0x7f ? char : hex(codePoint);
  });
  return `"${body.join('')}"`;
};

/** A set that is not empty as a GBNF character class, or as a literal when it has one character. */
export const characterClass = (set: CharSet): string => {
  const [first, another] = set;
  if (first !== undefined && another === undefined && first[0] === first[1])
    return literal(String.fromCodePoint(first[0]));
  const end = (codePoint: number): string => {
    const char = String.fromCodePoint(codePoint);
    return /[0-9A-Za-z]/.test(char) ? char : hex(codePoint);
  };
  return `[${set.map(([from, to]) => (from === to ? end(from) : `${end(from)}-${end(to)}`)).join('')}]`;
};
