import { anyText, both, isEmpty, matches, oneOfTexts, withLength, type Automaton } from './automaton.ts';
import { stringRule } from './automaton-rules.ts';
import { maxRepetition, type Alternative } from './grammar-rules.ts';
import { stringChar } from './json-rules.ts';
import { patternAutomaton } from './pattern-automaton.ts';
import { refuse } from './refusal.ts';
import type { RuleMaker } from './rule-maker.ts';
import type { Facts, Located } from './schema-facts.ts';
import { formatPatterns } from './string-formats.ts';

/** The strings that a pattern of the schema matches. */
export const languageOfPattern = ({ schema, pointer }: Located, maker: RuleMaker): Automaton => {
  if (typeof schema !== 'string') return refuse(pointer, 'give a regular expression as text');
  return maker.automaton(`pattern ${schema}`, () => patternAutomaton(schema, maker.context(pointer)));
};

/** Whether nothing limits the strings. */
export const isAnyString = (facts: Facts): boolean => languagesOf(facts).length === 0 && !hasLength(facts);

const languagesOf = ({ patterns, formats }: Facts): readonly Located[] => [
  ...patterns,
  ...formats.flatMap(({ schema, pointer }) => {
    const pattern = formatPatterns.get(String(schema));
    return pattern === undefined ? [] : [{ schema: pattern, pointer }];
  }),
];

/** The strings among the values of the facts; undefined: any string. */
export const stringAutomaton = (facts: Facts, maker: RuleMaker): Automaton | undefined => {
  const languages = languagesOf(facts);
  const { values, length, pointer } = facts;
  if (languages.length === 0 && values === undefined && !hasLength(facts)) return undefined;
  const context = maker.context(languages[0]?.pointer ?? pointer);
  const key = `string ${JSON.stringify([languages.map(({ schema }) => schema), length, values])}`;
  return maker.automaton(key, () => {
    const texts = values?.filter((value) => typeof value === 'string');
    const all = [
      ...(texts === undefined ? [] : [oneOfTexts(texts, context)]),
      ...languages.map((language) => languageOfPattern(language, maker)),
    ];
    const common = all.reduce<Automaton | undefined>(
      (joined, next) => (joined === undefined ? next : both(joined, next, context)),
      undefined,
    );
    return hasLength(facts)
      ? withLength(common ?? anyText, length.least ?? 0, length.most ?? Infinity, context)
      : (common ?? anyText);
  });
};

const hasLength = ({ length }: Facts): boolean => (length.least ?? 0) > 0 || length.most !== undefined;

/** Whether a fixed string satisfies what is said about strings. */
export const allowsString = (facts: Facts, text: string, maker: RuleMaker): boolean => {
  const { least, most } = facts.length;
  const characters = Array.from(text).length;
  return (
    characters >= (least ?? 0) &&
    characters <= (most ?? Infinity) &&
    languagesOf(facts).every((language) => matches(languageOfPattern(language, maker), text))
  );
};

/** The ways to write the strings of the facts; none when there is no such string. */
export const stringAlternatives = (facts: Facts, hint: string, maker: RuleMaker): readonly Alternative[] => {
  const { least = 0, most = Infinity } = facts.length;
  if (languagesOf(facts).length === 0) {
    if (least > most) return [];
    // Shorter than the schema allows where that is longer than any answer.
    const longest = most === Infinity ? most : Math.min(most, maxRepetition);
    const { rules } = maker;
    const sized = maker.ruleOnce(`text of ${least} to ${longest}`, 'text', (name) =>
      rules.define(name, [['"\\""', ...rules.repeat(stringChar(rules), least, longest), '"\\""']]),
    );
    return [[sized]];
  }
  const automaton = stringAutomaton(facts, maker);
  if (automaton === undefined || isEmpty(automaton)) return [];
  const key = `text ${JSON.stringify([languagesOf(facts).map(({ schema }) => schema), facts.length])}`;
  return [[maker.ruleOnce(key, hint, (name) => stringRule(automaton, name, maker.rules))]];
};
