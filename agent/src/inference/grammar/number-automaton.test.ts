import { describe, expect, test } from '@jest/globals';
import { matches } from './automaton.ts';
import { randomFrom } from './grammar-sampler.fixture.ts';
import { numberAutomaton } from './number-automaton.ts';
import { WorkBudget } from './refusal.ts';
import type { Bound } from './schema-facts.ts';

const within = (value: number, minimum: Bound | undefined, maximum: Bound | undefined): boolean =>
  (minimum === undefined || (minimum.exclusive ? value > minimum.value : value >= minimum.value)) &&
  (maximum === undefined || (maximum.exclusive ? value < maximum.value : value <= maximum.value));

/** A number with at most three digits before the point and two behind it. */
const randomNumber = (random: () => number, whole: boolean): number => {
  const size = 10 ** Math.floor(random() * 4);
  const value = (random() - 0.5) * 2 * size;
  return whole ? Math.round(value) + 0 : Math.round(value * 100) / 100 + 0;
};

describe('the automaton of numbers', () => {
  test.each([true, false])('takes exactly the numbers within random bounds (whole: %s)', (whole) => {
    const random = randomFrom(99);
    const bound = (): Bound | undefined =>
      random() < 0.2 ? undefined : { value: randomNumber(random, random() < 0.5), exclusive: random() < 0.4 };
    for (let round = 0; round < 150; round++) {
      const [minimum, maximum] = [bound(), bound()];
      const automaton = numberAutomaton(
        { whole, minimum, maximum, multipleOf: undefined },
        { budget: new WorkBudget(1_000_000), pointer: '#' },
      );
      const near = [minimum, maximum].flatMap((side) =>
        side === undefined
          ? []
          : [side.value, side.value + 0.01, side.value - 0.01, side.value + 1, side.value - 1],
      );
      const values = [...near, ...Array.from({ length: 80 }, () => randomNumber(random, whole))]
        .map((value) => Number(value.toFixed(2)) + 0)
        .filter((value) => !whole || Number.isInteger(value));
      for (const value of values)
        expect({ minimum, maximum, value, taken: matches(automaton, String(value)) }).toEqual({
          minimum,
          maximum,
          value,
          taken: within(value, minimum, maximum),
        });
    }
  });

  test('compares texts with zeros behind and fractions longer than those of the bounds', () => {
    const automaton = numberAutomaton(
      { whole: false, minimum: { value: 1.5, exclusive: true }, maximum: { value: 2, exclusive: false }, multipleOf: undefined },
      { budget: new WorkBudget(1_000_000), pointer: '#' },
    ); // prettier-ignore
    const taken = ['1.50001', '1.51', '2', '2.0', '2.000'];
    const refused = ['1.5', '1.50', '1.4999', '2.001', '02', '1.', '.9', '-1.6', '1e0', '', '-'];
    expect([...taken, ...refused].filter((text) => matches(automaton, text))).toEqual(taken);
  });

  test('takes bounds that are written with an exponent', () => {
    const automaton = numberAutomaton(
      { whole: false, minimum: { value: 1e-7, exclusive: false }, maximum: { value: 1e21, exclusive: false }, multipleOf: undefined },
      { budget: new WorkBudget(1_000_000), pointer: '#' },
    ); // prettier-ignore
    expect(['0.0000001', '9999999999999999'].every((text) => matches(automaton, text))).toBe(true);
    expect(['0', '0.00000009'].some((text) => matches(automaton, text))).toBe(false);
  });

  test.each([
    [7, true],
    [12, true],
    [0.01, false],
    [0.5, false],
    [1.5, false],
    [3, false],
  ])('takes exactly the multiples of %d', (multipleOf, whole) => {
    const automaton = numberAutomaton(
      { whole, minimum: undefined, maximum: undefined, multipleOf },
      { budget: new WorkBudget(1_000_000), pointer: '#' },
    );
    for (let hundredths = -1000; hundredths <= 1000; hundredths++) {
      if (whole && hundredths % 100 !== 0) continue;
      const value = hundredths / 100 + 0;
      const isMultiple = hundredths % Math.round(multipleOf * 100) === 0;
      expect({ value, taken: matches(automaton, String(value)) }).toEqual({ value, taken: isMultiple });
    }
  });
});
