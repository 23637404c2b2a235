import { both, isEmpty, matches, type Automaton } from './automaton.ts';
import { textRule } from './automaton-rules.ts';
import type { Alternative } from './grammar-rules.ts';
import { anyInteger, anyNumber } from './json-rules.ts';
import { numberAutomaton } from './number-automaton.ts';
import { refuse } from './refusal.ts';
import type { RuleMaker } from './rule-maker.ts';
import type { Facts } from './schema-facts.ts';

/** The ways to write the numbers of the facts; none when there is no such number. */
export const numberAlternatives = (
  facts: Facts,
  whole: boolean,
  maker: RuleMaker,
): readonly Alternative[] => {
  const automaton = limitedNumbers(facts, whole, maker);
  if (automaton === undefined) return [[(whole ? anyInteger : anyNumber)(maker.rules)]];
  if (isEmpty(automaton)) return [];
  const hint = whole ? 'integer' : 'number';
  return [[maker.ruleOnce(keyOf(facts, whole), hint, (name) => textRule(automaton, name, maker.rules))]];
};

/** Whether nothing limits the numbers. */
export const isPlainNumber = ({ minimum, maximum, multiples }: Facts): boolean =>
  // Generators of schemas write the range of exact integers beside every integer.
  (minimum?.value ?? -Infinity) <= Number.MIN_SAFE_INTEGER &&
  (maximum?.value ?? Infinity) >= Number.MAX_SAFE_INTEGER &&
  multiples.length === 0;

/** Whether a fixed number satisfies what is said about numbers. */
export const allowsNumber = (facts: Facts, value: number, maker: RuleMaker): boolean => {
  const automaton = limitedNumbers(facts, false, maker);
  return automaton === undefined || matches(automaton, JSON.stringify(value));
};

const keyOf = ({ minimum, maximum, multiples }: Facts, whole: boolean): string =>
  `number ${JSON.stringify([whole, minimum, maximum, multiples.map(({ schema }) => schema)])}`;

const limitedNumbers = (facts: Facts, whole: boolean, maker: RuleMaker): Automaton | undefined => {
  if (isPlainNumber(facts)) return undefined;
  const { minimum, maximum, multiples } = facts;
  const context = maker.context(multiples[0]?.pointer ?? facts.pointer);
  const limits = { whole, minimum, maximum };
  return maker.automaton(keyOf(facts, whole), () => {
    if (multiples.length === 0) return numberAutomaton({ ...limits, multipleOf: undefined }, context);
    return multiples
      .map(({ schema, pointer }) =>
        numberAutomaton(
          { ...limits, multipleOf: typeof schema === 'number' ? schema : refuse(pointer, 'give a number') },
          context,
        ),
      )
      .reduce((joined, next) => both(joined, next, context));
  });
};
