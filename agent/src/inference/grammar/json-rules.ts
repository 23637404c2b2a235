import { GrammarRules } from './grammar-rules.ts';
import { literal } from './gbnf-text.ts';

/** Rules for JSON itself, made when they are first asked for. */

/**
 * White space where a person or a program would put it: none, a space, or a line break with indentation.
 * It is bounded, because a small model can go on with white space for ever.
 */
export const whiteSpace = (rules: GrammarRules): string =>
  rules.shared('ws', () => [[], ['" "'], ['"\\n"', '[ \\t]{0,20}']]);

/** One character of a string: itself or escaped; escaped surrogates come as pairs. */
export const stringChar = (rules: GrammarRules): string =>
  rules.shared('char', () => [
    ['[^"\\\\\\x00-\\x1f\\x7f]'],
    ['"\\\\"', '["\\\\/bfnrt]'],
    ['"\\\\u"', '[0-9a-cA-CefEF]', '[0-9a-fA-F]{3}'],
    ['"\\\\u"', '[dD]', '[0-7]', '[0-9a-fA-F]{2}'],
    ['"\\\\u"', '[dD]', '[89abAB]', '[0-9a-fA-F]{2}', '"\\\\u"', '[dD]', '[c-fC-F]', '[0-9a-fA-F]{2}'],
  ]);

export const anyString = (rules: GrammarRules): string =>
  rules.shared('string', () => [['"\\""', `${stringChar(rules)}*`, '"\\""']]);

/** Whole numbers of at most 16 digits; more are not exact in most readers. */
export const anyInteger = (rules: GrammarRules): string =>
  rules.shared('integer', () => [
    ['"-"?', rules.shared('digits', () => [['"0"'], ['[1-9]', '[0-9]{0,15}']])],
  ]);

/** The largest exponent keeps every number below the range of a double. */
export const anyNumber = (rules: GrammarRules): string =>
  rules.shared('number', () => [
    [anyInteger(rules), '("." [0-9]{1,16})?', `(${['[eE]', '[-+]?', exponent(rules)].join(' ')})?`],
  ]);

const exponent = (rules: GrammarRules): string =>
  rules.shared('exponent', () => [['[0-9]{1,2}'], ['"1"', '[0-9]{2}'], ['"2"', '[0-8]', '[0-9]']]);

export const anyBoolean = (rules: GrammarRules): string =>
  rules.shared('boolean', () => [['"true"'], ['"false"']]);

export const anyArray = (rules: GrammarRules): string =>
  rules.shared('array', () => [
    [
      '"["',
      whiteSpace(rules),
      rules.shared('array-end', () => [['"]"'], listOf(rules, () => anyValue(rules))]),
    ],
  ]);

const listOf = (rules: GrammarRules, item: () => string): readonly string[] => {
  const more = rules.shared('array-more', () => [['","', whiteSpace(rules), item()]]);
  return [item(), `${more}*`, whiteSpace(rules), '"]"'];
};

export const anyObject = (rules: GrammarRules): string =>
  rules.shared('object', () => {
    const pair = rules.shared('pair', () => [[anyString(rules), '":"', whiteSpace(rules), anyValue(rules)]]);
    const more = rules.shared('pair-more', () => [['","', whiteSpace(rules), pair]]);
    const end = rules.shared('object-end', () => [['"}"'], [pair, `${more}*`, whiteSpace(rules), '"}"']]);
    return [['"{"', whiteSpace(rules), end]];
  });

export const anyValue = (rules: GrammarRules): string =>
  rules.shared('value', () => [
    [anyObject(rules)],
    [anyArray(rules)],
    [anyString(rules)],
    [anyNumber(rules)],
    [anyBoolean(rules)],
    ['"null"'],
  ]);

/** One fixed value; white space is free between its parts. */
export const fixedValue = (value: unknown, rules: GrammarRules): readonly string[] => {
  const ws = whiteSpace(rules);
  const list = (open: string, close: string, items: readonly (readonly string[])[]): readonly string[] =>
    items.length === 0
      ? [literal(open + close)]
      : [
          literal(open),
          ws,
          ...items.flatMap((item, index) => (index === 0 ? item : ['","', ws, ...item])),
          ws,
          literal(close),
        ];
  if (Array.isArray(value))
    return list(
      '[',
      ']',
      value.map((item) => fixedValue(item, rules)),
    );
  if (typeof value !== 'object' || value === null) return [literal(JSON.stringify(value))];
  const pairs = Object.entries(value).map(([key, item]) => [
    literal(`${JSON.stringify(key)}:`),
    ws,
    ...fixedValue(item, rules),
  ]);
  return list('{', '}', pairs);
};

/** The grammar of any JSON object, with bounded white space. */
export const jsonGrammar: string = (() => {
  const rules = new GrammarRules();
  rules.define('root', [[anyObject(rules)]]);
  return rules.text();
})();
