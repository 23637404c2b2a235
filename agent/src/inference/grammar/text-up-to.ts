import { characterClass, literal } from './gbnf-text.ts';

/** A rule: its name, and the ways to write it as GBNF pieces. */
type NamedRule = readonly [name: string, ways: readonly (readonly string[])[]];

export interface TextUpTo {
  readonly mark: string;
  /** Names the rules: one for each number of letters of the mark that have been seen. The first is where to begin. */
  readonly nameOf: (seen: number) => string;
  /** What comes behind the mark. */
  readonly behind: readonly string[];
  /** Whether the text may also end without the mark. */
  readonly mayEnd: boolean;
}

/**
 * Rules for any text up to the first time a mark comes, and the mark itself: from each number of letters seen they say
 * where to go on (the automaton of Knuth, Morris and Pratt).
 */
export const textUpTo = ({ mark, nameOf, behind, mayEnd }: TextUpTo): readonly NamedRule[] => {
  const letters = Array.from(mark);
  return letters.map((_letter, seen): NamedRule => {
    const next = [...new Set(letters.slice(0, seen + 1))];
    const ways = next.flatMap((letter): string[][] => {
      const state = seenAfter(letters, seen, letter);
      if (state === 0) return [];
      return [[literal(letter), ...(state === letters.length ? behind : [nameOf(state)])]];
    });
    const others = next.filter((letter) => seenAfter(letters, seen, letter) > 0);
    return [nameOf(seen), [...ways, [anyBut(others), nameOf(0)], ...(mayEnd ? [[]] : [])]];
  });
};

/** How many letters of the mark the text ends with when this letter comes, and so many had been seen before. */
const seenAfter = (letters: readonly string[], seen: number, letter: string): number => {
  const text = [...letters.slice(0, seen), letter];
  for (let length = text.length; length > 0; length -= 1)
    if (text.slice(-length).every((one, index) => one === letters[index])) return length;
  return 0;
};

const lastCodePoint = 0x10ffff;

/** Any character but these, in ranges. */
const anyBut = (letters: readonly string[]): string => {
  const points = letters.map((letter) => letter.codePointAt(0) ?? 0).toSorted((a, b) => a - b);
  let from = 0;
  const ranges: (readonly [number, number])[] = [];
  for (const point of points) {
    if (point > from) ranges.push([from, point - 1]);
    from = point + 1;
  }
  return characterClass([...ranges, [from, lastCodePoint]]);
};

/** The rules as lines of GBNF. */
export const toLines = (rules: readonly NamedRule[]): readonly string[] =>
  rules.map(
    ([name, ways]) =>
      `${name} ::= ${ways.map((pieces) => (pieces.length === 0 ? '""' : pieces.join(' '))).join(' | ')}`,
  );
