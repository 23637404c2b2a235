import type { Automaton } from './automaton.ts';
import { charsOf, charSet, complement, intersection, type CharSet } from './char-set.ts';
import { characterClass, literal } from './gbnf-text.ts';
import type { Alternative, GrammarRules } from './grammar-rules.ts';

/** How the characters of an automaton are written, and what follows an accepted text. */
interface Notation {
  readonly write: (set: CharSet) => readonly Alternative[];
  readonly end: Alternative;
}

const escaped = charSet([...charsOf('"\\'), [0, 0x1f]]);
const unescaped = complement(escaped);
const shortEscapes: readonly (readonly [string, string])[] = [
  ['"', '"'], ['\\', '\\'], ['\b', 'b'], ['\f', 'f'], ['\n', 'n'], ['\r', 'r'], ['\t', 't'],
]; // prettier-ignore
const longEscaped = intersection(charSet([[0, 0x1f]]), complement(charsOf('\b\f\n\r\t')));

/** Characters inside a JSON string, each in the one form that `JSON.stringify` uses. */
const inString: Notation = {
  write: (set) => {
    const plain = intersection(set, unescaped);
    const short = shortEscapes.filter(([char]) => intersection(set, charsOf(char)).length > 0);
    const long = intersection(set, longEscaped).flatMap(([from, to]) =>
      Array.from({ length: to - from + 1 }, (_item, index) => from + index),
    );
    return [
      ...(plain.length === 0 ? [] : [[characterClass(plain)]]),
      ...(short.length === 0
        ? []
        : [[literal('\\'), characterClass(charsOf(short.map(([, letter]) => letter).join('')))]]),
      ...[0, 1].flatMap((high) => {
        const low = long.filter((char) => char >> 4 === high).map((char) => (char % 16).toString(16));
        return low.length === 0 ? [] : [[literal(`\\u00${high}`), characterClass(charsOf(low.join('')))]];
      }),
    ];
  },
  end: ['"\\""'],
};

const plainText: Notation = { write: (set) => [[characterClass(set)]], end: [] };

/** A rule for the JSON strings whose characters the automaton accepts, quotes included. */
export const stringRule = (automaton: Automaton, name: string, rules: GrammarRules): string => {
  rules.define(name, [['"\\""', stateRules(automaton, `${name}-s`, inString, rules)]]);
  return name;
};

/** A rule for the texts that the automaton accepts. */
export const textRule = (automaton: Automaton, name: string, rules: GrammarRules): string => {
  rules.define(name, [[stateRules(automaton, `${name}-s`, plainText, rules)]]);
  return name;
};

/** One rule per state, but a state with a single way in and out stands where it is used. */
const stateRules = (
  { states }: Automaton,
  prefix: string,
  notation: Notation,
  rules: GrammarRules,
): string => {
  const waysIn = new Map<number, number>([[0, 1]]);
  for (const { edges } of states) for (const { to } of edges) waysIn.set(to, (waysIn.get(to) ?? 0) + 1);
  const written = states.map(({ accepts, edges }) => ({
    accepts,
    ways: edges.flatMap(({ set, to }) => notation.write(set).map((pieces) => ({ pieces, to }))),
  }));
  const isInline = (state: number): boolean => {
    const { accepts, ways } = written[state] ?? { accepts: false, ways: [] };
    return state !== 0 && waysIn.get(state) === 1 && ways.length + Number(accepts) === 1;
  };
  const isLast = (state: number): boolean => written[state]?.ways.length === 0;
  const follow = (pieces: Alternative, to: number): Alternative => {
    const all = [...pieces];
    let state = to;
    while (isInline(state) || isLast(state)) {
      const way = written[state]?.ways[0];
      if (way === undefined) return [...all, ...notation.end];
      all.push(...way.pieces);
      state = way.to;
    }
    return [...all, `${prefix}${state}`];
  };
  written.forEach(({ accepts, ways }, state) => {
    if (isInline(state) || (state !== 0 && isLast(state))) return;
    rules.define(`${prefix}${state}`, [
      ...ways.map(({ pieces, to }) => follow(pieces, to)),
      ...(accepts ? [notation.end] : []),
    ]);
  });
  return `${prefix}0`;
};
