/** Unicode code points as sorted ranges, both ends included, that neither touch nor overlap. */
export type CharSet = readonly (readonly [number, number])[];

const lastCodePoint = 0x10ffff;

/** Surrogates stand in no well-formed text. */
const surrogates = [0xd800, 0xdfff] as const;

/** The set of the given ranges, in any order and overlapping or not. */
export const charSet = (ranges: Iterable<readonly [number, number]>): CharSet => {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
};

/** The characters of a text. */
export const charsOf = (text: string): CharSet =>
  charSet(Array.from(text, (char) => [char.codePointAt(0) ?? 0, char.codePointAt(0) ?? 0] as const));

export const union = (...sets: readonly CharSet[]): CharSet => charSet(sets.flat());

/** Every character of well-formed text that is not in the set. */
export const complement = (set: CharSet): CharSet => {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [from, to] of union(set, [surrogates])) {
    if (from > next) gaps.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= lastCodePoint) gaps.push([next, lastCodePoint]);
  return gaps;
};

export const intersection = (a: CharSet, b: CharSet): CharSet => {
  const common: [number, number][] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const [left, right] = [a[i], b[j]];
    if (left === undefined || right === undefined) return common;
    const from = Math.max(left[0], right[0]);
    const to = Math.min(left[1], right[1]);
    if (from <= to) common.push([from, to]);
    if (left[1] < right[1]) i++;
    else j++;
  }
};

export const includes = (set: CharSet, codePoint: number): boolean =>
  set.some(([from, to]) => from <= codePoint && codePoint <= to);

export const allChars: CharSet = complement([]);
