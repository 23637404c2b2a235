import { explore, type Automaton, type AutomatonContext } from './automaton.ts';
import { charsOf } from './char-set.ts';
import { refuse } from './refusal.ts';
import type { Bound } from './schema-facts.ts';

/** Numbers with bounds are written without an exponent, with at most this many digits before the point … */
const maxWholeDigits = 16;
/** … and this many altogether when there is a fraction: so many are always told apart by a double. */
const maxDigits = 15;
const maxModulus = 1000;

/** What a number must be, beside being written in decimal notation. */
export interface NumberLimits {
  readonly whole: boolean;
  readonly minimum: Bound | undefined;
  readonly maximum: Bound | undefined;
  readonly multipleOf: number | undefined;
}

/** A magnitude in decimal digits: 12.5 is `12` and `5`. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
  readonly exclusive: boolean;
}

/** Multiples of modulus / 10^scale. */
interface Multiple {
  readonly modulus: number;
  readonly scale: number;
}

type Order = -1 | 0 | 1;

interface Progress {
  /** The magnitude's interval; undefined before the sign is known. */
  readonly side: Side | undefined;
  readonly wholeDigits: number;
  /** Undefined before the point. */
  readonly fractionDigits: number | undefined;
  /** How the digits so far compare with those of the bounds. */
  readonly toLow: Order;
  readonly toHigh: Order;
  readonly zero: boolean;
  readonly rest: number;
}

interface Side {
  readonly name: string;
  readonly low: Decimal | undefined;
  readonly high: Decimal | undefined;
}

/** The automaton of the decimal texts of all numbers within the limits. */
export const numberAutomaton = (limits: NumberLimits, context: AutomatonContext): Automaton => {
  const multiple = multipleOf(limits.multipleOf, context.pointer);
  const sides = sidesOf(limits);
  const start: Progress = {
    side: undefined, wholeDigits: 0, fractionDigits: undefined, toLow: 0, toHigh: 0, zero: false, rest: 0,
  }; // prettier-ignore
  const fractionLimit = limits.multipleOf === undefined ? maxDigits : multiple.scale;

  const accepts = ({ side, wholeDigits, fractionDigits, toLow, toHigh, rest }: Progress): boolean => {
    if (side === undefined || wholeDigits === 0 || fractionDigits === 0) return false;
    const scaled = rest * 10 ** Math.max(0, multiple.scale - (fractionDigits ?? 0));
    if (scaled % multiple.modulus !== 0) return false;
    return fractionDigits === undefined
      ? withinWhole(side, wholeDigits, toLow, toHigh)
      : within(side, fractionDigits, toLow, toHigh);
  };

  const edges = (state: Progress): readonly (readonly [ReturnType<typeof charsOf>, Progress])[] => {
    const { side, wholeDigits, fractionDigits } = state;
    if (side === undefined) {
      const digitsOf = (next: Side): ReturnType<typeof edges> => edges({ ...state, side: next });
      return [
        ...(sides.positive === undefined ? [] : digitsOf(sides.positive)),
        ...(sides.negative === undefined
          ? []
          : [[charsOf('-'), { ...state, side: sides.negative }] as const]),
      ];
    }
    if (fractionDigits !== undefined) {
      if (fractionDigits >= Math.min(maxDigits - wholeDigits, fractionLimit)) return [];
      return digits.map(
        (digit) => [charsOf(String(digit)), fractionStep(state, side, digit, multiple)] as const,
      );
    }
    const mayGoOn = wholeDigits < maxWholeDigits && !state.zero;
    const mayHavePoint = wholeDigits > 0 && !limits.whole && wholeDigits < maxDigits && fractionLimit > 0;
    return [
      ...(mayGoOn
        ? digits.map((digit) => [charsOf(String(digit)), wholeStep(state, side, digit, multiple)] as const)
        : []),
      ...(mayHavePoint
        ? [
            [
              charsOf('.'),
              {
                ...state,
                fractionDigits: 0,
                toLow: wholeOrder(side.low, wholeDigits, state.toLow),
                toHigh: wholeOrder(side.high, wholeDigits, state.toHigh),
              },
            ] as const,
          ]
        : []),
    ];
  };

  return explore<Progress>(
    {
      start,
      key: ({ side, wholeDigits, fractionDigits, toLow, toHigh, zero, rest }) =>
        [side?.name, wholeDigits, fractionDigits, toLow, toHigh, zero, rest].join(),
      accepts,
      edges,
    },
    context,
  );
};

const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

const wholeStep = (state: Progress, side: Side, digit: number, { modulus }: Multiple): Progress => ({
  ...state,
  wholeDigits: state.wholeDigits + 1,
  zero: state.wholeDigits === 0 && digit === 0,
  toLow: compareDigit(state.toLow, digit, side.low?.whole[state.wholeDigits]),
  toHigh: compareDigit(state.toHigh, digit, side.high?.whole[state.wholeDigits]),
  rest: (state.rest * 10 + digit) % modulus,
});

const fractionStep = (state: Progress, side: Side, digit: number, { modulus }: Multiple): Progress => {
  const at = state.fractionDigits ?? 0;
  return {
    ...state,
    fractionDigits: at + 1,
    toLow: compareDigit(state.toLow, digit, side.low === undefined ? undefined : (side.low.fraction[at] ?? '0')),
    toHigh: compareDigit(state.toHigh, digit, side.high === undefined ? undefined : (side.high.fraction[at] ?? '0')),
    rest: (state.rest * 10 + digit) % modulus,
  }; // prettier-ignore
};

/** The first digit that differs decides. */
const compareDigit = (order: Order, digit: number, bound: string | undefined): Order => {
  if (order !== 0 || bound === undefined) return order;
  return Math.sign(digit - Number(bound)) as Order;
};

/** The longer whole part is the larger one. */
const wholeOrder = (bound: Decimal | undefined, wholeDigits: number, order: Order): Order =>
  bound === undefined || wholeDigits === bound.whole.length
    ? order
    : (Math.sign(wholeDigits - bound.whole.length) as Order);

const withinWhole = (side: Side, wholeDigits: number, toLow: Order, toHigh: Order): boolean =>
  within(side, 0, wholeOrder(side.low, wholeDigits, toLow), wholeOrder(side.high, wholeDigits, toHigh));

/** Whether a number that ends here, after `fractionDigits` digits behind the point, is in the interval. */
const within = ({ low, high }: Side, fractionDigits: number, toLow: Order, toHigh: Order): boolean => {
  const order = (bound: Decimal | undefined, before: Order): Order =>
    before === 0 && bound !== undefined && /[1-9]/.test(bound.fraction.slice(fractionDigits)) ? -1 : before;
  const [fromLow, fromHigh] = [order(low, toLow), order(high, toHigh)];
  return (
    (low === undefined || fromLow > 0 || (fromLow === 0 && !low.exclusive)) &&
    (high === undefined || fromHigh < 0 || (fromHigh === 0 && !high.exclusive))
  );
};

/** The intervals of the magnitudes of positive and of negative numbers. */
const sidesOf = ({
  whole,
  minimum,
  maximum,
}: NumberLimits): { readonly positive: Side | undefined; readonly negative: Side | undefined } => ({
  positive:
    maximum !== undefined && maximum.value < 0
      ? undefined
      : {
          name: '+',
          low: minimum === undefined || minimum.value < 0 ? undefined : decimal(minimum),
          high: maximum === undefined ? undefined : decimal(maximum),
        },
  negative:
    minimum !== undefined && minimum.value >= 0
      ? undefined
      : {
          name: '-',
          low:
            maximum !== undefined && maximum.value < 0
              ? decimal(maximum)
              : // Whole numbers have no negative zero; others have none where zero is left out.
                whole || (maximum?.value === 0 && maximum.exclusive)
                ? { whole: '0', fraction: '', exclusive: true }
                : undefined,
          high: minimum === undefined ? undefined : decimal(minimum),
        },
});

/** The magnitude of a bound without an exponent. */
const decimal = ({ value, exclusive }: Bound): Decimal => {
  const { digits: text, scale } = scaled(Math.abs(value));
  const padded = text.padStart(scale + 1, '0');
  return {
    whole: padded.slice(0, padded.length - scale),
    fraction: padded.slice(padded.length - scale),
    exclusive,
  };
};

/** A number that is not negative as digits / 10^scale. */
const scaled = (value: number): { readonly digits: string; readonly scale: number } => {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  return scale >= 0
    ? { digits: whole + fraction, scale }
    : { digits: whole + fraction + '0'.repeat(-scale), scale: 0 };
};

const multipleOf = (value: number | undefined, pointer: string): Multiple => {
  if (value === undefined) return { modulus: 1, scale: 0 };
  const { digits: text, scale } = scaled(value);
  const modulus = Number(text);
  if (!(value > 0) || modulus > maxModulus || scale > 9)
    return refuse(
      pointer,
      `use a multiple with at most 3 digits, such as 5, 100 or 0.01, or leave "multipleOf" out`,
    );
  return { modulus, scale };
};
