import { describe, expect, test } from '@jest/globals';
import { matches } from './automaton.ts';
import { randomFrom } from './grammar-sampler.fixture.ts';
import { patternAutomaton } from './pattern-automaton.ts';
import { WorkBudget } from './refusal.ts';

const automatonOf = (pattern: string): ReturnType<typeof patternAutomaton> =>
  patternAutomaton(pattern, { budget: new WorkBudget(20_000_000), pointer: '#/pattern' });

const letters = [
  'a',
  'b',
  'c',
  'A',
  '0',
  '9',
  '_',
  '-',
  ' ',
  '\n',
  '.',
  '"',
  '\\',
  'é',
  '😀',
  '\u2028',
  '\u00a0',
];

const randomText = (random: () => number): string =>
  Array.from({ length: Math.floor(random() * 7) }, () => letters[Math.floor(random() * letters.length)]).join(
    '',
  );

/** A random pattern that ECMAScript takes with the flag `u`. */
const randomPattern = (random: () => number, depth: number): string => {
  const pick = (items: readonly string[]): string => items[Math.floor(random() * items.length)]!;
  const atom = (): string =>
    depth > 0 && random() < 0.3
      ? `${pick(['(', '(?:', '(?<n>'])}${randomPattern(random, depth - 1)})`.replace('?<n>', '?:')
      : pick(['a', 'b', 'c', '.', '\\d', '\\w', '\\s', '\\D', '\\W', '\\S', '[a-c]', '[^a]', '[\\d_-]', '[^\\s\\w]', '"', '\\\\', 'é', '😀', '\\.', '\\u{1F600}', '\\xe9', '\\n']); // prettier-ignore
  const quantified = (): string =>
    atom() + pick(['', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,2}?', '{1,}', '*?']);
  const sequence = (): string => Array.from({ length: Math.floor(random() * 4) }, quantified).join('');
  return Array.from({ length: 1 + Math.floor(random() * 2.4) }, sequence).join('|');
};

const anchored = (random: () => number): string => {
  const pattern = randomPattern(random, 1);
  const kind = Math.floor(random() * 4);
  return [`^(?:${pattern})$`, `^(?:${pattern})`, `(?:${pattern})$`, pattern][kind]!;
};

describe('the automaton of a pattern', () => {
  test('matches what the regular expressions of the language match, for random patterns and texts', () => {
    const random = randomFrom(2024);
    for (let round = 0; round < 400; round++) {
      const pattern = anchored(random);
      const automaton = automatonOf(pattern);
      const expression = new RegExp(pattern, 'u');
      for (let trial = 0; trial < 25; trial++) {
        const text = randomText(random);
        expect({ pattern, text, matches: matches(automaton, text) }).toEqual({
          pattern,
          text,
          matches: expression.test(text),
        });
      }
    }
  });

  test.each([
    ['(^a|b$)', ['ax', 'xb', 'a', 'b'], ['xa', 'bx', '']],
    ['^\\u{61}\\u0062\\x63\\cJ\\0$', ['abc\n\0'], ['abc']],
    ['^\\ud83d\\ude00$', ['😀'], ['😁']],
    ['^[\\b\\]\\\\^-]$', ['\b', ']', '\\', '^', '-'], ['b', '[']],
    ['^[]$', [], ['', 'a']],
    ['^[^]$', ['a', '\n'], ['', 'ab']],
    ['^a{,2}$', ['a{,2}'], ['', 'a', 'aa']],
    ['', ['', 'anything'], []],
  ])('understands %j', (pattern, taken, refused) => {
    const automaton = automatonOf(pattern);
    expect(taken.filter((text) => !matches(automaton, text))).toEqual([]);
    expect(refused.filter((text) => matches(automaton, text))).toEqual([]);
  });

  test.each(['a**', '*a', '(a', 'a)', '[a', '\\', '\\q', 'a{3,2}', '[b-a]', '\\u{110000}', '\\k<a>', '(?i:a)', '\\ud800', '(?<a'])(
    'refuses %j',
    (pattern) => {
      expect(() => automatonOf(pattern)).toThrow(/at #\/pattern: /);
    },
  ); // prettier-ignore
});
